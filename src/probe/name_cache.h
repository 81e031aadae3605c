// NameCache: one name's address, kept for its TTL and no longer, looked up in a thread of its own
// so that a slow DNS server does not hold up whoever asks.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/time.h"
#include "ports/clock.h"
#include "probe/dns.h"

namespace leeward::probe {

class NameCache {
 public:
  // `changed` is called from the cache's thread after every look-up. The references outlive the
  // cache.
  NameCache(std::string name, base::Duration timeout, const Resolver& resolver,
            const ports::Clock& clock, std::function<void()> changed);
  ~NameCache();
  NameCache(const NameCache&) = delete;
  NameCache& operator=(const NameCache&) = delete;

  // The address while its TTL lasts. Otherwise nothing, and a look-up is on its way.
  std::optional<std::string> Address();
  std::uint64_t failures() const;

 private:
  void Run();

  const std::string name_;
  const base::Duration timeout_;
  const Resolver& resolver_;
  const ports::Clock& clock_;
  const std::function<void()> changed_;
  mutable std::mutex mutex_;
  std::condition_variable asked_changed_;
  bool asked_ = false;
  bool stop_ = false;
  std::string address_;
  base::MonotonicTime fresh_until_;
  std::uint64_t failures_ = 0;
  std::thread thread_;
};

}  // namespace leeward::probe
