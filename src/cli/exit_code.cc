#include "cli/exit_code.h"

#include <cstdio>

#include "cli/terminal.h"

namespace leeward::cli {

int ExitCodeFor(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kInvalid:
      return kBadUsage;
    case base::ErrorCode::kRefused:
      return kGateRefused;
    case base::ErrorCode::kNotFound:
    case base::ErrorCode::kDenied:
    case base::ErrorCode::kThrottled:
    case base::ErrorCode::kUnreachable:
    case base::ErrorCode::kService:
    case base::ErrorCode::kCorrupt:
    case base::ErrorCode::kExhausted:
      return kCannotReach;
    case base::ErrorCode::kAlready:
    case base::ErrorCode::kWrongState:
    case base::ErrorCode::kCancelled:
      return kFailed;
  }
  return kFailed;
}

int Complain(const base::Error& error) {
  std::fprintf(stderr, "leeward: %s\n", Printable(error.message()).c_str());
  return ExitCodeFor(error.code());
}

}  // namespace leeward::cli
