// Guard: runs a lease::Holder against the shared store and the door. One loop; the store, the
// requests to hand over and the door each have a thread, because each may take its time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "guard/door.h"
#include "guard/fence_hook.h"
#include "guard/lane.h"
#include "lease/hand_over.h"
#include "lease/holder.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::guard {

struct GuardStatus {
  std::optional<std::uint64_t> epoch;  // while writes are allowed
  lease::HolderPhase phase = lease::HolderPhase::kFencing;
  bool released = false;
  int late_fences = 0;
  base::Duration latest_fence{0};
  std::string why;
  std::optional<HookStatus> hook;  // of the spec's own; absent: it has none
};

// "{"epoch":4,"region":"us-east-1"}": the body of GET /writable, 200 or 503.
std::string WritableJson(const GuardStatus& status, const model::Region& region);

class Guard {
 public:
  // In the store.
  struct Keys {
    std::string lease;
    std::string hand_over;  // requests for it; empty: nobody asks
  };
  // Told of each fence once, after the door was told to close. Called with the guard's lock held:
  // it is quick, and asks nothing of the guard.
  using OnFence = std::function<void(const Fencing&)>;

  // Begins at once, by closing the door. Everything outlives it.
  Guard(lease::HolderOptions options, Keys keys, ports::SharedStore& store, Door& door,
        const ports::Clock& clock, OnFence on_fence = {});
  // Ends without touching the door: it shuts by itself when the lease is over.
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  GuardStatus Status() const;
  // Closes the door and gives the lease up, as it also does when a controller asks for it in the
  // store.
  void Release();

 private:
  void Loop();
  void Give(const lease::HolderEvent& event);  // with the lock held
  void LookForRequest();                       // with the lock held
  void TakeIn(const base::Result<std::optional<ports::SharedEntry>>& request);
  void Do(const lease::Read& read);
  void Do(const lease::Put& put);
  void Do(const lease::Fence& fence);
  void Do(const lease::Open& open);
  void Do(const lease::Extend& extend);
  // An answer, from a lane's thread.
  void Bring(const lease::HolderEvent& event);

  const lease::HolderOptions options_;
  const Keys keys_;
  ports::SharedStore& store_;
  Door& door_;
  const ports::Clock& clock_;
  const OnFence on_fence_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  lease::Holder holder_;
  lease::HandOverWatch requests_;
  bool looking_ = false;               // for a request, right now
  base::MonotonicTime next_request_;   // when to look again
  std::optional<std::uint64_t> held_;  // the epoch before the event at hand
  bool fence_told_ = false;            // of the fence that is under way
  bool stopping_ = false;
  // The newest thing asked of the door; an Open or Extend that is older gives itself up.
  std::atomic<std::uint64_t> door_turn_{0};
  std::thread loop_;
  // The last members: their threads use the others.
  Lane store_lane_, request_lane_, door_lane_;
};

}  // namespace leeward::guard
