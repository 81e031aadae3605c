// A store in this process's memory: it is gone with the process. For `sync` without a Redis, where
// the other Regions hold the same, and for tests.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "ports/clock.h"
#include "sessions/store.h"

namespace leeward::sessions {

struct MemoryStoreOptions {
  std::size_t most = 200'000;  // sessions and revocations; what is over by then makes room
};

class MemoryStore : public SessionStore {
 public:
  MemoryStore(MemoryStoreOptions options, const ports::Clock& clock)
      : options_(options), clock_(clock) {}

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
  base::Result<std::string> Ping(base::MonotonicTime deadline) override;

 private:
  // With the lock held.
  base::Status MakeRoom();

  const MemoryStoreOptions options_;
  const ports::Clock& clock_;
  std::mutex mutex_;
  std::map<session::Handle, Stored> entries_;
  struct Kept {
    std::string text;
    base::WallTime until;
  };
  std::map<std::string, Kept> documents_;
  base::MonotonicTime next_sweep_{};
};

}  // namespace leeward::sessions
