// Signature Version 4 as the receiving side sees it: read who signed what, and check it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lab/wire/request.h"

namespace leeward::lab::wire {

inline constexpr base::Duration kMaxClockSkew = std::chrono::minutes(15);
inline constexpr base::Duration kMaxExpiry = std::chrono::hours(24 * 7);

enum class AuthProblem {
  kNone,
  kMissing,       // no signature at all
  kIncomplete,    // one that cannot be read
  kUnknownKey,    // no such access key
  kBadToken,      // a session token that is not ours, or not this key's
  kExpiredToken,  // a session token that was ours
  kWrongScope,    // signed for another Region or service than the one that is asked
  kMismatch,      // the signature is not that of this request with this key
  kSkewed,        // signed too long ago, or in the future
  kExpired,       // a presigned request past its time
};

struct AuthOutcome {
  AuthProblem problem = AuthProblem::kNone;
  std::string detail;  // AWS's wording
  bool ok() const { return problem == AuthProblem::kNone; }
};

// What a request says about its signature.
struct Claim {
  std::string access_key;
  std::string date;  // "20261123"
  std::string region;
  std::string service;
  std::string time;  // "20261123T082053Z"
  std::string token;
  std::string signature;
  std::vector<std::string> signed_headers;
  base::Duration expires{0};
  enum class Place { kHeader, kQuery } place = Place::kHeader;
};

// Reads the Authorization header or the X-Amz-* parameters.
AuthOutcome ReadClaim(const Request& request, Claim* claim);

// S3 signs the path as it is; every other service signs its normalised form, encoded once more.
enum class PathRule { kNormalised, kAsSent };
PathRule PathRuleOf(std::string_view service);

std::string CanonicalRequest(const Request& request, const Claim& claim, PathRule rule);
std::string StringToSign(const Claim& claim, std::string_view canonical_request);
// What the secret makes for the claim's day, Region and service; raw bytes.
std::string SigningKey(const Claim& claim, std::string_view secret);
std::string Signature(const Claim& claim, std::string_view secret, std::string_view string_to_sign);
// Takes as long for a signature that differs early as for one that differs late.
bool SameSignature(std::string_view a, std::string_view b);

// Checks time, headers, body digest and signature.
AuthOutcome CheckSignature(const Request& request, const Claim& claim, std::string_view secret,
                           base::WallTime now);

}  // namespace leeward::lab::wire
