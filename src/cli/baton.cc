#include "cli/baton.h"

#include <algorithm>
#include <utility>

#include "lease/in_store.h"

namespace leeward::cli {
namespace {

// The controllers' lease is as long as the writers', but not shorter: a controller that loses its
// turn stops a move that it carries out.
constexpr base::Duration kShortest = std::chrono::seconds(2);
constexpr base::Duration kLook = std::chrono::milliseconds(50);
constexpr base::Duration kReleaseWait = std::chrono::seconds(2);
constexpr int kNameDigits = 12;

}  // namespace

// The door: closed means that nothing runs any more.
class Baton::Right : public guard::Door {
 public:
  Right(const ports::Clock& clock, Hooks hooks) : clock_(clock), hooks_(std::move(hooks)) {}

  base::Status Open(base::MonotonicTime, const guard::Cancelled&) override { return base::Ok(); }
  base::Status Extend(base::MonotonicTime, const guard::Cancelled&) override { return base::Ok(); }
  base::Status Close(base::MonotonicTime deadline) override {
    hooks_.stop();
    std::unique_lock lock(mutex_);
    while (!hooks_.idle()) {
      if (clock_.Monotonic() >= deadline) return base::Unreachable("a step has not ended yet");
      changed_.wait_for(lock, kLook);
    }
    return base::Ok();
  }

 private:
  const ports::Clock& clock_;
  const Hooks hooks_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

std::string ControllersKey(const model::ApplicationName& application) {
  return "leeward/" + application.str() + "/controller";
}

Baton::Baton(World& world, const model::Application& application, ports::SharedStore& store,
             Hooks hooks)
    : world_(world),
      terms_(lease::TermsFor(std::max(application.failover.lease, kShortest))),
      who_("serve-" + world.random.Hex(kNameDigits)),
      key_(ControllersKey(application.name)),
      store_(store),
      right_(std::make_unique<Right>(world.clock, std::move(hooks))),
      guard_(std::make_unique<guard::Guard>(
          lease::HolderOptions{terms_, model::Region(who_), who_, false},
          guard::Guard::Keys{key_, ""}, store, *right_, world.clock)),
      taker_([this] { Want(); }) {}

Baton::~Baton() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  taker_.join();
  if (!Held()) return;
  guard_->Release();
  const base::MonotonicTime end = world_.clock.Monotonic() + kReleaseWait;
  std::unique_lock lock(mutex_);
  while (!guard_->Status().released && world_.clock.Monotonic() < end) {
    changed_.wait_for(lock, kLook);
  }
}

std::string Baton::Why() const {
  if (Held()) return "this controller acts (" + who_ + ")";
  const std::lock_guard lock(mutex_);
  return why_;
}

void Baton::Yield(base::Duration time) {
  {
    const std::lock_guard lock(mutex_);
    wanted_from_ = world_.clock.Monotonic() + time;
  }
  guard_->Release();
}

// Takes the lease for this controller whenever it has it not; the guard adopts what was taken.
void Baton::Want() {
  std::optional<lease::Taker> taker;
  const auto give = [&](const lease::TakerEvent& event) {
    lease::Give(*taker, event, store_, key_, world_.clock);
  };
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool wanted = world_.clock.Monotonic() >= wanted_from_;
    lock.unlock();
    if (Held() || !wanted) {
      taker.reset();
    } else {
      if (!taker || taker->done()) {
        taker.emplace(lease::TakerOptions{terms_, model::Region(who_), who_});
        give(lease::AskTake{});
      }
      give(lease::Tick{});
    }
    lock.lock();
    why_ = taker ? taker->why() : "left to another controller for a while";
    changed_.wait_for(lock, kLook);
  }
}

}  // namespace leeward::cli
