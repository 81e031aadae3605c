#include "sim/guard.h"

#include <algorithm>
#include <variant>

namespace leeward::sim {
namespace {

constexpr Duration kOpenTakes = std::chrono::milliseconds(5);

}  // namespace

void Guard::OnStart() {
  options_.who = "guard-" + std::to_string(++starts_);
  holder_ = std::make_unique<lease::Holder>(options_);
  Feed(lease::Tick{});
}

bool Guard::Release() {
  if (!running()) return false;
  Feed(lease::AskRelease{});
  return true;
}

void Guard::Feed(const lease::HolderEvent& event) {
  for (const lease::HolderAction& action : holder_->On(event, Monotonic())) {
    std::visit([this](const auto& one) { Do(one); }, action);
  }
  Wake();
}

void Guard::Wake() {
  After(std::max(Duration(0), holder_->NextWake() - Monotonic()), [this, wake = ++wakes_] {
    if (wake == wakes_) Feed(lease::Tick{});
  });
}

void Guard::Do(const lease::Read& read) {
  store_.Get(*this, site_.place(), read.deadline - Monotonic(),
             [this, request = read.request](base::Result<SharedStore::Found> found) {
               Feed(lease::ReadDone{request, std::move(found)});
             });
}

void Guard::Do(const lease::Put& put) {
  store_.Put(*this, site_.place(), put.record, put.expected, put.deadline - Monotonic(),
             [this, request = put.request](base::Result<std::uint64_t> written) {
               Feed(lease::PutDone{request, std::move(written)});
             });
}

// The door's answer may find another life of this process, or none.
void Guard::Do(const lease::Fence& fence) {
  site_.door.Shut(Bound([this, request = fence.request] {
    Feed(lease::FenceDone{request, base::Ok()});
  }));
}

void Guard::Do(const lease::Open& open) {
  After(kOpenTakes, [this, open] {
    base::Status status;
    if (site_.database.role == Role::kReplica) {
      status = base::WrongState("a replica takes no writes");
    } else {
      site_.door.Open(open.epoch, OnDoorClock(open.until));
    }
    Feed(lease::OpenDone{open.request, std::move(status)});
  });
}

void Guard::Do(const lease::Extend& extend) {
  site_.door.Extend(extend.epoch, OnDoorClock(extend.until));
}

base::MonotonicTime Guard::OnDoorClock(base::MonotonicTime until) const {
  return site_.door.Now() + (until - Monotonic());
}

}  // namespace leeward::sim
