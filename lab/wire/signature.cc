#include "lab/wire/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/bytes.h"
#include "lab/wire/aws_chunked.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::string_view kS3Scope = "s3";

AuthOutcome Incomplete(std::string detail) { return {AuthProblem::kIncomplete, std::move(detail)}; }

AuthOutcome ReadCredential(std::string_view text, Claim* claim) {
  const auto parts = Split(text, '/');
  // An access key holds no '/', and the scope has four parts.
  if (parts.size() != 5 || parts[4] != "aws4_request" || parts[1].size() != 8 || parts[0].empty()) {
    return Incomplete(
        fmt::format("Credential must have exactly 5 slash-delimited elements, e.g. "
                    "keyid/date/region/service/term, got '{}'",
                    text));
  }
  claim->access_key = parts[0];
  claim->date = parts[1];
  claim->region = parts[2];
  claim->service = parts[3];
  return {};
}

void ReadSignedHeaders(std::string_view text, Claim* claim) {
  for (const std::string_view name : Split(text, ';')) claim->signed_headers.emplace_back(name);
}

AuthOutcome ReadHeaderClaim(const Request& request, std::string_view header, Claim* claim) {
  claim->place = Claim::Place::kHeader;
  std::map<std::string_view, std::string_view> fields;
  header.remove_prefix(kAlgorithm.size());
  for (const std::string_view part : Split(header, ',')) {
    const std::string_view field = Trim(part);
    const auto equals = field.find('=');
    if (equals != std::string_view::npos)
      fields[field.substr(0, equals)] = field.substr(equals + 1);
  }
  for (const char* name : {"Credential", "Signature", "SignedHeaders"}) {
    if (!fields.contains(name)) {
      return Incomplete(
          fmt::format("Authorization header requires '{}' parameter. Authorization={}", name,
                      request.Header("Authorization").substr(0, 32)));
    }
  }
  claim->signature = fields["Signature"];
  claim->token = request.Header("X-Amz-Security-Token");
  claim->time = request.Header("X-Amz-Date");
  if (claim->time.empty() && request.HasHeader("Date")) {
    const auto date = base::ParseHttpDate(request.Header("Date"));
    if (date.ok()) claim->time = base::FormatAmzDate(*date);
  }
  if (claim->time.empty()) {
    return Incomplete(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  ReadSignedHeaders(fields["SignedHeaders"], claim);
  return ReadCredential(fields["Credential"], claim);
}

AuthOutcome ReadQueryClaim(const Pairs& pairs, Claim* claim) {
  claim->place = Claim::Place::kQuery;
  for (const char* name :
       {"X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"}) {
    if (!Contains(pairs, name))
      return Incomplete(fmt::format("AWS query-string parameters must include '{}'", name));
  }
  claim->signature = ValueOf(pairs, "X-Amz-Signature");
  claim->token = ValueOf(pairs, "X-Amz-Security-Token");
  claim->time = ValueOf(pairs, "X-Amz-Date");
  ReadSignedHeaders(ValueOf(pairs, "X-Amz-SignedHeaders"), claim);
  std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(kMaxClockSkew).count();
  const std::string_view expires = ValueOf(pairs, "X-Amz-Expires");
  if (!expires.empty()) {
    const auto [stop, error] =
        std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
    if (error != std::errc() || stop != expires.data() + expires.size() || seconds < 0 ||
        seconds > std::chrono::duration_cast<std::chrono::seconds>(kMaxExpiry).count()) {
      return Incomplete("X-Amz-Expires must be a number of seconds between 0 and 604800");
    }
  }
  claim->expires = std::chrono::seconds(seconds);
  return ReadCredential(ValueOf(pairs, "X-Amz-Credential"), claim);
}

// Removes "." and ".." and doubled slashes, as RFC 3986 section 6 does.
std::string Normalised(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
      continue;
    }
    kept.push_back(part);
  }
  std::string out;
  for (const std::string_view part : kept) out += fmt::format("/{}", part);
  const bool slash = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (out.empty() || slash) out += '/';
  return out;
}

