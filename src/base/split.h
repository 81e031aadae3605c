// The parts of a text.
#pragma once

#include <string_view>
#include <vector>

namespace leeward::base {

// Views into `text`; empty parts count, and a text without a separator is one part.
inline std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace leeward::base
