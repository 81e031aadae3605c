// Sessions in Redis: the Region's member of an ElastiCache Global Datastore, or a Redis of the
// Region's own. Cluster mode and TLS are not spoken.
//
// Reads ask this Region's own server. Changes go there too, and where it answers READONLY (it
// follows another Region's primary) to the other Region's, which is remembered until it fails.
// docs/sessions.md.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "sessions/redis_connection.h"
#include "sessions/store.h"

namespace leeward::sessions {

struct RedisStoreOptions {
  RedisServerOptions own;
  std::vector<RedisAddress> others;  // the other Regions' primaries; at most 2
  std::string prefix = "leeward:";   // of every key
  session::DataLimits data;
  base::Duration life{std::chrono::hours(12)};  // of the longest session; older revocations go
  // After the other Region did not answer it is not asked for that long.
  base::Duration pause{std::chrono::milliseconds(500)};
  base::Duration attempt{std::chrono::milliseconds(700)};  // one server's part of one call
};

class RedisStore : public SessionStore {
 public:
  RedisStore(RedisStoreOptions options, const ports::Clock& clock);

  base::Result<Stored> Read(const session::Handle& handle, ReadFor what_for,
                            base::MonotonicTime deadline) override;
  base::Result<std::uint64_t> Write(const session::Session& session, std::uint64_t expected,
                                    base::MonotonicTime deadline) override;
  base::Status Revoke(const session::Revocation& revocation, base::MonotonicTime deadline) override;
  base::Result<bool> Settle(const session::Revocation& revocation,
                            base::MonotonicTime deadline) override;
  base::Result<std::vector<session::Revocation>> RevokedSince(
      base::WallTime since, std::size_t limit, base::MonotonicTime deadline) override;
  base::Result<Page> List(const std::string& cursor, std::size_t limit,
                          base::MonotonicTime deadline) override;
  base::Status AddDocument(const Document& document, base::WallTime until,
                           base::MonotonicTime deadline) override;
  base::Result<std::vector<Document>> Documents(base::MonotonicTime deadline) override;
  // "redis HOST:PORT, primary" or "..., follows another Region".
  base::Result<std::string> Ping(base::MonotonicTime deadline) override;

 private:
  struct Other {
    std::unique_ptr<RedisServer> server;
    std::atomic<std::int64_t> not_before{0};  // on the monotonic clock
  };
  std::string Key(char kind, const std::string& name) const;
  // Where writes are taken: the own server, unless it follows another Region's.
  base::Result<RedisReply> AtWriter(const std::vector<std::string>& words,
                                    base::MonotonicTime deadline);
  base::Result<RedisReply> AtOthers(const std::vector<std::string>& words,
                                    base::MonotonicTime deadline);
  base::Result<RedisReply> AtOwn(const std::vector<std::string>& words,
                                 base::MonotonicTime deadline);
  base::Result<Stored> StoredFrom(const base::Result<RedisReply>& reply) const;
  std::vector<std::string> ReadWords(const session::Handle& handle) const;
  std::vector<std::string> RevokeWords(const session::Revocation& revocation) const;

  const RedisStoreOptions options_;
  const ports::Clock& clock_;
  RedisServer own_;
  std::vector<std::unique_ptr<Other>> others_;
  std::atomic<bool> follows_{false};  // as the own server last said
};

}  // namespace leeward::sessions
