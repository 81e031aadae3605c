#include "sessions/base_sessions.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::sessions {
namespace {

constexpr base::Duration kSettleTime = std::chrono::milliseconds(250);
constexpr base::Duration kBetweenLooks = std::chrono::milliseconds(5);
constexpr int kLooks = 50;
constexpr base::Duration kPingTime = std::chrono::seconds(1);
constexpr std::size_t kSettledPerTick = 500;

}  // namespace

base::Status Validate(const Terms& terms) {
  if (terms.idle < kLeastIdle || terms.life > kMostLife || terms.idle > terms.life)
    return base::Invalid("a session lives from 1 s without a touch to 31 d in all");
  if (terms.skew < base::Duration{0} || terms.skew > std::chrono::seconds(60))
    return base::Invalid("clocks may be apart by at most 60 s");
  return base::Ok();
}

std::string_view Name(Reach reach) {
  switch (reach) {
    case Reach::kEverywhere:
      return "everywhere";
    case Reach::kHeld:
      return "held";
    case Reach::kLocal:
      return "local";
  }
  CHECK_NEVER("a reach");
}

base::Error Because(base::ErrorCode code, const char* reason, std::string what) {
  return base::Error(code, std::move(what)).WithServiceCode(reason);
}

base::Error NotLive(session::Standing standing) {
  switch (standing) {
    case session::Standing::kUnknown:
      return Because(base::ErrorCode::kNotFound, "unknown", "there is no such session");
    case session::Standing::kRevoked:
      return Because(base::ErrorCode::kWrongState, "revoked", "the session was revoked");
    case session::Standing::kExpired:
      return Because(base::ErrorCode::kWrongState, "expired", "the session has expired");
    case session::Standing::kLive:
      break;
  }
  CHECK_NEVER("a live session");
}

BaseSessions::BaseSessions(Terms terms, Place place, Surroundings around)
    : terms_(terms), place_(std::move(place)), around_(around), held_(place_.most_held) {}

std::string BaseSessions::Chance() {
  std::string bytes;
  while (bytes.size() < session::kIdBytes) {
    const std::uint64_t drawn = around_.random.Next();
    bytes.append(reinterpret_cast<const char*>(&drawn), sizeof drawn);
  }
  return bytes;
}

session::Revocation BaseSessions::RevocationOf(const session::Handle& handle) const {
  const base::WallTime now = session::WholeMillis(around_.clock.Now());
  return {handle, now, now + terms_.life + 2 * terms_.skew, place_.region};
}

bool BaseSessions::IsHeldRevoked(const session::Handle& handle) const {
  const std::lock_guard lock(mutex_);
  return held_.Find(handle) != nullptr;
}

std::size_t BaseSessions::held() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

base::Result<Revoked> BaseSessions::RevokeHandle(const session::Handle& handle) {
  const session::Revocation revocation = RevocationOf(handle);
  // Refused here from now on, also when the store's answer is lost.
  if (!Hold(revocation))
    return Because(base::ErrorCode::kExhausted, "full", "too many revocations wait for the store");
  Learn(revocation);
  RETURN_IF_ERROR(around_.store.Revoke(revocation, Deadline()));
  Revoked revoked{handle, Reach::kEverywhere, {place_.region}};
  const auto outcomes = around_.peers.Tell(revocation, around_.clock.Monotonic() + place_.confirm);
  for (const Peers::Outcome& outcome : outcomes) {
    if (outcome.told == Told::kStored) revoked.regions.push_back(outcome.region);
    if (outcome.told == Told::kHeld && revoked.reach == Reach::kEverywhere)
      revoked.reach = Reach::kHeld;
    if (outcome.told == Told::kNoAnswer) revoked.reach = Reach::kLocal;
  }
  // Without a peer nobody said that another Region has it.
  if (outcomes.empty()) revoked.reach = Reach::kLocal;
  return revoked;
}

bool BaseSessions::Hold(const session::Revocation& revocation) {
  const std::lock_guard lock(mutex_);
  return held_.Add(revocation, around_.clock.Now()).ok();
}

// What has to come by the store's own replication is on its way as this message was: it is waited
// for a moment, so that the other Region can be told that it is durable here.
void BaseSessions::Settle(std::vector<session::Revocation> pending, PeerAnswer* answer) {
  const base::MonotonicTime until = around_.clock.Monotonic() + kSettleTime;
  for (int look = 0; look < kLooks && !pending.empty(); ++look) {
    bool answers = true;
    std::erase_if(pending, [&](const session::Revocation& each) {
      if (!answers || around_.clock.Monotonic() >= until) return false;
      const base::Result<bool> settled = around_.store.Settle(each, until);
      answers = settled.ok();
      if (!answers || !*settled) return false;
      answer->stored.push_back(each.handle);
      return true;
    });
    if (!answers || pending.empty() || around_.clock.Monotonic() >= until) break;
    std::unique_lock lock(mutex_);
    settling_.wait_for(lock, kBetweenLooks);
  }
  const std::lock_guard lock(mutex_);
  for (const session::Handle& handle : answer->stored) held_.Remove(handle);
  for (const session::Revocation& each : pending) {
    if (held_.Find(each.handle) != nullptr) answer->held.push_back(each.handle);
  }
}

base::Result<PeerAnswer> BaseSessions::Take(const PeerMessage& message) {
  PeerAnswer answer;
  answer.region = place_.region;
  answer.node = place_.node;
  for (const session::Revocation& revocation : message.revocations) {
    Learn(revocation);
    Hold(revocation);
  }
  Settle(message.revocations, &answer);
  answer.refused = TakeEntries(message.entries);
  return answer;
}

std::vector<session::Handle> BaseSessions::TakeEntries(const std::vector<session::Held>&) {
  return {};
}

void BaseSessions::Tick() {
  const base::Result<std::string> ping = around_.store.Ping(around_.clock.Monotonic() + kPingTime);
  std::vector<session::Revocation> waiting;
  {
    const std::lock_guard lock(mutex_);
    sickness_ = ping.ok() ? "" : ping.error().message();
    held_.Prune(around_.clock.Now());
    waiting = held_.All();
  }
  if (!ping.ok()) return;
  if (waiting.size() > kSettledPerTick) waiting.resize(kSettledPerTick);
  for (const session::Revocation& revocation : waiting) {
    const base::Result<bool> settled =
        around_.store.Settle(revocation, around_.clock.Monotonic() + kPingTime);
    if (!settled.ok()) return;
    if (!*settled) continue;
    const std::lock_guard lock(mutex_);
    held_.Remove(revocation.handle);
  }
}

std::string BaseSessions::Sickness() const {
  const std::lock_guard lock(mutex_);
  return sickness_;
}

}  // namespace leeward::sessions
