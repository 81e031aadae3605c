// CHECK: our own invariants. A broken one is a mistake of ours, so the process stops in every
// build; what the world does wrong is a base::Result instead.
#pragma once

namespace leeward::base {

// Prints `file:line: CHECK failed: condition: detail` to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const char* detail);

}  // namespace leeward::base

#define CHECK(condition)                                                \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::leeward::base::CheckFailed(__FILE__, __LINE__, #condition, ""); \
  } while (false)

#define CHECK_MSG(condition, detail)                                        \
  do {                                                                      \
    if (!(condition)) [[unlikely]]                                          \
      ::leeward::base::CheckFailed(__FILE__, __LINE__, #condition, detail); \
  } while (false)

// A place that is never reached. Unconditional, so a compiler that follows no condition (a
// sanitizer build) knows it too.
#define CHECK_NEVER(detail) \
  ::leeward::base::CheckFailed(__FILE__, __LINE__, "never reached", detail)
