// What a session's token says (RFC 7519), and when it is to be believed.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "session/record.h"

namespace leeward::session {

// Times are whole seconds, as JWT's are.
struct Claims {
  std::string issuer, audience, subject;       // iss, aud, sub
  Handle session;                              // sid: the same in every token of one session
  base::WallTime issued, not_before, expires;  // iat, nbf, exp
  base::WallTime began, ends;                  // of the session: when it was made, its last moment
  std::map<std::string, std::string> data;

  friend bool operator==(const Claims&, const Claims&) = default;
};

struct Expected {
  std::string issuer, audience;
  base::WallTime now;
  base::Duration skew{};  // how far clocks may be apart
};

std::string ToJson(const Claims& claims);
// The error's service_code() is "malformed".
base::Result<Claims> ClaimsFromJson(std::string_view text, const DataLimits& limits);
// The error's service_code() says which: "issuer", "audience", "expired" (by more than the skew),
// "not-yet" (nbf or iat ahead by more than the skew).
base::Status CheckClaims(const Claims& claims, const Expected& expected);

base::WallTime WholeSeconds(base::WallTime time);

}  // namespace leeward::session
