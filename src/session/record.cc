#include "session/record.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "session/base64url.h"

namespace leeward::session {
namespace {

constexpr std::size_t kHandleLength = 43;  // 32 bytes

template <typename T>
std::optional<T> Join(const std::optional<T>& a, const std::optional<T>& b) {
  if (!a) return b;
  return b ? Merge(*a, *b) : *a;
}

}  // namespace

base::Result<SessionId> IdFromBytes(std::string_view bytes) {
  if (bytes.size() != kIdBytes) return base::Invalid("a session id has 32 bytes");
  return SessionId(Base64Url(bytes));
}

base::Result<Handle> HandleOf(std::string_view id) {
  if (!IsHandle(id)) return base::Invalid("this is no session id of ours");
  return Handle(Base64Url(base::AsView(base::Sha256(id))));
}

bool IsHandle(std::string_view text) {
  if (text.size() != kHandleLength) return false;
  return Base64UrlDecode(text).ok();
}

Session Merge(const Session& a, const Session& b) {
  CHECK(a.handle == b.handle);
  Session merged = a;
  // Equal wherever both come from one creation. Made by mistake twice, the stricter of each.
  merged.subject = std::min(a.subject, b.subject);
  merged.created = std::min(a.created, b.created);
  merged.ends = std::min(a.ends, b.ends);
  merged.expires = std::min(std::max(a.expires, b.expires), merged.ends);
  for (const auto& [name, field] : b.fields) {
    const auto [own, added] = merged.fields.emplace(name, field);
    if (!added) own->second = std::max(own->second, field);
  }
  return merged;
}

Revocation Merge(const Revocation& a, const Revocation& b) {
  CHECK(a.handle == b.handle);
  return {a.handle, std::min(a.at, b.at), std::max(a.until, b.until), std::min(a.region, b.region)};
}

Held Merge(const Held& a, const Held& b) {
  Held merged{Join(a.session, b.session), Join(a.revocation, b.revocation)};
  if (merged.revocation) merged.session.reset();
  return merged;
}

Standing StandingOf(const Held& held, base::WallTime now) {
  if (held.revocation) return Standing::kRevoked;
  if (!held.session) return Standing::kUnknown;
  const bool over = now >= held.session->expires || now >= held.session->ends;
  return over ? Standing::kExpired : Standing::kLive;
}

std::map<std::string, std::string> DataOf(const Session& session) {
  std::map<std::string, std::string> data;
  for (const auto& [name, field] : session.fields) {
    if (field.value) data.emplace(name, *field.value);
  }
  return data;
}

std::int64_t MillisOf(base::WallTime time) { return base::Millis(time.since_epoch); }
base::WallTime FromMillis(std::int64_t millis) { return {std::chrono::milliseconds(millis)}; }
base::WallTime WholeMillis(base::WallTime time) { return FromMillis(MillisOf(time)); }

base::Status CheckData(const std::map<std::string, std::string>& data, const DataLimits& limits) {
  if (data.size() > limits.fields)
    return base::Exhausted(fmt::format("a session holds at most {} fields", limits.fields));
  std::size_t total = 0;
  for (const auto& [name, value] : data) {
    if (name.empty() || name.size() > limits.name)
      return base::Invalid(fmt::format("a field's name has 1 to {} bytes", limits.name));
    if (value.size() > limits.value)
      return base::Exhausted(
          fmt::format("the value of '{}' is longer than {} bytes", name, limits.value));
    total += name.size() + value.size();
  }
  if (total > limits.total)
    return base::Exhausted(
        fmt::format("the fields take {} bytes; a session holds at most {}", total, limits.total));
  return base::Ok();
}

base::Status CheckSession(const Session& session, const DataLimits& limits) {
  if (session.subject.size() > limits.subject)
    return base::Exhausted(fmt::format("a subject has at most {} bytes", limits.subject));
  if (session.fields.size() > limits.fields)
    return base::Exhausted(
        fmt::format("a session remembers at most {} fields, removed ones too", limits.fields));
  return CheckData(DataOf(session), limits);
}

Stamp HybridClock::Next(base::WallTime now) {
  const std::int64_t wall = MillisOf(now);
  if (wall > millis_) {
    millis_ = wall;
    count_ = 0;
  } else if (++count_ == 0) {
    ++millis_;
  }
  return {millis_, count_, node_};
}

base::Status HybridClock::Observe(const Stamp& seen, base::WallTime now, base::Duration max_ahead) {
  const std::int64_t ahead = seen.millis - MillisOf(now);
  if (ahead > base::Millis(max_ahead))
    return base::Invalid(
        fmt::format("a change is stamped {} ms ahead of this clock by {}; look at the clocks",
                    ahead, seen.node));
  if (seen.millis > millis_) {
    millis_ = seen.millis;
    count_ = seen.count;
  } else if (seen.millis == millis_) {
    count_ = std::max(count_, seen.count);
  }
  return base::Ok();
}

}  // namespace leeward::session
