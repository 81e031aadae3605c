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
  requests_ = {};
  Feed(lease::Tick{});
  if (!hand_over_.empty()) LookForRequest();
}

SharedStore::Asker Guard::Asking(base::MonotonicTime deadline) {
  return {*this, site_.place(), deadline - Monotonic()};
}

// Beside the renewals, as the product's guard does.
void Guard::LookForRequest() {
  const auto again = [this] { After(options_.terms.renew_every, [this] { LookForRequest(); }); };
  if (!holder_->Epoch()) return again();
  store_.Get(Asking(Monotonic() + options_.terms.store_timeout), hand_over_,
             [this, again](const base::Result<SharedStore::Entry>& request) {
               const std::optional<std::uint64_t> epoch = holder_->Epoch();
               if (request.ok() && epoch && requests_.Obeys(*request, options_.region, *epoch)) {
                 Feed(lease::AskRelease{});
               }
               again();
             });
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
  store_.Get(Asking(read.deadline), LeaseKey::kWriters,
             [this, request = read.request](base::Result<SharedStore::Found> found) {
               Feed(lease::ReadDone{request, std::move(found)});
             });
}

void Guard::Do(const lease::Put& put) {
  store_.Put(Asking(put.deadline), LeaseKey::kWriters, put.record, put.expected,
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
    if (site_.database.role != Role::kWriter) {
      status = base::WrongState("nothing here takes writes");
    } else {
      site_.door.Open(open.epoch, OnDoorClock(open.until));
    }
    Feed(lease::OpenDone{open.request, std::move(status)});
  });
}

void Guard::Do(const lease::Extend& extend) {
  if (site_.database.role != Role::kWriter) return;
  site_.door.Extend(extend.epoch, OnDoorClock(extend.until));
}

base::MonotonicTime Guard::OnDoorClock(base::MonotonicTime until) const {
  return site_.door.Now() + (until - Monotonic());
}

}  // namespace leeward::sim
