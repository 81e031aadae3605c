#include "cli/emit.h"

namespace leeward::cli {

void Write(std::FILE* to, std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), to);  // the stream remembers a failure
}

bool AllTaken() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace leeward::cli
