// Signature Version 4, in its stages: canonical request, string to sign, signature. For headers and
// for presigned URLs. Time and credentials are arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "ports/http.h"

namespace leeward::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;              // empty: long-lived keys
  std::optional<base::WallTime> expires;  // none: never
};

struct SigningScope {
  std::string region;
  std::string service;  // signing name
  base::WallTime at;
};

enum class PathStyle {
  kNormalized,  // dot segments and doubled slashes removed, encoded once more; the rule for most
                // services
  kVerbatim,    // encoded once more, else as it is
  kS3,          // as it is sent
};

enum class TokenRule {
  kSigned,      // the session token is part of what is signed
  kAddedAfter,  // added once the signature is made
};

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// A request as it will be sent. All its headers are signed; "host" must be among them.
struct Signable {
  std::string method;
  std::string path;       // as sent: encoded, without the query
  QueryParameters query;  // decoded
  ports::Headers headers;
  std::string payload_hash;  // hex SHA-256 of the body, or "UNSIGNED-PAYLOAD"
};

enum class ContentHash {
  kLeftOut,
  kAsHeader,  // X-Amz-Content-Sha256, which S3 demands
};

struct SigningOptions {
  PathStyle path_style = PathStyle::kNormalized;
  TokenRule token_rule = TokenRule::kSigned;
  ContentHash content_hash = ContentHash::kLeftOut;
};

std::string CanonicalRequest(const Signable& request, PathStyle path_style);
std::string StringToSign(std::string_view canonical_request, const SigningScope& scope);
std::string Signature(std::string_view string_to_sign, const SigningScope& scope,
                      std::string_view secret_access_key);
// "host;x-amz-date".
std::string SignedHeaderNames(const ports::Headers& headers);
std::string CanonicalQuery(const QueryParameters& query);

// Adds what is signed besides the request itself: date and token as headers.
void AddSigningHeaders(Signable& request, const Credentials& credentials, const SigningScope& scope,
                       const SigningOptions& options);
// Adds it as query parameters, with the names of the headers that are signed.
void AddSigningQuery(Signable& request, const Credentials& credentials, const SigningScope& scope,
                     base::Duration valid_for, TokenRule rule);

// Both whole: the request with its Authorization header, or with X-Amz-Signature in its query.
void SignHeaders(Signable& request, const Credentials& credentials, const SigningScope& scope,
                 const SigningOptions& options);
void SignQuery(Signable& request, const Credentials& credentials, const SigningScope& scope,
               base::Duration valid_for, const SigningOptions& options);

// "a=1&b" → decoded pairs. A stray '%' stays what it is.
QueryParameters ParseQuery(std::string_view text);

}  // namespace leeward::aws
