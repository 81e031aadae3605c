// The steps of the writers' lease: released or run out, it is taken for the Region that is gone to.
#include <algorithm>
#include <utility>
#include <variant>

#include "sim/mover.h"
#include "sim/task.h"

namespace leeward::sim {

// What is seen on quiet days lets the lease's running out overlap with the detection.
void Mover::SightLease() {
  const Duration patience = world_.scenario().terms.store_timeout;
  world_.store.Get({*this, place_, patience}, LeaseKey::kWriters,
                   [this](const base::Result<SharedStore::Found>& found) {
                     if (found.ok()) sighting_ = lease::Sight(sighting_, *found, Monotonic());
                   });
}

void Mover::TakeLease(const TaskPointer& task) {
  taking_ = task;
  StartTaker(task->step->region);
  FeedTaker(lease::AskTake{});
}

void Mover::StartTaker(const model::Region& region) {
  lease::TakerOptions options;
  options.terms = world_.scenario().terms;
  if (world_.scenario().bug == Bug::kNoFenceWait) {
    options.terms.drift_ppm = 0;
    options.terms.margin = -options.terms.ttl;
  }
  options.region = region;
  options.who = Actor() + "-" + std::to_string(++takers_);
  options.sighting = sighting_;
  taker_ = std::make_unique<lease::Taker>(std::move(options));
}

void Mover::FeedTaker(const lease::TakerEvent& event) {
  const std::vector<lease::TakerAction> actions = taker_->On(event, Monotonic());
  const std::uint64_t taker = takers_;
  for (const lease::TakerAction& action : actions) {
    std::visit([this](const auto& one) { Do(one); }, action);
  }
  if (!taker_ || taker != takers_ || taker_->done()) return;
  After(std::max(Duration(0), taker_->NextWake() - Monotonic()),
        [this, taker, wake = ++taker_wakes_] {
          if (taker_ && taker == takers_ && wake == taker_wakes_) FeedTaker(lease::Tick{});
        });
}

void Mover::Do(const lease::Read& read) {
  world_.store.Get(
      {*this, place_, read.deadline - Monotonic()}, LeaseKey::kWriters,
      [this, request = read.request, taker = takers_](base::Result<SharedStore::Found> found) {
        if (!taker_ || taker != takers_) return;
        FeedTaker(lease::ReadDone{request, std::move(found)});
      });
}

void Mover::Do(const lease::Put& put) {
  taking_->work.effect();
  world_.store.Put(
      {*this, place_, put.deadline - Monotonic()}, LeaseKey::kWriters, put.record, put.expected,
      [this, request = put.request, taker = takers_](base::Result<std::uint64_t> written) {
        if (!taker_ || taker != takers_) return;
        FeedTaker(lease::PutDone{request, std::move(written)});
      });
}

// When the lease that was replaced had surely run out, by the wall clock, as the real step reckons.
std::optional<base::WallTime> Mover::EndBefore(const lease::Seen& taken) const {
  const auto free = taker_->FreeAt();
  if (!free || taker_->last_seen()->revision == taken.revision) return std::nullopt;
  return Now() - lease::SurelyPassed(world_.scenario().terms, Monotonic() - *free);
}

// As the real step tells it.
void Mover::Do(const lease::Taken& taken) {
  const TaskPointer task = std::exchange(taking_, nullptr);
  const lease::Record& record = taken.seen.record;
  ports::StepOutcome outcome{
      lease::Describe(record),
      {{"epoch", std::to_string(record.epoch)}, {"ground", std::string(lease::Name(record.how))}}};
  if (record.how != lease::How::kFirst) {
    outcome.outputs["from"] = record.from.str();
    outcome.outputs["from_epoch"] = std::to_string(record.from_epoch);
    if (const auto ended = EndBefore(taken.seen))
      outcome.outputs["ended_ns"] = std::to_string(ended->since_epoch.count());
  }
  EndTask(task, outcome);
}

// A lease that its holder goes on renewing is an answer: the old Region lives, and nothing of it
// was touched. Trying again would only wait for the same.
base::Error Mover::TooLate(const Task& task) const {
  const bool renewed =
      taking_.get() == &task && taker_->FreeAt() && *taker_->FreeAt() > Monotonic();
  if (renewed) return base::Refused("the old Region holds its lease: " + taker_->why());
  return base::Unreachable(task.step->id.str() + " was not done in time");
}

void Mover::HandOver(const TaskPointer& task) {
  Asker::Options options{world_.scenario().terms, world_.scenario().application.name,
                         task->step->region,      Actor() + "-" + std::to_string(++takers_),
                         task->deadline,          task->work.effect};
  asker_ = std::make_unique<Asker>(
      world_.store, *this, place_, std::move(options),
      [this, task](const base::Result<ports::StepOutcome>& outcome) { EndTask(task, outcome); });
}

}  // namespace leeward::sim
