// How a controller carries out one step: exchanges with the step's Region until it is done, its
// time is up, or trying again cannot help.
#include <algorithm>
#include <utility>
#include <variant>

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
  bool over = false;
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
  PollLater(task, Takes(*step));
}

// The world is changed when that time is over.
Duration Controller::Takes(const model::Step& step) {
  const auto& measured = world_.scenario().measured;
  if (!measured) return Duration(0);
  const auto found = measured->steps.find(step.id);
  if (found != measured->steps.end()) return found->second;
  if (world_.unmeasured.empty()) world_.unmeasured = step.id.str();
  return Duration(0);
}

void Controller::PollLater(const TaskPointer& task, Duration delay) {
  After(delay, [this, task] { Poll(task); });
}

void Controller::Poll(const TaskPointer& task) {
  if (task->over || task->serial != serial_) return;
  if (Monotonic() >= task->deadline) {
    End(task, TooLate(*task));
    return;
  }
  if (task->step->kind.str() == "gate.fence-proof" && !world_.scenario().measured) {
    TakeLease(task);
    return;
  }
  task->work.now = Now();
  Call<Looked>(
      world_.network, *this, {place_, task->where}, kOneCall, [this, task] { return Serve(task); },
      [this, task](base::Result<Looked> looked) { Asked(task, std::move(looked)); });
}

// A lease that its holder goes on renewing is an answer: the old Region lives, and nothing of it
// was touched. Trying again would only wait for the same.
base::Error Controller::TooLate(const Task& task) const {
  const bool renewed =
      taking_.get() == &task && taker_->FreeAt() && *taker_->FreeAt() > Monotonic();
  if (renewed) return base::Refused("the old Region holds its lease: " + taker_->why());
  return base::Unreachable(task.step->id.str() + " was not done in time");
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
  if (task->serial != serial_ || std::exchange(task->over, true)) return;
  conductor_->Hear(task->step->id, outcome, Now());
  Advance();
}

// --- The proof of fence: the lease, released or run out, taken for the Region that is gone to.

// It watches on quiet days too, so that the lease's running out overlaps with the detection.
void Controller::StartTaker() {
  lease::TakerOptions options;
  options.terms = world_.scenario().terms;
  if (world_.scenario().bug == Bug::kNoFenceWait) {
    options.terms.drift_ppm = 0;
    options.terms.margin = -options.terms.ttl;
  }
  options.region = world_.scenario().application.regions.recovery;
  options.who = std::string(Name(place_)) + "-" + std::to_string(++takers_);
  taker_ = std::make_unique<lease::Taker>(std::move(options));
  FeedTaker(lease::Tick{});
}

void Controller::FeedTaker(const lease::TakerEvent& event) {
  const std::vector<lease::TakerAction> actions = taker_->On(event, Monotonic());
  for (const lease::TakerAction& action : actions) {
    std::visit([this](const auto& one) { Do(one); }, action);
  }
  if (taker_->done()) return StartTaker();
  After(std::max(Duration(0), taker_->NextWake() - Monotonic()), [this, wake = ++taker_wakes_] {
    if (wake == taker_wakes_) FeedTaker(lease::Tick{});
  });
}

void Controller::Do(const lease::Read& read) {
  world_.store.Get(
      *this, place_, read.deadline - Monotonic(),
      [this, request = read.request, taker = takers_](base::Result<SharedStore::Found> found) {
        if (taker == takers_) FeedTaker(lease::ReadDone{request, std::move(found)});
      });
}

void Controller::Do(const lease::Put& put) {
  if (taking_) taking_->work.effect();
  world_.store.Put(
      *this, place_, put.record, put.expected, put.deadline - Monotonic(),
      [this, request = put.request, taker = takers_](base::Result<std::uint64_t> written) {
        if (taker == takers_) FeedTaker(lease::PutDone{request, std::move(written)});
      });
}

void Controller::Do(const lease::Taken& taken) {
  const TaskPointer task = std::exchange(taking_, nullptr);
  if (!task) return;
  const lease::Record& record = taken.seen.record;
  if (record.how == lease::How::kUnguarded) {
    End(task,
        base::Refused("nobody in the old Region obeyed the lease: " + lease::Describe(record)));
  } else {
    End(task,
        ports::StepOutcome{
            std::string(lease::Name(record.how)) + " lease taken: " + lease::Describe(record), {}});
  }
}

void Controller::TakeLease(const TaskPointer& task) {
  PollLater(task, kPollEvery);  // only the deadline is looked at from now on
  if (taking_ == task) return;
  taking_ = task;
  FeedTaker(lease::AskTake{});
}

}  // namespace leeward::sim
