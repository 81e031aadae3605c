#include "aws/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leeward::aws {
namespace {

using base::ErrorCode;

constexpr std::array kThrottles = {"Throttling",
                                   "ThrottlingException",
                                   "ThrottledException",
                                   "RequestThrottled",
                                   "RequestThrottledException",
                                   "TooManyRequestsException",
                                   "ProvisionedThroughputExceededException",
                                   "TransactionInProgressException",
                                   "RequestLimitExceeded",
                                   "BandwidthLimitExceeded",
                                   "LimitExceededException",
                                   "SlowDown",
                                   "PriorRequestNotComplete",
                                   "EC2ThrottledException"};
constexpr std::array kDenials = {"AuthFailure",
                                 "InvalidClientTokenId",
                                 "SignatureDoesNotMatch",
                                 "UnrecognizedClientException",
                                 "InvalidSignatureException",
                                 "IncompleteSignature",
                                 "IncompleteSignatureException",
                                 "MissingAuthenticationToken",
                                 "MissingAuthenticationTokenException",
                                 "RequestExpired",
                                 "ExpiredToken",
                                 "ExpiredTokenException",
                                 "InvalidAccessKeyId",
                                 "OptInRequired",
                                 "UnauthorizedOperation",
                                 "NotAuthorized",
                                 "RequestTimeTooSkewed",
                                 "InvalidToken"};
constexpr std::array kTransients = {
    "RequestTimeout",      "RequestTimeoutException", "InternalError",        "InternalFailure",
    "InternalServerError", "ServiceUnavailable",      "IDPCommunicationError"};
constexpr std::array kTransientStatus = {500, 502, 503, 504};

template <typename Table>
bool In(const Table& table, std::string_view code) {
  return std::any_of(table.begin(), table.end(),
                     [&](std::string_view entry) { return entry == code; });
}
bool Has(std::string_view code, std::string_view part) {
  return code.find(part) != std::string_view::npos;
}

bool IsDenial(std::string_view code) {
  return In(kDenials, code) || code.starts_with("AccessDenied") || Has(code, "NotAuthorized");
}
bool IsMissing(std::string_view code) {
  return Has(code, "NotFound") || code.starts_with("NoSuch") || Has(code, "NotExist");
}
bool IsPresent(std::string_view code) {
  return Has(code, "AlreadyExist") || Has(code, "Duplicate") || Has(code, "AlreadyOwned") ||
         code == "ResourceExistsException";
}
bool IsWrongState(std::string_view code) {
  // InvalidDBInstanceState, IncorrectFileSystemLifeCycleState, KMSInvalidStateException.
  const bool not_now = Has(code, "Invalid") || Has(code, "Incorrect");
  return (not_now && Has(code, "State")) || Has(code, "InUse") || code == "DependencyViolation" ||
         code == "ConflictException" || Has(code, "InProgress") || Has(code, "NotActive");
}

}  // namespace

bool IsThrottle(std::string_view service_code) { return In(kThrottles, service_code); }

bool IsTransient(const ServiceError& error) {
  const bool by_status = std::find(kTransientStatus.begin(), kTransientStatus.end(),
                                   error.status) != kTransientStatus.end();
  return by_status || error.status == 429 || IsThrottle(error.code) || In(kTransients, error.code);
}

ErrorCode ClassOf(const ServiceError& error) {
  if (IsThrottle(error.code) || error.status == 429) return ErrorCode::kThrottled;
  if (IsDenial(error.code)) return ErrorCode::kDenied;
  if (IsMissing(error.code)) return ErrorCode::kNotFound;
  if (IsPresent(error.code)) return ErrorCode::kAlready;
  if (IsWrongState(error.code)) return ErrorCode::kWrongState;
  if (error.status >= 500 || error.status < 400) return ErrorCode::kService;
  if (!error.code.empty())
    return error.status == 401 || error.status == 403 ? ErrorCode::kDenied : ErrorCode::kInvalid;
  // No code: all there is to go by is the status.
  if (error.status == 404) return ErrorCode::kNotFound;
  if (error.status == 401 || error.status == 403) return ErrorCode::kDenied;
  return ErrorCode::kInvalid;
}

base::Error ToError(const ServiceError& error, std::string_view what) {
  const std::string code =
      error.code.empty() ? fmt::format("HTTP status {}", error.status) : error.code;
  std::string message = fmt::format("{}: {}", what, code);
  if (!error.message.empty()) message += ": " + error.message;
  if (!error.request_id.empty()) message += fmt::format(" (request id {})", error.request_id);
  return base::Error(ClassOf(error), std::move(message)).WithServiceCode(error.code);
}

}  // namespace leeward::aws
