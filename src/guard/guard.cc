#include "guard/guard.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "lease/in_store.h"

namespace leeward::guard {
namespace {

// The longest wait without a look at the clock: waits stand still while the machine sleeps, the
// clock does not.
constexpr base::Duration kLongestNap = std::chrono::milliseconds(50);

nlohmann::ordered_json HookJson(const HookStatus& hook) {
  nlohmann::ordered_json json;
  json["state"] = Name(hook.state);
  json["runs"] = hook.runs;
  json["failures"] = hook.failures;
  if (!hook.detail.empty()) json["detail"] = hook.detail;
  return json;
}

}  // namespace

std::string WritableJson(const GuardStatus& status, const model::Region& region) {
  nlohmann::ordered_json json;
  if (status.epoch) json["epoch"] = *status.epoch;
  json["region"] = region.str();
  if (!status.epoch) {
    json["phase"] = lease::Name(status.phase);
    json["reason"] = status.why;
  }
  if (status.released) json["released"] = true;
  if (status.late_fences > 0) {
    json["late_fences"] = status.late_fences;
    json["latest_fence_ms"] = base::Millis(status.latest_fence);
  }
  if (status.hook) json["hook"] = HookJson(*status.hook);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Guard::Guard(lease::HolderOptions options, Keys keys, ports::SharedStore& store, Door& door,
             const ports::Clock& clock, OnFence on_fence)
    : options_(options),
      keys_(std::move(keys)),
      store_(store),
      door_(door),
      clock_(clock),
      on_fence_(std::move(on_fence)),
      holder_(std::move(options)) {
  loop_ = std::thread([this] { Loop(); });
}

Guard::~Guard() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ++door_turn_;
  changed_.notify_all();
  loop_.join();
}

GuardStatus Guard::Status() const {
  const std::lock_guard lock(mutex_);
  return {holder_.Writable(clock_.Monotonic()),
          holder_.phase(),
          holder_.released(),
          holder_.late_fences(),
          holder_.latest_fence(),
          holder_.why(),
          {}};
}

void Guard::Release() { Bring(lease::AskRelease{}); }

void Guard::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Give(lease::Tick{});
    LookForRequest();
    const base::Duration wait = holder_.NextWake() - clock_.Monotonic();
    if (wait > base::Duration(0)) changed_.wait_for(lock, std::min(wait, kLongestNap));
  }
}

// Beside the renewals, never before one: a store that is slow must not cost the lease.
void Guard::LookForRequest() {
  const base::MonotonicTime now = clock_.Monotonic();
  if (looking_ || keys_.hand_over.empty() || now < next_request_ || !holder_.Epoch()) return;
  looking_ = true;
  request_lane_.Add([this] {
    TakeIn(store_.Get(keys_.hand_over, clock_.Monotonic() + options_.terms.store_timeout));
  });
}

void Guard::TakeIn(const base::Result<std::optional<ports::SharedEntry>>& request) {
  {
    const std::lock_guard lock(mutex_);
    looking_ = false;
    next_request_ = clock_.Monotonic() + options_.terms.renew_every;
    const std::optional<std::uint64_t> epoch = holder_.Epoch();
    if (stopping_ || !request.ok() || !epoch) return;
    if (requests_.Obeys(*request, options_.region, *epoch)) Give(lease::AskRelease{});
  }
  changed_.notify_all();
}

void Guard::Bring(const lease::HolderEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    Give(event);
  }
  changed_.notify_all();
}

void Guard::Give(const lease::HolderEvent& event) {
  held_ = holder_.Epoch();
  for (const lease::HolderAction& action : holder_.On(event, clock_.Monotonic())) {
    std::visit([this](const auto& each) { Do(each); }, action);
  }
  if (holder_.phase() != lease::HolderPhase::kFencing) fence_told_ = false;
}

void Guard::Do(const lease::Read& read) {
  store_lane_.Add([this, read] {
    Bring(lease::ReadDone{read.request, lease::ReadFrom(store_, keys_.lease, read.deadline)});
  });
}

void Guard::Do(const lease::Put& put) {
  store_lane_.Add([this, put] {
    Bring(lease::PutDone{put.request, store_.Put(keys_.lease, lease::ToJson(put.record),
                                                 put.expected, put.deadline)});
  });
}

void Guard::Do(const lease::Fence& fence) {
  ++door_turn_;  // what is being opened is given up, what is queued has no effect
  door_lane_.Add([this, fence] { Bring(lease::FenceDone{fence.request, door_.Close(fence.by)}); });
  // A door that does not close is told to again and again: that is one fence still.
  if (!std::exchange(fence_told_, true) && on_fence_) on_fence_({held_, fence.reason});
}

void Guard::Do(const lease::Open& open) {
  door_lane_.Add([this, open, turn = ++door_turn_] {
    const auto passed = [this, turn] { return door_turn_ != turn; };
    Bring(lease::OpenDone{open.request, passed() ? base::Status(base::Cancelled("passed over"))
                                                 : door_.Open(open.until, passed)});
  });
}

void Guard::Do(const lease::Extend& extend) {
  door_lane_.Add([this, extend, turn = ++door_turn_] {
    const auto passed = [this, turn] { return door_turn_ != turn; };
    // When it fails the door shuts when its time is over; the next renewal tries again.
    if (!passed()) (void)door_.Extend(extend.until, passed);
  });
}

}  // namespace leeward::guard
