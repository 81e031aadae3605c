#include "session/claims.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/last_moment.h"

namespace leeward::session {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxSeconds = base::kLastMoment.count();
constexpr std::size_t kMaxName = 256;  // bytes of issuer and audience

std::int64_t SecondsOf(base::WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.since_epoch).count();
}

base::Error Malformed(const std::string& what) {
  return base::Denied("the token's " + what).WithServiceCode("malformed");
}
base::Error Because(const char* code, const char* what) {
  return base::Denied(what).WithServiceCode(code);
}

base::Result<std::string> Text(const Json& json, const char* name, std::size_t most) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string())
    return Malformed(std::string(name) + " is missing or no text");
  std::string text = found->get<std::string>();
  if (text.size() > most) return Malformed(std::string(name) + " is too long");
  return text;
}

base::Result<base::WallTime> Time(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned() ||
      found->get<std::uint64_t>() > std::uint64_t{kMaxSeconds}) {
    return Malformed(std::string(name) + " is missing or no time");
  }
  return base::WallTime{std::chrono::seconds(found->get<std::int64_t>())};
}

base::Result<std::map<std::string, std::string>> DataFrom(const Json& json) {
  std::map<std::string, std::string> data;
  const auto found = json.find("data");
  if (found == json.end()) return data;
  if (!found->is_object()) return Malformed("data is no object");
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) return Malformed("data has a value that is no text");
    data.emplace(name, value.get<std::string>());
  }
  return data;
}

}  // namespace

base::WallTime WholeSeconds(base::WallTime time) { return {std::chrono::seconds(SecondsOf(time))}; }

std::string ToJson(const Claims& claims) {
  Json json = {{"iss", claims.issuer},
               {"aud", claims.audience},
               {"sub", claims.subject},
               {"sid", claims.session.str()},
               {"iat", SecondsOf(claims.issued)},
               {"nbf", SecondsOf(claims.not_before)},
               {"exp", SecondsOf(claims.expires)},
               {"began", SecondsOf(claims.began)},
               {"ends", SecondsOf(claims.ends)}};
  if (!claims.data.empty()) json["data"] = claims.data;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Claims> ClaimsFromJson(std::string_view text, const DataLimits& limits) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Malformed("claims are no JSON object");
  Claims claims;
  ASSIGN_OR_RETURN(claims.issuer, Text(json, "iss", kMaxName));
  ASSIGN_OR_RETURN(claims.audience, Text(json, "aud", kMaxName));
  ASSIGN_OR_RETURN(claims.subject, Text(json, "sub", limits.subject));
  ASSIGN_OR_RETURN(const std::string handle, Text(json, "sid", kMaxName));
  if (!IsHandle(handle)) return Malformed("sid is none of ours");
  claims.session = Handle(handle);
  ASSIGN_OR_RETURN(claims.issued, Time(json, "iat"));
  ASSIGN_OR_RETURN(claims.not_before, Time(json, "nbf"));
  ASSIGN_OR_RETURN(claims.expires, Time(json, "exp"));
  ASSIGN_OR_RETURN(claims.began, Time(json, "began"));
  ASSIGN_OR_RETURN(claims.ends, Time(json, "ends"));
  ASSIGN_OR_RETURN(claims.data, DataFrom(json));
  if (!CheckData(claims.data, limits).ok()) return Malformed("data is too large");
  return claims;
}

base::Status CheckClaims(const Claims& claims, const Expected& expected) {
  if (claims.issuer != expected.issuer) return Because("issuer", "the token is of another issuer");
  if (claims.audience != expected.audience)
    return Because("audience", "the token is for another audience");
  const base::WallTime last = std::min(claims.expires, claims.ends);
  if (expected.now - expected.skew >= last) return Because("expired", "the token has expired");
  const base::WallTime first = std::max(claims.not_before, claims.issued);
  if (expected.now + expected.skew < first)
    return Because("not-yet", "the token is from the future; look at the clocks");
  return base::Ok();
}

}  // namespace leeward::session
