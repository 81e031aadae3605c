// CanaryWriter: a heartbeat written into a store where it takes writes, so that the store's standby
// shows how old its newest data is, whatever else writes or does not.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"
#include "probe/postgres.h"

namespace leeward::probe {

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
  // `resolver` and `clock` outlive it. Starts to write at once.
  CanaryWriter(PostgresAddress address, std::string observer, Options options,
               const Resolver& resolver, const ports::Clock& clock);
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

  PostgresAddress address_;
  std::string observer_;
  Options options_;
  const Resolver& resolver_;
  const ports::Clock& clock_;
  std::unique_ptr<PostgresSession> session_;
  std::uint64_t sequence_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace leeward::probe
