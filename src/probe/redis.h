// RedisSession: a connection to Redis or Valkey in which nothing waits past its deadline.
//
// hiredis of Debian 12 has no TLS: a store with encryption in transit cannot be asked, and says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/wait.h"

struct redisContext;

namespace leeward::probe {

struct RedisAddress {
  std::string host;  // name or literal address
  int port = 6379;
  std::string password;        // AUTH token; empty: none is sent
  std::string source_address;  // local address to connect from; empty: the system's choice
  // "sessions.example:6379", for messages: never the password.
  std::string Text() const { return host + ":" + std::to_string(port); }
};

// One reply: nothing, a text, a number, or a list of replies.
struct RedisReply {
  enum class Kind { kNothing, kText, kNumber, kList };
  Kind kind = Kind::kNothing;
  std::string text;  // bytes as they came
  std::int64_t number = 0;
  std::vector<RedisReply> list;
};

// Not safe for several threads at once.
class RedisSession {
 public:
  // kUnreachable when the host does not answer by the deadline; kDenied when it wants another AUTH
  // token.
  static base::Result<std::unique_ptr<RedisSession>> Open(const RedisAddress& address,
                                                          const Resolver& resolver,
                                                          base::MonotonicTime deadline,
                                                          const ports::Clock& clock,
                                                          const Cancelled& cancelled = {});
  ~RedisSession();
  RedisSession(const RedisSession&) = delete;
  RedisSession& operator=(const RedisSession&) = delete;

  // One command with its arguments. A refusal carries Redis's word as its service code: READONLY is
  // kWrongState, NOAUTH, WRONGPASS and NOPERM are kDenied, LOADING, BUSY, MASTERDOWN and
  // CLUSTERDOWN are kService, everything else is kInvalid. After kUnreachable the session is broken
  // and every further command fails at once; whether the last one took effect is then unknown.
  base::Result<RedisReply> Command(const std::vector<std::string>& words,
                                   base::MonotonicTime deadline, const Cancelled& cancelled = {});
  // Several commands sent together; the reply of each. The first refusal is the error.
  base::Result<std::vector<RedisReply>> Commands(
      const std::vector<std::vector<std::string>>& commands, base::MonotonicTime deadline,
      const Cancelled& cancelled = {});

  bool broken() const { return broken_; }
  const RedisAddress& address() const { return address_; }

 private:
  RedisSession(redisContext* context, RedisAddress address, const ports::Clock& clock)
      : context_(context), address_(std::move(address)), clock_(clock) {}
  base::Status Connect(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Status Flush(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Result<RedisReply> Read(base::MonotonicTime deadline, const Cancelled& cancelled);
  base::Error Break(base::Error error);

  redisContext* context_;
  RedisAddress address_;
  const ports::Clock& clock_;
  bool broken_ = false;
};

// --- What Leeward asks of an application's Redis
// -------------------------------------------------------------------------

struct RedisStanding {
  bool primary = false;  // takes writes
  bool linked = false;   // of a replica: its link to the primary is up and it is in sync
};
base::Result<RedisStanding> ReadStanding(RedisSession& session, base::MonotonicTime deadline);

// A stamp under the key "leeward:<what>": canaries, markers. Every write that was acknowledged
// before the stamp was taken is in the stream before it, so a replica that shows it has all of
// them.
base::Status PutStamp(RedisSession& session, std::string_view what, base::WallTime stamp,
                      base::MonotonicTime deadline);
// nullopt: it is not there.
base::Result<std::optional<base::WallTime>> GetStamp(RedisSession& session, std::string_view what,
                                                     base::MonotonicTime deadline);

// Puts the stamp and, in the same instant, holds every client's writes for that long: no write of
// anyone can come between or after. Needs Redis 6.2 or later.
struct Held {
  std::string what;
  base::WallTime stamp;
  base::Duration duration{};
};
base::Status HoldWrites(RedisSession& session, const Held& held, base::MonotonicTime deadline);
// Writes that are held stay so for that long from now, without a moment in which one gets through.
base::Status ProlongHold(RedisSession& session, base::Duration duration,
                         base::MonotonicTime deadline);
base::Status ReleaseWrites(RedisSession& session, base::MonotonicTime deadline);

// Keys that one has and the other has not, or has with another value. Leeward's own are left out.
struct KeyDifferences {
  std::uint64_t looked_at = 0;
  std::uint64_t missing = 0;          // in `old` only
  std::uint64_t other = 0;            // in both, with different values
  std::vector<std::string> examples;  // at most kMaxKeyExamples of `missing`, then of `other`
  bool complete = true;               // false: `most` keys were looked at, and there are more
};
inline constexpr std::size_t kMaxKeyExamples = 1000;
base::Result<KeyDifferences> CompareKeys(RedisSession& old, RedisSession& fresh, std::uint64_t most,
                                         base::MonotonicTime deadline, const Cancelled& cancelled);

}  // namespace leeward::probe
