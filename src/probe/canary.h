// CanaryWriter: a heartbeat written into a store where it takes writes, so that the store's standby
// shows how old its newest data is, whatever else writes or does not.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/time.h"
#include "ports/clock.h"
#include "probe/database.h"
#include "probe/dns.h"
#include "probe/mysql.h"
#include "probe/postgres.h"
#include "probe/redis.h"

namespace leeward::probe {

// Writes one canary; has to return by the deadline, and soon when it is cancelled.
using WriteOne = std::function<base::Status(const Canary& canary, base::MonotonicTime deadline,
                                            const Cancelled& cancelled)>;
// All keep their session between writes. `resolver` and `clock` outlive what they return.
WriteOne IntoPostgres(PostgresAddress address, const Resolver& resolver, const ports::Clock& clock);
WriteOne IntoMySql(MySqlAddress address, const Resolver& resolver, const ports::Clock& clock);
// Under the key of the Region that takes the writes: "leeward:canary:us-east-1".
WriteOne IntoRedis(RedisAddress address, const std::string& region, const Resolver& resolver,
                   const ports::Clock& clock);
// What the canary of a Region's writes is called in stores that keep one a Region.
std::string CanaryOf(const std::string& region);

class CanaryWriter {
 public:
  struct Options {
    base::Duration every = std::chrono::milliseconds(250);
    base::Duration timeout = std::chrono::seconds(1);  // of one write, connecting included
  };
  struct Counts {
    std::uint64_t written = 0;
    std::uint64_t failed = 0;
    std::string last_error;  // empty when the last write worked
  };
  // `clock` outlives it. Starts to write at once.
  CanaryWriter(WriteOne write, std::string observer, Options options, const ports::Clock& clock);
  ~CanaryWriter();  // stops
  CanaryWriter(const CanaryWriter&) = delete;
  CanaryWriter& operator=(const CanaryWriter&) = delete;

  // Returns when no write runs any more.
  void Stop();
  Counts counts() const;

 private:
  void Run();
  base::Status Write();
  bool stopping() const;

  const WriteOne write_;
  const std::string observer_;
  const Options options_;
  const ports::Clock& clock_;
  std::uint64_t sequence_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace leeward::probe
