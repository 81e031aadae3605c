#include "aws/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "base/bytes.h"

namespace leeward::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

// Leading and trailing space goes, runs of it become one blank.
std::string Squeeze(std::string_view text) {
  std::string out;
  bool gap = false;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      gap = !out.empty();
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    out += c;
  }
  return out;
}

// Lower-case name → values joined by commas, in order of arrival.
std::map<std::string, std::string> CanonicalHeaders(const ports::Headers& headers) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : headers) {
    auto [found, fresh] = out.try_emplace(Lower(name), Squeeze(value));
    if (!fresh) found->second += "," + Squeeze(value);
  }
  return out;
}

// RFC 3986 section 5.2.4, with empty segments removed too.
std::string Normalize(std::string_view path) {
  std::vector<std::string_view> kept;
  std::size_t at = 0;
  while (at <= path.size()) {
    const std::size_t next = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, next - at);
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
    at = next + 1;
  }
  std::string out = "/";
  for (std::size_t i = 0; i < kept.size(); ++i) out.append(i == 0 ? "" : "/").append(kept[i]);
  const bool directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (directory && out.size() > 1) out += '/';
  return out;
}

std::string CanonicalPath(std::string_view path, PathStyle style) {
  if (path.empty()) return "/";
  switch (style) {
    case PathStyle::kNormalized:
      return base::PercentEncode(Normalize(path), "/");
    case PathStyle::kVerbatim:
      return base::PercentEncode(path, "/");
    case PathStyle::kS3:
      return std::string(path);
  }
  return std::string(path);
}

std::string Day(base::WallTime at) { return base::FormatAmzDate(at).substr(0, 8); }

std::string ScopeText(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", Day(scope.at), scope.region, scope.service);
}

std::string MakeSignature(const Signable& request, const Credentials& credentials,
                          const SigningScope& scope, PathStyle style) {
  return Signature(StringToSign(CanonicalRequest(request, style), scope), scope,
                   credentials.secret_access_key);
}

}  // namespace

std::string CanonicalQuery(const QueryParameters& query) {
  std::vector<std::string> parts;
  parts.reserve(query.size());
  for (const auto& [name, value] : query) {
    // '\x01' sorts before every encoded character, so that names are compared before values.
    parts.push_back(base::PercentEncode(name) + '\x01' + base::PercentEncode(value));
  }
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (std::string& part : parts) {
    part[part.find('\x01')] = '=';
    out.append(out.empty() ? "" : "&").append(part);
  }
  return out;
}

std::string SignedHeaderNames(const ports::Headers& headers) {
  std::string out;
  for (const auto& [name, value] : CanonicalHeaders(headers))
    out.append(out.empty() ? "" : ";").append(name);
  return out;
}

std::string CanonicalRequest(const Signable& request, PathStyle path_style) {
  std::string out = request.method + '\n' + CanonicalPath(request.path, path_style) + '\n' +
                    CanonicalQuery(request.query) + '\n';
  for (const auto& [name, value] : CanonicalHeaders(request.headers))
    out += fmt::format("{}:{}\n", name, value);
  return out + '\n' + SignedHeaderNames(request.headers) + '\n' + request.payload_hash;
}

std::string StringToSign(std::string_view canonical_request, const SigningScope& scope) {
  return fmt::format("{}\n{}\n{}\n{}", kAlgorithm, base::FormatAmzDate(scope.at), ScopeText(scope),
                     base::Sha256Hex(canonical_request));
}

std::string Signature(std::string_view string_to_sign, const SigningScope& scope,
                      std::string_view secret_access_key) {
  base::Sha256Digest key = base::HmacSha256("AWS4" + std::string(secret_access_key), Day(scope.at));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    key = base::HmacSha256(base::AsView(key), part);
  }
  return base::HexEncode(base::AsView(base::HmacSha256(base::AsView(key), string_to_sign)));
}

void AddSigningHeaders(Signable& request, const Credentials& credentials, const SigningScope& scope,
                       const SigningOptions& options) {
  if (options.content_hash == ContentHash::kAsHeader) {
    request.headers.emplace_back("X-Amz-Content-Sha256", request.payload_hash);
  }
  request.headers.emplace_back("X-Amz-Date", base::FormatAmzDate(scope.at));
  if (!credentials.session_token.empty() && options.token_rule == TokenRule::kSigned) {
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
}

void AddSigningQuery(Signable& request, const Credentials& credentials, const SigningScope& scope,
                     base::Duration valid_for, TokenRule rule) {
  request.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  request.query.emplace_back("X-Amz-Credential",
                             credentials.access_key_id + "/" + ScopeText(scope));
  request.query.emplace_back("X-Amz-Date", base::FormatAmzDate(scope.at));
  request.query.emplace_back("X-Amz-SignedHeaders", SignedHeaderNames(request.headers));
  request.query.emplace_back("X-Amz-Expires", std::to_string(base::Millis(valid_for) / 1000));
  if (!credentials.session_token.empty() && rule == TokenRule::kSigned) {
    request.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
}

void SignHeaders(Signable& request, const Credentials& credentials, const SigningScope& scope,
                 const SigningOptions& options) {
  AddSigningHeaders(request, credentials, scope, options);
  const std::string signature = MakeSignature(request, credentials, scope, options.path_style);
  request.headers.emplace_back("Authorization",
                               fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                           kAlgorithm, credentials.access_key_id, ScopeText(scope),
                                           SignedHeaderNames(request.headers), signature));
  if (!credentials.session_token.empty() && options.token_rule == TokenRule::kAddedAfter) {
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
}

void SignQuery(Signable& request, const Credentials& credentials, const SigningScope& scope,
               base::Duration valid_for, const SigningOptions& options) {
  AddSigningQuery(request, credentials, scope, valid_for, options.token_rule);
  const std::string signature = MakeSignature(request, credentials, scope, options.path_style);
  if (!credentials.session_token.empty() && options.token_rule == TokenRule::kAddedAfter) {
    request.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  request.query.emplace_back("X-Amz-Signature", signature);
}

QueryParameters ParseQuery(std::string_view text) {
  const auto decode = [](std::string_view part) {
    base::Result<std::string> decoded = base::PercentDecode(part);
    return decoded.ok() ? std::move(decoded).value() : std::string(part);
  };
  QueryParameters out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    out.emplace_back(decode(pair.substr(0, equals)),
                     decode(pair.substr(std::min(pair.size(), equals + 1))));
  }
  return out;
}

}  // namespace leeward::aws
