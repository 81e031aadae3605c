#include "base/error.h"

#include "base/check.h"

namespace leeward::base {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kAlready:
      return "already";
    case ErrorCode::kWrongState:
      return "wrong-state";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kThrottled:
      return "throttled";
    case ErrorCode::kUnreachable:
      return "unreachable";
    case ErrorCode::kService:
      return "service";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kExhausted:
      return "exhausted";
    case ErrorCode::kCancelled:
      return "cancelled";
  }
  CHECK_NEVER("ErrorCode outside its enum");
}

Error Error::Context(std::string_view what) && {
  message_ = std::string(what) + ": " + message_;
  return std::move(*this);
}

}  // namespace leeward::base