std::string CanonicalPath(std::string_view path, PathRule rule) {
  if (path.empty()) return "/";
  // S3's path is sent encoded once already.
  if (rule == PathRule::kAsSent) return base::PercentEncode(path, "/%");
  return base::PercentEncode(Normalised(path), "/");
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  const auto pairs = ParsePairs(query);
  if (!pairs.ok()) return std::string(query);
  for (const auto& [name, value] : *pairs) {
    if (name == "X-Amz-Signature") continue;
    encoded.emplace_back(base::PercentEncode(name), base::PercentEncode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded)
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  return out;
}

std::string Collapsed(std::string_view value) {
  std::string out;
  for (const char c : Trim(value)) {
    if (c == ' ' && out.ends_with(' ')) continue;
    out += c;
  }
  return out;
}

std::string CanonicalHeaders(const Request& request, const Claim& claim) {
  std::string out;
  for (const std::string& name : claim.signed_headers) {
    std::string values;
    bool first = true;
    for (const auto& [key, value] : request.headers) {
      if (!SameText(key, name)) continue;
      values += (first ? "" : ",") + Collapsed(value);
      first = false;
    }
    out += fmt::format("{}:{}\n", name, values);
  }
  return out;
}

// S3 takes bodies that are signed by themselves, and has none of a presigned request signed.
std::string PayloadDigest(const Request& request, const Claim& claim) {
  const std::string_view stated = request.Header("X-Amz-Content-Sha256");
  if (stated == kUnsignedPayload) return std::string(stated);
  if (claim.service == kS3Scope && ChunkedFormOf(stated)) return std::string(stated);
  if (claim.service == kS3Scope && stated.empty() && claim.place == Claim::Place::kQuery)
    return std::string(kUnsignedPayload);
  return base::Sha256Hex(request.body);
}

AuthOutcome CheckTime(const Claim& claim, base::WallTime now) {
  const auto time = base::ParseAmzDate(claim.time);
  if (!time.ok())
    return Incomplete(
        fmt::format("Date must be in ISO-8601 'basic format'. Got '{}'.", claim.time));
  if (!claim.time.starts_with(claim.date)) {
    return {AuthProblem::kMismatch,
            fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                        "of date from HTTP: '{}' != '{}'",
                        claim.date, claim.time.substr(0, 8))};
  }
  if (*time - now > kMaxClockSkew) {
    return {AuthProblem::kSkewed,
            fmt::format("Signature not yet current: {} is still later than {} ({} + 15 min.)",
                        claim.time, base::FormatAmzDate(now + kMaxClockSkew),
                        base::FormatAmzDate(now))};
  }
  const bool query = claim.place == Claim::Place::kQuery;
  const base::Duration allowed = query ? claim.expires : kMaxClockSkew;
  if (now - *time > allowed) {
    const auto limit = base::FormatAmzDate(now - kMaxClockSkew);
    if (query) return {AuthProblem::kExpired, "Request has expired."};
    return {AuthProblem::kSkewed,
            fmt::format("Signature expired: {} is now earlier than {} ({} - 15 min.)", claim.time,
                        limit, base::FormatAmzDate(now))};
  }
  return {};
}

}  // namespace

AuthOutcome ReadClaim(const Request& request, Claim* claim) {
  const std::string_view header = request.Header("Authorization");
  if (!header.empty()) {
    if (header.starts_with(kAlgorithm)) return ReadHeaderClaim(request, header, claim);
    return Incomplete(
        "Authorization header requires 'Credential' parameter with 'AWS4-HMAC-SHA256'.");
  }
  const auto pairs = ParsePairs(request.Query());
  if (pairs.ok() && (Contains(*pairs, "X-Amz-Algorithm") || Contains(*pairs, "X-Amz-Signature"))) {
    if (ValueOf(*pairs, "X-Amz-Algorithm") != kAlgorithm)
      return Incomplete("X-Amz-Algorithm must be AWS4-HMAC-SHA256");
    return ReadQueryClaim(*pairs, claim);
  }
  return {AuthProblem::kMissing, "Request is missing Authentication Token"};
}

PathRule PathRuleOf(std::string_view service) {
  return service == kS3Scope ? PathRule::kAsSent : PathRule::kNormalised;
}

std::string CanonicalRequest(const Request& request, const Claim& claim, PathRule rule) {
  std::string names;
  for (const std::string& name : claim.signed_headers) names += (names.empty() ? "" : ";") + name;
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, CanonicalPath(request.Path(), rule),
                     CanonicalQuery(request.Query()), CanonicalHeaders(request, claim), names,
                     PayloadDigest(request, claim));
}

std::string StringToSign(const Claim& claim, std::string_view canonical_request) {
  return fmt::format("{}\n{}\n{}/{}/{}/aws4_request\n{}", kAlgorithm, claim.time, claim.date,
                     claim.region, claim.service, base::Sha256Hex(canonical_request));
}

std::string SigningKey(const Claim& claim, std::string_view secret) {
  const auto date = base::HmacSha256(fmt::format("AWS4{}", secret), claim.date);
  const auto region = base::HmacSha256(base::AsView(date), claim.region);
  const auto service = base::HmacSha256(base::AsView(region), claim.service);
  const auto key = base::HmacSha256(base::AsView(service), "aws4_request");
  return std::string(base::AsView(key));
}

std::string Signature(const Claim& claim, std::string_view secret,
                      std::string_view string_to_sign) {
  const auto signature = base::HmacSha256(SigningKey(claim, secret), string_to_sign);
  return base::HexEncode(base::AsView(signature));
}

bool SameSignature(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

AuthOutcome CheckSignature(const Request& request, const Claim& claim, std::string_view secret,
                           base::WallTime now) {
  AuthOutcome time = CheckTime(claim, now);
  if (!time.ok()) return time;
  const bool host = std::find(claim.signed_headers.begin(), claim.signed_headers.end(), "host") !=
                    claim.signed_headers.end();
  if (!host) return Incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  const std::string_view stated = request.Header("X-Amz-Content-Sha256");
  const std::string mismatch =
      "The request signature we calculated does not match the signature you provided. Check your "
      "AWS Secret Access Key "
      "and signing method. Consult the service documentation for details.";
  const bool digest_differs = !stated.empty() && stated != PayloadDigest(request, claim);
  const std::string canonical = CanonicalRequest(request, claim, PathRuleOf(claim.service));
  const std::string wanted = Signature(claim, secret, StringToSign(claim, canonical));
  if (digest_differs || !SameSignature(wanted, claim.signature))
    return {AuthProblem::kMismatch, mismatch};
  return {};
}

}  // namespace leeward::lab::wire
