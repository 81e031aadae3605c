// How a mover carries out one step: exchanges with the step's Region until it is done, its time is
// up, or trying again cannot help.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/mover.h"
#include "sim/task.h"

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPollEvery = milliseconds(50);
constexpr Duration kAfterError = milliseconds(150);
constexpr Duration kOneCall = milliseconds(1500);

bool IsGate(const model::Step& step) { return step.kind.str().starts_with("gate."); }

bool IsOfLease(const model::Step& step) { return step.kind.str().starts_with("lease."); }

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

void Mover::Launch(const execute::Command& command) {
  const model::Step* step = plan_->Find(command.step);
  CHECK_MSG(step != nullptr, "a command for a step outside the plan");
  const bool local = IsGate(*step) || IsDataPlane(*step) || IsOfLease(*step);
  auto task = std::make_shared<Task>(
      Task{step, local ? place_ : PlaceOf(world_.scenario().application, step->region),
           Monotonic() + command.timeout,
           Work{plan_,
                *step,
                conductor_->state().outputs,
                conductor_->state().execution.str(),
                accepted_,
                Now(),
                {},
                false,
                0},
           serial_});
  task->work.effect = [this, name = step->id.str(), id = conductor_->state().execution.str()] {
    world_.history.facts.push_back({world_.agenda.now(), FactKind::kEffect, place_, 0,
                                    disk_.DurableBytes(kJournalPath), name, id, hand_});
  };
  // Also a step that needs no waiting ends in an event of its own, never inside Advance.
  PollLater(task, Takes(*step));
}

// The world is changed when that time is over.
Duration Mover::Takes(const model::Step& step) {
  const auto& measured = world_.scenario().measured;
  if (!measured) return Duration(0);
  const auto found = measured->steps.find(step.id);
  if (found != measured->steps.end()) return found->second;
  if (world_.unmeasured.empty()) world_.unmeasured = step.id.str();
  return Duration(0);
}

void Mover::PollLater(const TaskPointer& task, Duration delay) {
  After(delay, [this, task] { Poll(task); });
}

void Mover::Poll(const TaskPointer& task) {
  if (task->over || task->serial != serial_) return;
  if (Monotonic() >= task->deadline) {
    EndTask(task, TooLate(*task));
    return;
  }
  if (IsOfLease(*task->step) && !world_.scenario().measured) {
    PollLater(task, kPollEvery);  // only the deadline is looked at from now on
    if (std::exchange(task->begun, true)) return;
    return task->step->kind.str() == "lease.take" ? TakeLease(task) : HandOver(task);
  }
  Call<Looked>(
      world_.network, *this, {place_, task->where}, kOneCall, [this, task] { return Serve(task); },
      [this, task](base::Result<Looked> looked) { Asked(task, std::move(looked)); });
}

// In the step's Region. The mover may have died since it asked.
base::Result<Looked> Mover::Serve(const TaskPointer& task) {
  const bool failing = world_.api_failing[static_cast<std::size_t>(Index(task->where))] &&
                       !IsGate(*task->step) && world_.random.Unit() < world_.scenario().api_errors;
  const bool before = failing && world_.random.Below(2) == 0;
  if (before && world_.random.Below(2) == 0) return base::Throttled("Rate exceeded");
  if (before) return base::ServiceBroken("internal failure");
  // What is read there is stamped when the answer has come, or later.
  task->work.now = Now();
  base::Result<Looked> looked = Act(world_, task->work);
  // It happened, and the answer says that it failed.
  if (failing) return base::ServiceBroken("internal failure");
  return looked;
}

void Mover::Asked(const TaskPointer& task, base::Result<Looked> looked) {
  if (task->serial != serial_) return;
  if (looked.ok() && looked->has_value()) {
    EndTask(task, **looked);
  } else if (looked.ok()) {
    PollLater(task, kPollEvery);
  } else if (MayPass(looked.error())) {
    PollLater(task, kAfterError);
  } else {
    EndTask(task, looked.error());
  }
}

void Mover::EndTask(const TaskPointer& task, const base::Result<ports::StepOutcome>& outcome) {
  if (task->serial != serial_ || std::exchange(task->over, true)) return;
  conductor_->Hear(task->step->id, outcome, Now());
  Advance();
}

}  // namespace leeward::sim
