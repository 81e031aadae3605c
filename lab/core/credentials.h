// The lab's keys: one long-lived pair, and temporary ones that any process of the lab can verify
// alone.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"
#include "ports/random.h"

namespace leeward::lab {

struct Identity {
  std::string access_key;
  std::string secret_key;
  std::string arn;                               // "arn:aws:iam::123456789012:user/lab"
  std::string user_id;                           // "AIDA...", or "AROA...:session" for a role
  base::WallTime expiry{base::Duration::max()};  // of temporary ones
};

struct TemporaryCredentials {
  std::string access_key;
  std::string secret_key;
  std::string token;
  base::WallTime expiry;
};

enum class KeyProblem { kUnknownKey, kBadToken, kExpiredToken };

struct CredentialSettings {
  std::string account = "123456789012";
  std::string access_key = "test";
  std::string secret_key = "test";
  std::string
      root;  // secret from which temporary ones are derived; the same in all of a lab's processes
};

class Credentials {
 public:
  explicit Credentials(CredentialSettings settings) : settings_(std::move(settings)) {}
  const CredentialSettings& settings() const { return settings_; }

  // Who holds the key, given the session token that came with it (empty: none).
  std::variant<Identity, KeyProblem> Find(std::string_view access_key, std::string_view token,
                                          base::WallTime now) const;
  // Temporary credentials for an ARN. Everything is in the token, sealed: nothing is stored.
  TemporaryCredentials Issue(std::string_view arn, std::string_view user_id, base::WallTime expiry,
                             ports::Random& random) const;
  // "AROA..." and its kin: the same for the same text.
  static std::string UniqueId(std::string_view prefix, std::string_view text);

 private:
  std::string Seal(std::string_view text) const;
  std::string SecretOf(std::string_view access_key) const;

  CredentialSettings settings_;
};

}  // namespace leeward::lab
