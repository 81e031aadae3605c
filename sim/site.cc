#include "sim/site.h"

#include <algorithm>
#include <utility>

namespace leeward::sim {

constexpr Duration kLookTakes = std::chrono::milliseconds(2);

void Door::Open(std::uint64_t epoch, base::MonotonicTime until) {
  if (until <= machine_.Monotonic()) return;
  open_ = true;
  shutting_ = false;
  epoch_ = epoch;
  until_ = until;
  ++order_;
  changed_();
  WatchEnd();
}

void Door::Extend(std::uint64_t epoch, base::MonotonicTime until) {
  if (!shutting_ && (!open_ || until > until_)) Open(epoch, until);
}

void Door::WatchEnd() {
  machine_.After(std::max(Duration(0), until_ - machine_.Monotonic()), [this, order = order_] {
    if (order == order_ && open_) Shut([] {});
  });
}

// With nobody to send away it is quick.
void Door::Shut(std::function<void()> done) {
  shutting_ = open_;
  agenda_.After(open_ ? shut_takes_ : kLookTakes, [this, order = order_, done = std::move(done)] {
    if (order == order_) shutting_ = false;
    if (order == order_ && std::exchange(open_, false)) changed_();
    done();
  });
}

Site::Site(Place place, Process& machine, Duration shut_takes, Agenda& agenda, History& history)
    : place_(place),
      clock_(machine),
      agenda_(agenda),
      history_(history),
      door(agenda, machine, shut_takes, [this] { Changed(); }) {}

void Site::Changed() {
  const bool accepts = Accepts();
  const std::uint64_t epoch = door.epoch();
  if (accepts == accepted_ && (!accepts || epoch == accepted_epoch_)) return;
  if (accepted_) {
    history_.facts.push_back(
        {agenda_.now(), FactKind::kCloses, place_, accepted_epoch_, 0, {}, {}});
  }
  if (accepts) {
    history_.facts.push_back({agenda_.now(), FactKind::kOpens, place_, epoch, 0, {}, {}});
  }
  accepted_ = accepts;
  accepted_epoch_ = epoch;
}

bool Site::Write(std::uint64_t id) {
  if (!Accepts()) return false;
  database.log.push_back({id, agenda_.now(), clock_.Now()});
  Fact& fact = history_.facts.emplace_back();
  fact.at = agenda_.now();
  fact.kind = FactKind::kAcknowledged;
  fact.place = place_;
  fact.epoch = door.epoch();
  fact.number = id;
  return true;
}

}  // namespace leeward::sim
