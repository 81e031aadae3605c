#include "lab/wire/codec.h"

namespace leeward::lab::wire {
namespace {

using shapes::Protocol;

struct Row {
  AuthProblem problem;
  std::string_view query;  // query and rest-xml
  std::string_view ec2;
  std::string_view json;     // JSON, rest-json and CBOR
  std::string_view message;  // empty: the outcome's detail
};

constexpr std::string_view kBadToken = "The security token included in the request is invalid.";
constexpr std::string_view kExpiredToken = "The security token included in the request is expired";
constexpr std::string_view kEc2Denied =
    "AWS was not able to validate the provided access credentials";

// clang-format off
constexpr Row kRows[] = {
    {AuthProblem::kMissing, "MissingAuthenticationToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException", ""},
    {AuthProblem::kIncomplete, "IncompleteSignature", "IncompleteSignature", "IncompleteSignatureException", ""},
    {AuthProblem::kUnknownKey, "InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException", kBadToken},
    {AuthProblem::kBadToken, "InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException", kBadToken},
    {AuthProblem::kExpiredToken, "ExpiredToken", "RequestExpired", "ExpiredTokenException", kExpiredToken},
    {AuthProblem::kWrongScope, "SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException", ""},
    {AuthProblem::kMismatch, "SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException", ""},
    {AuthProblem::kSkewed, "SignatureDoesNotMatch", "RequestExpired", "InvalidSignatureException", ""},
    {AuthProblem::kExpired, "RequestExpired", "RequestExpired", "RequestExpired", ""},
};
// clang-format on

int StatusOf(Protocol protocol, std::string_view code) {
  if (protocol == Protocol::kEc2)
    return code == "AuthFailure" ? 401 : code == "RequestExpired" ? 400 : 403;
  const bool rpc =
      protocol == Protocol::kJson10 || protocol == Protocol::kJson11 || protocol == Protocol::kCbor;
  if (code == "RequestExpired") return 400;
  return rpc ? 400 : 403;
}

struct S3Row {
  AuthProblem problem;
  std::string_view code;
  int status;
  std::string_view message;  // empty: the outcome's detail
};

// clang-format off
constexpr S3Row kS3Rows[] = {
    {AuthProblem::kMissing, "AccessDenied", 403, "Access Denied"},
    {AuthProblem::kIncomplete, "AuthorizationHeaderMalformed", 400, ""},
    {AuthProblem::kUnknownKey, "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
    {AuthProblem::kBadToken, "InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
    {AuthProblem::kExpiredToken, "ExpiredToken", 400, "The provided token has expired."},
    {AuthProblem::kWrongScope, "AuthorizationHeaderMalformed", 400, ""},
    {AuthProblem::kMismatch, "SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."},
    {AuthProblem::kSkewed, "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."},
    {AuthProblem::kExpired, "AccessDenied", 403, "Request has expired"},
};
// clang-format on

}  // namespace

ApiError S3AuthError(const AuthOutcome& outcome) {
  for (const S3Row& row : kS3Rows) {
    if (row.problem != outcome.problem) continue;
    const std::string_view message =
        row.message.empty() ? std::string_view(outcome.detail) : row.message;
    return {std::string(row.code), std::string(message), row.status, {}};
  }
  return {"InternalError", "a signature that is in order was refused", 500, {}};
}

ApiError AuthError(const AuthOutcome& outcome, Protocol protocol) {
  for (const Row& row : kRows) {
    if (row.problem != outcome.problem) continue;
    const bool xml = protocol == Protocol::kQuery || protocol == Protocol::kRestXml;
    const std::string_view code = protocol == Protocol::kEc2 ? row.ec2 : xml ? row.query : row.json;
    std::string_view message = row.message.empty() ? std::string_view(outcome.detail) : row.message;
    if (code == "AuthFailure") message = kEc2Denied;
    return {std::string(code), std::string(message), StatusOf(protocol, code), {}};
  }
  return {"InternalFailure", "a signature that is in order was refused", 500, {}};
}

}  // namespace leeward::lab::wire
