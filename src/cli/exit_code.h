// How a run ends, for scripts. Stable.
#pragma once

#include "base/error.h"

namespace leeward::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadUsage = 2;  // or a bad spec
inline constexpr int kGateRefused = 3;
inline constexpr int kCannotReach =
    4;  // what it needs: a service, credentials, a file, room on the disk

// The exit code for an error that ended a run.
int ExitCodeFor(base::ErrorCode code);
// Prints "leeward: message" on standard error and returns the exit code for it.
int Complain(const base::Error& error);

}  // namespace leeward::cli
