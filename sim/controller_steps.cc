// How a controller carries out one step: exchanges with the step's Region until it is done, its
// time is up, or trying again cannot help.
#include <utility>

#include "base/check.h"
#include "sim/controller.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPollEvery = milliseconds(50);
constexpr Duration kAfterError = milliseconds(150);
constexpr Duration kOneCall = milliseconds(1500);
constexpr Duration kLeasePatience = milliseconds(500);

bool IsGate(const model::Step& step) { return step.kind.str().starts_with("gate."); }

// No control plane takes part, and it is in every Region.
bool IsDataPlane(const model::Step& step) { return step.kind.str().starts_with("route53."); }

bool MayPass(const base::Error& error) {
  switch (error.code()) {
    case base::ErrorCode::kUnreachable:
    case base::ErrorCode::kThrottled:
    case base::ErrorCode::kService:
    case base::ErrorCode::kWrongState:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct Controller::Task {
  const model::Step* step = nullptr;
  Place where = Place::kHome;
  base::MonotonicTime deadline;
  Work work;
  int serial = 0;
};

void Controller::Launch(const execute::Command& command) {
  const model::Step* step = plan_->Find(command.step);
  CHECK_MSG(step != nullptr, "a command for a step outside the plan");
  const bool local = IsGate(*step) || IsDataPlane(*step);
  auto task = std::make_shared<Task>(
      Task{step, local ? place_ : PlaceOf(world_.scenario().application, step->region),
           Monotonic() + command.timeout,
           Work{plan_, *step, conductor_->state().outputs, Now(), {}, false, 0}, serial_});
  task->work.effect = [this, name = step->id.str(), id = conductor_->state().execution.str()] {
    world_.Note(FactKind::kEffect, place_, name, id, disk_.DurableBytes(kJournalPath));
  };
  // Also a step that needs no waiting ends in an event of its own, never inside Advance.
  PollLater(task, Duration(0));
}

void Controller::PollLater(const TaskPointer& task, Duration delay) {
  After(delay, [this, task] { Poll(task); });
}

void Controller::Poll(const TaskPointer& task) {
  if (task->serial != serial_) return;
  if (Monotonic() >= task->deadline) {
    End(task, base::Unreachable(task->step->id.str() + " was not done in time"));
    return;
  }
  if (task->step->kind.str() == "gate.fence-proof") {
    TakeLease(task);
    return;
  }
  task->work.now = Now();
  Call<Looked>(
      world_.network, *this, {place_, task->where}, kOneCall, [this, task] { return Serve(task); },
      [this, task](base::Result<Looked> looked) { Asked(task, std::move(looked)); });
}

// In the step's Region. The controller may have died since it asked.
base::Result<Looked> Controller::Serve(const TaskPointer& task) {
  const bool failing = world_.api_failing[static_cast<std::size_t>(Index(task->where))] &&
                       !IsGate(*task->step) && world_.random.Unit() < world_.scenario().api_errors;
  const bool before = failing && world_.random.Below(2) == 0;
  if (before && world_.random.Below(2) == 0) return base::Throttled("Rate exceeded");
  if (before) return base::ServiceBroken("internal failure");
  base::Result<Looked> looked = Act(world_, task->work);
  // It happened, and the answer says that it failed.
  if (failing) return base::ServiceBroken("internal failure");
  return looked;
}

void Controller::Asked(const TaskPointer& task, base::Result<Looked> looked) {
  if (task->serial != serial_) return;
  if (looked.ok() && looked->has_value()) {
    End(task, **looked);
  } else if (looked.ok()) {
    PollLater(task, kPollEvery);
  } else if (MayPass(looked.error())) {
    PollLater(task, kAfterError);
  } else {
    End(task, looked.error());
  }
}

void Controller::End(const TaskPointer& task, const base::Result<ports::StepOutcome>& outcome) {
  if (task->serial != serial_) return;
  conductor_->Hear(task->step->id, outcome, Now());
  Advance();
}

// --- The proof of fence: the lease, released or run out, taken for the Region that is gone to.

// The lease is watched on quiet days too, so that its running out overlaps with the detection.
void Controller::WatchLease() {
  world_.store.Get(*this, place_, kLeaseKey, kLeasePatience,
                   [this](const base::Result<SharedStore::Found>& found) {
                     if (found.ok() && found->has_value()) SawLease(**found);
                     After(world_.scenario().lease_poll, [this] { WatchLease(); });
                   });
}

void Controller::SawLease(const ports::SharedEntry& entry) {
  lease_ = entry;
  lease_may_be_taken_ = taker_.Saw(entry.revision, LeaseFromText(entry.value), Monotonic()) ||
                        world_.scenario().bug == Bug::kNoFenceWait;
}

void Controller::TakeLease(const TaskPointer& task) {
  if (!lease_) return PollLater(task, kPollEvery);
  const LeaseRecord record = LeaseFromText(lease_->value);
  const Place to = PlaceOf(world_.scenario().application, plan_->to);
  if (record.holder == to && !record.released) {
    return End(task, ports::StepOutcome{
                         "the lease is held here, with epoch " + std::to_string(record.epoch), {}});
  }
  if (!lease_may_be_taken_) return PollLater(task, kPollEvery);
  task->work.effect();
  // Whatever comes of it, the next look at the record tells.
  world_.store.Put(*this, place_, kLeaseKey, ToText({record.epoch + 1, to, 0, false}),
                   lease_->revision, kLeasePatience,
                   [this, task](const base::Result<std::uint64_t>&) {
                     lease_.reset();
                     lease_may_be_taken_ = false;
                     PollLater(task, kPollEvery);
                   });
}

}  // namespace leeward::sim
