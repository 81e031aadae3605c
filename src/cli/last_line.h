// The last line that a program said: what a message about its failure repeats.
#pragma once

#include <string>

namespace leeward::cli {

// Without the line ends and blanks after it; empty for a text that has nothing else.
inline std::string LastLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace leeward::cli
