// TokenSessions: sessions that are carried by their client in signed tokens. Nothing is stored of
// them but who was revoked, and the keys.
//
// Verifying asks nobody: keys and revocations are read ahead from the store that all Regions share,
// and told by the other Regions. Who could not read the revocations for longer than `blind` says so
// and accepts no token, rather than one that may have been revoked.
#pragma once

#include <mutex>
#include <string>

#include "session/claims.h"
#include "session/revocations.h"
#include "sessions/base_sessions.h"
#include "sessions/key_keeper.h"

namespace leeward::sessions {

struct TokenTerms {
  std::string issuer, audience;
  KeyTerms keys;
  base::Duration blind{std::chrono::seconds(30)};    // 1 s to 1 h
  base::Duration overlap{std::chrono::seconds(10)};  // that a quick look reaches back
  base::Duration whole{std::chrono::seconds(30)};    // between looks at all revocations
  std::size_t most_revoked = 500'000;
  std::size_t most_bytes = 3072;  // of a token: a cookie holds 4096 with its name and attributes
};

class TokenSessions : public BaseSessions {
 public:
  TokenSessions(Terms terms, Place place, Surroundings around, TokenTerms tokens);

  base::Result<View> Create(const NewSession& wanted) override;
  base::Result<View> Read(std::string_view credential) override;
  // A new token of the same session; the old one is valid until it expires.
  base::Result<View> Touch(std::string_view credential) override;
  base::Result<View> ChangeData(std::string_view credential, const Change& change) override;
  base::Result<Revoked> Revoke(std::string_view credential) override;
  std::string Jwks() const override { return keys_.Jwks(); }
  base::Result<std::string> RotateKeys() override { return keys_.Rotate(Deadline()); }
  base::Status WithdrawKey(const std::string& kid) override {
    return keys_.Withdraw(kid, Deadline());
  }
  std::string Sickness() const override;

  // Reads keys and revocations ahead.
  void Tick() override;

 protected:
  void Learn(const session::Revocation& revocation) override;

 private:
  base::Result<session::Claims> Verified(std::string_view token);
  base::Result<View> Issue(session::Claims claims);
  base::Status ReadRevocations();

  const TokenTerms tokens_;
  KeyKeeper keys_;
  mutable std::mutex mutex_;
  session::Revocations revoked_;
  std::string key_trouble_ = "the keys were not read yet";
  bool overflowed_ = false;
  bool ever_ = false;                               // the revocations were read
  base::MonotonicTime last_read_{}, next_whole_{};  // of the revocations
};

}  // namespace leeward::sessions
