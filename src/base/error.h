// Error: why something did not work, as a value. Few codes, rich context.
//
// The code says what a caller may do about it; the message is for people and names what happened,
// to what, and what to do. Context is added on the way up with Error::Context.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace leeward::base {

enum class ErrorCode {
  kInvalid,      // the input is wrong; trying again does not help
  kNotFound,     // the named thing does not exist
  kAlready,      // the thing exists, or is already so
  kWrongState,   // exists, but its state does not allow this now
  kRefused,      // a gate said no
  kDenied,       // not authenticated or not allowed
  kThrottled,    // asked too often; later may work
  kUnreachable,  // no answer: connect or read time-out, DNS, TLS, reset. How a lost Region looks
  kService,      // the service answered that it is broken (5xx)
  kCorrupt,      // stored data does not hold together
  kExhausted,    // a limit of ours or of the machine: disk full, queue full, too large
  kCancelled,    // we were asked to stop
};

// "not-found", "unreachable", ... for logs and JSON. Stable.
std::string_view Name(ErrorCode code);

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // Service-level code as on the wire ("DBInstanceNotFound"), empty when there is none.
  const std::string& service_code() const { return service_code_; }
  Error WithServiceCode(std::string code) && {
    service_code_ = std::move(code);
    return std::move(*this);
  }

  // Returns the error with `what` put before the message: "what: message".
  Error Context(std::string_view what) &&;

 private:
  ErrorCode code_;
  std::string message_;
  std::string service_code_;
};

inline Error Invalid(std::string m) { return {ErrorCode::kInvalid, std::move(m)}; }
inline Error NotFound(std::string m) { return {ErrorCode::kNotFound, std::move(m)}; }
inline Error Already(std::string m) { return {ErrorCode::kAlready, std::move(m)}; }
inline Error WrongState(std::string m) { return {ErrorCode::kWrongState, std::move(m)}; }
inline Error Refused(std::string m) { return {ErrorCode::kRefused, std::move(m)}; }
inline Error Denied(std::string m) { return {ErrorCode::kDenied, std::move(m)}; }
inline Error Throttled(std::string m) { return {ErrorCode::kThrottled, std::move(m)}; }
inline Error Unreachable(std::string m) { return {ErrorCode::kUnreachable, std::move(m)}; }
inline Error ServiceBroken(std::string m) { return {ErrorCode::kService, std::move(m)}; }
inline Error Corrupt(std::string m) { return {ErrorCode::kCorrupt, std::move(m)}; }
inline Error Exhausted(std::string m) { return {ErrorCode::kExhausted, std::move(m)}; }
inline Error Cancelled(std::string m) { return {ErrorCode::kCancelled, std::move(m)}; }

}  // namespace leeward::base
