// BaseSessions: what all ways of keeping sessions share: time, chance, the other Regions, and the
// revocations that this process knows of before its store does.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/random.h"
#include "session/revocations.h"
#include "sessions/peer_message.h"
#include "sessions/peers.h"
#include "sessions/sessions.h"
#include "sessions/store.h"

namespace leeward::sessions {

// The outside of a service; everything outlives it.
struct Surroundings {
  const ports::Clock& clock;
  ports::Random& random;  // good enough for secrets, and safe from several threads
  SessionStore& store;
  Peers& peers;
};

struct Place {
  std::string region, node;  // node: this run of this process
  // For one call of the application, and for the part of it that waits for the other Regions.
  base::Duration call{std::chrono::seconds(2)};
  base::Duration confirm{std::chrono::milliseconds(500)};
  std::size_t most_held = 100'000;  // revocations that wait in memory
};

class BaseSessions : public Sessions, public PeerBackend {
 public:
  base::Result<Revoked> RevokeHandle(const session::Handle& handle) override;
  // A revocation is stored, or held in memory until the store takes it.
  base::Result<PeerAnswer> Take(const PeerMessage& message) override;
  std::string Sickness() const override;

  // Regularly, from one thread: brings what is held into the store, and looks whether it answers.
  virtual void Tick();
  std::size_t held() const;

 protected:
  BaseSessions(Terms terms, Place place, Surroundings around);

  base::MonotonicTime Deadline() const { return around_.clock.Monotonic() + place_.call; }
  // 32 random bytes.
  std::string Chance();
  session::Revocation RevocationOf(const session::Handle& handle) const;
  bool IsHeldRevoked(const session::Handle& handle) const;
  // Of a peer's sessions: those that are to be sent again.
  virtual std::vector<session::Handle> TakeEntries(const std::vector<session::Held>& entries);
  // Knows of it from now on, whatever the store says.
  virtual void Learn(const session::Revocation&) {}

  const Terms terms_;
  const Place place_;
  const Surroundings around_;

 private:
  void Settle(std::vector<session::Revocation> pending, PeerAnswer* answer);
  bool Hold(const session::Revocation& revocation);

  mutable std::mutex mutex_;
  std::condition_variable settling_;  // nobody tells it: a wait with a time
  session::Revocations held_;
  std::string sickness_ = "the store was not asked yet";
};

base::Error Because(base::ErrorCode code, const char* reason, std::string what);
// For a session that is not live.
base::Error NotLive(session::Standing standing);

}  // namespace leeward::sessions
