#include "probe/name_cache.h"

#include <utility>

namespace leeward::probe {
namespace {

// After a failed look-up, so that a refusing server is not asked in a tight loop.
constexpr base::Duration kPauseAfterFailure = std::chrono::milliseconds(50);

}  // namespace

NameCache::NameCache(std::string name, base::Duration timeout, const Resolver& resolver,
                     const ports::Clock& clock, std::function<void()> changed)
    : name_(std::move(name)),
      timeout_(timeout),
      resolver_(resolver),
      clock_(clock),
      changed_(std::move(changed)),
      thread_([this] { Run(); }) {}

NameCache::~NameCache() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  asked_changed_.notify_all();
  thread_.join();
}

std::optional<std::string> NameCache::Address() {
  const std::lock_guard lock(mutex_);
  if (clock_.Monotonic() < fresh_until_) return address_;
  if (!asked_) {
    asked_ = true;
    asked_changed_.notify_all();
  }
  return std::nullopt;
}

std::uint64_t NameCache::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

void NameCache::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_changed_.wait(lock, [this] { return asked_ || stop_; });
    if (stop_) return;
    lock.unlock();
    const base::MonotonicTime asked_at = clock_.Monotonic();
    const auto answer = resolver_.Resolve(name_, asked_at + timeout_, [this] {
      const std::lock_guard look(mutex_);
      return stop_;
    });
    lock.lock();
    if (answer.ok()) {
      address_ = answer->addresses.front();
      // A TTL of zero still serves those who wait for this very look-up.
      fresh_until_ =
          clock_.Monotonic() + std::max<base::Duration>(answer->ttl, std::chrono::milliseconds(1));
    } else {
      ++failures_;
      asked_changed_.wait_for(lock, kPauseAfterFailure, [this] { return stop_; });
    }
    asked_ = false;
    lock.unlock();
    changed_();
    lock.lock();
  }
}

}  // namespace leeward::probe
