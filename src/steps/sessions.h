// Sessions: database connections kept open between steps, so that a promotion does not begin with a
// handshake.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/sql_session.h"

namespace leeward::steps {

class Sessions {
 public:
  static constexpr std::size_t kMaxIdle = 4;  // for one address
  // A session that was idle for longer has to answer within `kPing` first: one whose server is lost
  // would otherwise use up the time of the work.
  static constexpr base::Duration kFresh = std::chrono::seconds(1);
  static constexpr base::Duration kPing = std::chrono::milliseconds(250);

  // Every session is opened with `access`, whatever its address says.
  Sessions(const probe::Resolver& resolver, const ports::Clock& clock, probe::Access access)
      : resolver_(resolver), clock_(clock), access_(access) {}

  // Runs `work(session)` on a kept session or on a new one. When a kept one turns out to be lost,
  // the work is run once more on a new one: it has to be safe to repeat.
  template <typename Work>
  auto With(probe::SqlAddress address, base::MonotonicTime deadline,
            const probe::Cancelled& cancelled, Work work)
      -> std::invoke_result_t<Work, probe::SqlSession&> {
    address.access = access_;
    if (std::unique_ptr<probe::SqlSession> kept = Take(address)) {
      auto done = work(*kept);
      if (!kept->broken()) {
        Keep(std::move(kept));
        return done;
      }
      if (clock_.Monotonic() >= deadline) return done;
    }
    auto opened = probe::SqlSession::Open(address, resolver_, deadline, clock_, cancelled);
    if (!opened.ok()) return std::move(opened).error();
    auto done = work(**opened);
    if (!(*opened)->broken()) Keep(std::move(*opened));
    return done;
  }

  // Drops what is kept for the host, whatever the database.
  void Forget(const std::string& host);

 private:
  struct Kept {
    std::unique_ptr<probe::SqlSession> session;
    base::MonotonicTime since;
  };
  // A kept session that is known to answer, or nullptr.
  std::unique_ptr<probe::SqlSession> Take(const probe::SqlAddress& address);
  std::optional<Kept> TakeAny(const probe::SqlAddress& address);
  void Keep(std::unique_ptr<probe::SqlSession> session);

  const probe::Resolver& resolver_;
  const ports::Clock& clock_;
  const probe::Access access_;
  std::mutex mutex_;
  std::map<probe::SqlAddress, std::vector<Kept>> idle_;
};

}  // namespace leeward::steps
