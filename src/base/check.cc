#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace leeward::base {

void CheckFailed(const char* file, int line, const char* condition, const char* detail) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s%s%s\n", file, line, condition,
               *detail != '\0' ? ": " : "", detail);
  std::abort();
}

}  // namespace leeward::base
