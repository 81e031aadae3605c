// FaultyStore: a store in memory whose calls fail, or have an effect and fail, when told to.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "sessions/memory_store.h"

namespace leeward::sessions::testing {

class FaultyStore : public SessionStore {
 public:
  enum class Fault { kNone, kUnreachable, kDoneButUnanswered };
  explicit FaultyStore(const ports::Clock& clock) : real_({}, clock) {}

  std::atomic<Fault> fault{Fault::kNone};
  std::atomic<bool> settles{true};     // false: only another Region can write
  std::function<void()> before_write;  // runs in between a read and its write
  std::atomic<int> reads{0}, writes{0};
  MemoryStore& real() { return real_; }

  base::Result<Stored> Read(const session::Handle& handle, ReadFor what_for,
                            base::MonotonicTime deadline) override {
    ++reads;
    return With<Stored>([&] { return real_.Read(handle, what_for, deadline); });
  }
  base::Result<std::uint64_t> Write(const session::Session& session, std::uint64_t expected,
                                    base::MonotonicTime deadline) override {
    ++writes;
    if (const auto hook = std::exchange(before_write, nullptr)) hook();
    return With<std::uint64_t>([&] { return real_.Write(session, expected, deadline); });
  }
  base::Status Revoke(const session::Revocation& revocation,
                      base::MonotonicTime deadline) override {
    return With<void>([&] { return real_.Revoke(revocation, deadline); });
  }
  base::Result<bool> Settle(const session::Revocation& revocation,
                            base::MonotonicTime deadline) override {
    if (!settles) return false;
    return With<bool>([&] { return real_.Settle(revocation, deadline); });
  }
  base::Result<std::vector<session::Revocation>> RevokedSince(
      base::WallTime since, std::size_t limit, base::MonotonicTime deadline) override {
    return With<std::vector<session::Revocation>>(
        [&] { return real_.RevokedSince(since, limit, deadline); });
  }
  base::Result<Page> List(const std::string& cursor, std::size_t limit,
                          base::MonotonicTime deadline) override {
    return With<Page>([&] { return real_.List(cursor, limit, deadline); });
  }
  base::Status AddDocument(const Document& document, base::WallTime until,
                           base::MonotonicTime deadline) override {
    return With<void>([&] { return real_.AddDocument(document, until, deadline); });
  }
  base::Result<std::vector<Document>> Documents(base::MonotonicTime deadline) override {
    return With<std::vector<Document>>([&] { return real_.Documents(deadline); });
  }
  base::Result<std::string> Ping(base::MonotonicTime deadline) override {
    return With<std::string>([&] { return real_.Ping(deadline); });
  }

 private:
  template <typename T, typename Call>
  base::Result<T> With(const Call& call) {
    const Fault now = fault;
    if (now == Fault::kUnreachable) return base::Unreachable("the store does not answer");
    base::Result<T> result = call();
    if (now == Fault::kDoneButUnanswered) return base::Unreachable("the answer was lost");
    return result;
  }

  MemoryStore real_;
};

}  // namespace leeward::sessions::testing
