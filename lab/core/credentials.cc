#include "lab/core/credentials.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "shapes/value.h"

namespace leeward::lab {
namespace {

constexpr int kKeyLength = 16;  // after the four letters of its kind
constexpr std::size_t kSecretLength = 40;
constexpr std::string_view kKeyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

}  // namespace

std::string Credentials::UniqueId(std::string_view prefix, std::string_view text) {
  const auto digest = base::Sha256(text);
  std::string id(prefix);
  for (std::size_t i = 0; i < kKeyLength + 1; ++i)
    id += kKeyLetters[digest[i] % kKeyLetters.size()];
  return id;
}

std::string Credentials::Seal(std::string_view text) const {
  return base::HexEncode(base::AsView(base::HmacSha256(settings_.root, text)));
}

std::string Credentials::SecretOf(std::string_view access_key) const {
  const auto digest = base::HmacSha256(settings_.root, fmt::format("secret of {}", access_key));
  return base::Base64Encode(base::AsView(digest)).substr(0, kSecretLength);
}

std::variant<Identity, KeyProblem> Credentials::Find(std::string_view access_key,
                                                     std::string_view token,
                                                     base::WallTime now) const {
  if (access_key == settings_.access_key) {
    if (!token.empty()) return KeyProblem::kBadToken;
    return Identity{settings_.access_key, settings_.secret_key,
                    fmt::format("arn:aws:iam::{}:user/lab", settings_.account),
                    UniqueId("AIDA", settings_.account)};
  }
  if (!access_key.starts_with("ASIA")) return KeyProblem::kUnknownKey;
  const auto dot = token.rfind('.');
  if (dot == std::string_view::npos) return KeyProblem::kBadToken;
  const auto text = base::Base64Decode(token.substr(0, dot));
  if (!text.ok() || Seal(*text) != token.substr(dot + 1)) return KeyProblem::kBadToken;
  const auto claims = shapes::FromJson(*text);
  if (!claims.ok() || claims->String("key") != access_key) return KeyProblem::kBadToken;
  const base::WallTime expiry{std::chrono::seconds(claims->Int("expiry"))};
  if (now > expiry) return KeyProblem::kExpiredToken;
  return Identity{std::string(access_key), SecretOf(access_key), std::string(claims->String("arn")),
                  std::string(claims->String("user")), expiry};
}

TemporaryCredentials Credentials::Issue(std::string_view arn, std::string_view user_id,
                                        base::WallTime expiry, ports::Random& random) const {
  TemporaryCredentials issued;
  issued.access_key = "ASIA";
  for (int i = 0; i < kKeyLength; ++i)
    issued.access_key += kKeyLetters[random.Below(kKeyLetters.size())];
  issued.secret_key = SecretOf(issued.access_key);
  const std::int64_t seconds = base::Millis(expiry.since_epoch) / 1000;
  issued.expiry = base::WallTime{std::chrono::seconds(seconds)};
  const std::string claims = shapes::ToJson(shapes::Value::Struct(
      {{"key", issued.access_key}, {"arn", arn}, {"user", user_id}, {"expiry", seconds}}));
  issued.token = base::Base64Encode(claims) + "." + Seal(claims);
  return issued;
}

}  // namespace leeward::lab
