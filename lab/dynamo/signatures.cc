#include "lab/dynamo/signatures.h"

#include <fmt/format.h>
#include <strings.h>

#include <array>

#include "lab/wire/codec.h"

namespace leeward::lab::dynamo {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kService = "dynamodb";
constexpr std::size_t kMaxKeys = 1000;
constexpr std::size_t kScopeParts = 5;
constexpr std::size_t kDayLength = 8;  // 20261123

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// A value that is its own canonical form.
bool IsPlain(std::string_view value) {
  if (value.empty()) return true;
  return value.front() != ' ' && value.back() != ' ' &&
         value.find("  ") == std::string_view::npos && value.find('\t') == std::string_view::npos;
}

void AppendHex(const base::Sha256Digest& digest, std::string* text) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const unsigned char byte : digest) {
    text->push_back(kDigits[byte >> 4]);
    text->push_back(kDigits[byte & 15]);
  }
}

bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

ApiError Refuse(std::string code, std::string message) {
  return {std::move(code), std::move(message), 400, {}};
}

// What DynamoDB says of a signature that cannot be read: all that is wrong with it, at once.
std::optional<ApiError> Unreadable(const os::HttpServerRequest& request) {
  const std::string_view header = request.Header("Authorization");
  const bool query = request.target.find("X-Amz-Algorithm") != std::string::npos;
  if (!header.empty() && query) {
    return Refuse(
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP "
        "header.");
  }
  if (query) return std::nullopt;
  if (!header.starts_with("AWS4-"))
    return Refuse("MissingAuthenticationTokenException", "Request is missing Authentication Token");
  std::string message;
  for (const char* name : {"Credential", "Signature", "SignedHeaders"}) {
    if (header.find(fmt::format("{}=", name)) == std::string_view::npos)
      message += fmt::format("Authorization header requires '{}' parameter. ", name);
  }
  if (request.Header("X-Amz-Date").empty() && request.Header("Date").empty()) {
    message +=
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
  }
  if (message.empty()) return std::nullopt;
  return Refuse("IncompleteSignatureException",
                fmt::format("{}Authorization={}", message, header.substr(0, header.find(' '))));
}

wire::AuthProblem ProblemOf(KeyProblem problem) {
  switch (problem) {
    case KeyProblem::kUnknownKey:
      return wire::AuthProblem::kUnknownKey;
    case KeyProblem::kBadToken:
      return wire::AuthProblem::kBadToken;
    case KeyProblem::kExpiredToken:
      return wire::AuthProblem::kExpiredToken;
  }
  return wire::AuthProblem::kUnknownKey;
}

}  // namespace

// What the usual request says about its signature; views into the request.
struct SignatureChecker::Fields {
  std::string_view authorization;
  std::string_view date;
  std::string_view token;
  std::string_view digest;  // X-Amz-Content-Sha256
  std::string_view credential;
  std::string_view signed_headers;
  std::string_view signature;
  std::array<std::string_view, kScopeParts> scope;  // key, day, Region, service, "aws4_request"

  // False for what is not usual.
  bool Read(const os::HttpServerRequest& request) {
    for (const auto& [name, value] : request.headers) {
      if (std::string_view* field = FieldFor(name)) {
        if (!field->empty() || value.empty()) return false;
        *field = value;
      }
    }
    return !date.empty() && authorization.starts_with("AWS4-HMAC-SHA256 ") && ReadParts() &&
           ReadScope();
  }

 private:
  std::string_view* FieldFor(std::string_view name) {
    if (name.size() == 10 && SameName(name, "X-Amz-Date")) return &date;
    if (name.size() == 13 && SameName(name, "Authorization")) return &authorization;
    if (name.size() != 20) return nullptr;
    if (SameName(name, "X-Amz-Security-Token")) return &token;
    return SameName(name, "X-Amz-Content-Sha256") ? &digest : nullptr;
  }
  bool ReadParts() {
    std::string_view rest = authorization.substr(kAlgorithm.size());
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      std::string_view part = rest.substr(0, comma);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      while (part.starts_with(' ')) part.remove_prefix(1);
      const auto equals = part.find('=');
      if (equals == std::string_view::npos) return false;
      const std::string_view name = part.substr(0, equals);
      std::string_view* field = name == "Credential"      ? &credential
                                : name == "SignedHeaders" ? &signed_headers
                                : name == "Signature"     ? &signature
                                                          : nullptr;
      if (field == nullptr || !field->empty()) return false;
      *field = part.substr(equals + 1);
    }
    return !credential.empty() && !signed_headers.empty() && !signed_headers.ends_with(';') &&
           !signature.empty();
  }
  bool ReadScope() {
    std::string_view rest = credential;
    for (std::size_t i = 0; i < scope.size(); ++i) {
      const auto slash = rest.find('/');
      if ((slash == std::string_view::npos) != (i + 1 == scope.size())) return false;
      scope[i] = rest.substr(0, slash);
      if (slash != std::string_view::npos) rest.remove_prefix(slash + 1);
    }
    return scope[3] == kService && scope[4] == "aws4_request" && scope[1].size() == kDayLength &&
           date.starts_with(scope[1]);
  }
};

