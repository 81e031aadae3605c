// KeyKeeper: the application's signing keys, as this process knows them from the store that all
// Regions share; makes the first, and the next when a rotation is due.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "ports/clock.h"
#include "ports/random.h"
#include "session/key_ring.h"
#include "sessions/store.h"

namespace leeward::sessions {

struct KeyTerms {
  session::Algorithm algorithm = session::Algorithm::kEdDsa;
  session::RotationTerms rotation;
  std::string region;
  std::string seal_key;  // 32 bytes, the same in every service of the application
};

class KeyKeeper {
 public:
  // The references outlive the keeper.
  KeyKeeper(KeyTerms terms, SessionStore& store, const ports::Clock& clock, ports::Random& random);

  // Reads the keys, and rotates when that is due. kDenied: a key is sealed with another secret.
  base::Status Refresh(base::MonotonicTime deadline);
  // A new key now, whether it is due or not; its id.
  base::Result<std::string> Rotate(base::MonotonicTime deadline);
  base::Status Withdraw(const std::string& kid, base::MonotonicTime deadline);
  // kUnreachable: there is no key that may sign a token of that life.
  base::Result<std::string> Sign(const std::string& payload, base::Duration life) const;
  // As session::VerifyCompact. A key that is not known is looked for in the store, rarely.
  base::Result<std::string> Verify(std::string_view token, base::MonotonicTime deadline);
  std::string Jwks() const;
  std::size_t size() const;

 private:
  enum class When { kDue, kAsked };
  base::Status Read(base::MonotonicTime deadline);
  base::Status AddKey(const std::string& text);  // with the lock held
  base::Result<std::string> Make(When when, base::MonotonicTime deadline);
  base::Result<std::string> VerifyNow(std::string_view token) const;
  base::Result<session::SigningKey> DrawKey();
  std::string Draw(std::size_t bytes);

  const KeyTerms terms_;
  SessionStore& store_;
  const ports::Clock& clock_;
  ports::Random& random_;
  mutable std::mutex mutex_;
  session::KeyRing ring_;
  base::MonotonicTime next_look_{};  // for a key that is not known
  std::mutex writing_;               // one rotation at a time
};

}  // namespace leeward::sessions
