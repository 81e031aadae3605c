// What is known of a session, as values, and how two Regions' knowledge of it becomes one.
//
// Merging is a join: in any order, any grouping and any number of times it gives the same, so
// replicas that have seen the same changes hold the same (docs/sessions.md has the argument).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace leeward::session {

// What a session is stored and spoken of by. It gives no access: it is a digest of the id that the
// client holds, or a token's `sid`.
using Handle = base::Id<struct HandleTag>;
// The secret that the client holds: 256 random bits, base64url.
using SessionId = base::Id<struct SessionIdTag>;

inline constexpr std::size_t kIdBytes = 32;

// kInvalid: not `kIdBytes` bytes.
base::Result<SessionId> IdFromBytes(std::string_view bytes);
// The handle of an id as a client sent it. kInvalid: it cannot be one of ours.
base::Result<Handle> HandleOf(std::string_view id);
// What every handle looks like: 43 characters of base64url.
bool IsHandle(std::string_view text);

// Hybrid logical time: the wall clock where it moves on, a count where it does not. Totally
// ordered; `node` is unique among the processes that write.
struct Stamp {
  std::int64_t millis = 0;  // since 1970
  std::uint32_t count = 0;
  std::string node;

  friend auto operator<=>(const Stamp&, const Stamp&) = default;
};

struct Field {
  Stamp at;
  std::optional<std::string> value;  // absent: removed

  friend auto operator<=>(const Field&, const Field&) = default;
};

struct Session {
  Handle handle;
  std::string subject;
  base::WallTime created, ends;  // set once; times are whole milliseconds
  base::WallTime expires;        // only ever moved on, never past `ends`
  std::map<std::string, Field> fields;

  friend bool operator==(const Session&, const Session&) = default;
};

struct Revocation {
  Handle handle;
  base::WallTime at;
  base::WallTime until;  // no session of this handle can be alive after it
  std::string region;    // where it was asked for

  friend bool operator==(const Revocation&, const Revocation&) = default;
};

// All that one place holds of one handle.
struct Held {
  std::optional<Session> session;
  std::optional<Revocation> revocation;

  friend bool operator==(const Held&, const Held&) = default;
};

// Both of the same handle. Of each field the later change stays, `expires` is the later one, and
// who is revoked anywhere is revoked and keeps no data.
Session Merge(const Session& a, const Session& b);
Revocation Merge(const Revocation& a, const Revocation& b);
Held Merge(const Held& a, const Held& b);

enum class Standing { kUnknown, kLive, kExpired, kRevoked };
Standing StandingOf(const Held& held, base::WallTime now);
// The fields that were not removed.
std::map<std::string, std::string> DataOf(const Session& session);

base::WallTime WholeMillis(base::WallTime time);
std::int64_t MillisOf(base::WallTime time);
base::WallTime FromMillis(std::int64_t millis);

// What a session may hold.
struct DataLimits {
  std::size_t fields = 64;    // removed ones count: they are remembered
  std::size_t name = 64;      // bytes
  std::size_t value = 4096;   // bytes
  std::size_t total = 16384;  // bytes of all names and values
  std::size_t subject = 256;  // bytes
};
base::Status CheckData(const std::map<std::string, std::string>& data, const DataLimits& limits);
base::Status CheckSession(const Session& session, const DataLimits& limits);

// Gives out stamps that grow, and that are later than every stamp it was shown.
class HybridClock {
 public:
  explicit HybridClock(std::string node) : node_(std::move(node)) {}
  Stamp Next(base::WallTime now);
  // kInvalid: it is further ahead than clocks may be apart, and was not taken in.
  base::Status Observe(const Stamp& seen, base::WallTime now, base::Duration max_ahead);

 private:
  std::string node_;
  std::int64_t millis_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace leeward::session