std::string_view RegionOfScope(std::string_view authorization) {
  constexpr std::string_view kCredential = "Credential=";
  const auto start = authorization.find(kCredential);
  if (start == std::string_view::npos) return {};
  std::string_view rest = authorization.substr(start + kCredential.size());
  rest = rest.substr(0, rest.find_first_of(", "));
  for (int skipped = 0; skipped < 2; ++skipped) {
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
  return rest.substr(0, rest.find('/'));
}

SignatureChecker::SignatureChecker(const Credentials& credentials, std::string region)
    : credentials_(credentials), region_(std::move(region)) {}

const SignatureChecker::Key* SignatureChecker::FindKey(const Fields& fields, base::WallTime now) {
  key_name_.assign(fields.credential);
  key_name_ += '\n';
  key_name_ += fields.token;
  const auto found = keys_.find(key_name_);
  if (found != keys_.end())
    return now > found->second->signer.expiry ? nullptr : found->second.get();
  const auto holder = credentials_.Find(fields.scope[0], fields.token, now);
  const auto* signer = std::get_if<Identity>(&holder);
  if (signer == nullptr) return nullptr;
  auto digest = base::HmacSha256("AWS4" + signer->secret_key, fields.scope[1]);
  for (std::size_t i = 2; i < fields.scope.size(); ++i)
    digest = base::HmacSha256(base::AsView(digest), fields.scope[i]);
  if (keys_.size() >= kMaxKeys) keys_.clear();
  auto& key = keys_[key_name_];
  key = std::make_unique<Key>(Key{*signer, base::HmacSha256Key(base::AsView(digest))});
  return key.get();
}

bool SignatureChecker::TimeIsGood(const Fields& fields, base::WallTime now) {
  if (fields.date != last_date_) {
    const auto time = base::ParseAmzDate(fields.date);
    if (!time.ok()) return false;
    last_date_ = fields.date;
    last_time_ = *time;
  }
  return last_time_ - now <= wire::kMaxClockSkew && now - last_time_ <= wire::kMaxClockSkew;
}

// Into text_. False where a header that is signed is not there once, in plain form.
bool SignatureChecker::Canonicalise(const os::HttpServerRequest& request, const Fields& fields) {
  text_ = "POST\n/\n\n";
  bool host = false;
  for (std::string_view rest = fields.signed_headers; !rest.empty();) {
    const auto end = rest.find(';');
    const std::string_view name = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::string* value = nullptr;
    for (const auto& [key, each] : request.headers) {
      if (!SameName(key, name)) continue;
      if (value != nullptr) return false;
      value = &each;
    }
    if (value == nullptr || !IsPlain(*value)) return false;
    host = host || name == "host";
    text_ += name;
    text_ += ':';
    text_ += *value;
    text_ += '\n';
  }
  text_ += '\n';
  text_ += fields.signed_headers;
  text_ += '\n';
  const std::size_t at = text_.size();
  AppendHex(base::Sha256(request.body), &text_);
  return host && (fields.digest.empty() || fields.digest == std::string_view(text_).substr(at));
}

const Identity* SignatureChecker::CheckUsual(const os::HttpServerRequest& request,
                                             base::WallTime now) {
  Fields fields;
  if (request.method != "POST" || request.target != "/" || !fields.Read(request)) return nullptr;
  if (fields.scope[2] != region_ || !TimeIsGood(fields, now)) return nullptr;
  const Key* key = FindKey(fields, now);
  if (key == nullptr || !Canonicalise(request, fields)) return nullptr;
  const base::Sha256Digest canonical = base::Sha256(text_);
  text_ = kAlgorithm;
  text_ += '\n';
  text_ += fields.date;
  text_ += '\n';
  text_ += fields.credential.substr(fields.scope[0].size() + 1);
  text_ += '\n';
  AppendHex(canonical, &text_);
  const base::Sha256Digest signature = key->key.Sign(text_);
  text_.clear();
  AppendHex(signature, &text_);
  return SameSecret(text_, fields.signature) ? &key->signer : nullptr;
}

SignatureChecker::Verdict SignatureChecker::CheckThoroughly(const os::HttpServerRequest& request,
                                                            base::WallTime now) {
  const auto refuse = [](const wire::AuthOutcome& outcome) {
    return Verdict{nullptr, wire::AuthError(outcome, shapes::Protocol::kJson10)};
  };
  if (auto error = Unreadable(request)) return {nullptr, std::move(error)};
  const wire::Request read{request.method, request.target, request.headers, request.body};
  wire::Claim claim;
  const wire::AuthOutcome outcome = wire::ReadClaim(read, &claim);
  if (!outcome.ok()) return refuse(outcome);
  const auto holder = credentials_.Find(claim.access_key, claim.token, now);
  if (const auto* problem = std::get_if<KeyProblem>(&holder))
    return refuse({ProblemOf(*problem), ""});
  thorough_signer_ = std::get<Identity>(holder);
  const wire::AuthOutcome checked =
      wire::CheckSignature(read, claim, thorough_signer_.secret_key, now);
  if (!checked.ok()) return refuse(checked);
  if (claim.region != region_) {
    return refuse(
        {wire::AuthProblem::kWrongScope,
         fmt::format("Credential should be scoped to a valid region, not '{}'. ", claim.region)});
  }
  if (claim.service != kService) {
    return refuse(
        {wire::AuthProblem::kWrongScope,
         fmt::format("Credential should be scoped to correct service: '{}'. ", kService)});
  }
  return {&thorough_signer_, std::nullopt};
}

SignatureChecker::Verdict SignatureChecker::Check(const os::HttpServerRequest& request,
                                                  base::WallTime now) {
  if (const Identity* signer = CheckUsual(request, now)) return {signer, std::nullopt};
  return CheckThoroughly(request, now);
}

}  // namespace leeward::lab::dynamo
