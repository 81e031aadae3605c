// Controller: the real loop, as one process of the simulation: it hears observers, judges, decides,
// plans, and carries the plan out by way of its journal. It may crash at any instant and goes on
// from what its disk kept.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/conductor.h"
#include "driver/lookout.h"
#include "journal/journal.h"
#include "lease/taker.h"
#include "ports/testing/memory_files.h"
#include "sim/observer.h"
#include "sim/process.h"
#include "sim/steps.h"
#include "sim/world.h"

namespace leeward::sim {

inline constexpr char kJournalPath[] = "journal.lwj";

class Controller : public Process, public driver::EventSink {
 public:
  Controller(World& world, Place place);

  void Hear(const std::shared_ptr<const Seen>& seen);

  // The record that is `ahead` from now becomes durable, and the process ends before it does
  // anything on it; it starts again after `away` unless its Region is gone.
  void CrashAtRecord(std::uint64_t ahead, Duration away);

  // Between executions with nothing left to try, and how the last one ended.
  bool idle() const { return running() && journal_ && !conductor_; }
  bool gave_up() const { return idle() && gave_up_; }
  const std::string& reason() const { return reason_; }
  // Of the newest execution; null before one.
  std::shared_ptr<const model::Plan> last_plan() const { return plan_ ? plan_ : last_plan_; }
  decide::Goal goal() const { return goal_; }
  std::optional<execute::Outcome> last_outcome() const { return last_outcome_; }
  Place place() const { return place_; }
  ports::testing::MemoryFiles& disk() { return disk_; }

 private:
  struct Task;
  using TaskPointer = std::shared_ptr<Task>;

  void OnStart() override;
  void OnCrash() override;
  void OnPlan(const model::Plan&, const execute::State&) override {}
  void OnEvent(const model::Event& event) override;
  void OnProgress(const model::StepId&, std::string_view) override {}

  void OpenJournal();
  void Tick();
  // Looks at what is known by now; in between it does so at every tick.
  void Look();
  void Consider(const driver::Ruling& ruling);
  void Begin(const driver::Ruling& ruling);
  void Resume(const execute::Unfinished& unfinished, const std::vector<model::Event>& history);
  void GoOnLater();
  // Carries on with the execution; drops it when the journal can take no more.
  void Advance();
  void Finish();
  void DropExecution();

  void Launch(const execute::Command& command);
  // How long the step takes where that was measured.
  Duration Takes(const model::Step& step);
  void Poll(const TaskPointer& task);
  void Asked(const TaskPointer& task, base::Result<Looked> looked);
  void PollLater(const TaskPointer& task, Duration delay);
  void End(const TaskPointer& task, const base::Result<ports::StepOutcome>& outcome);
  base::Result<Looked> Serve(const TaskPointer& task);
  // The lease of the Region that is gone to: watched always, taken when a plan asks for it.
  void StartTaker();
  void FeedTaker(const lease::TakerEvent& event);
  void Do(const lease::Read& read);
  void Do(const lease::Put& put);
  void Do(const lease::Taken& taken);
  void TakeLease(const TaskPointer& task);
  base::Error TooLate(const Task& task) const;
  std::map<model::ComponentName, model::Region> ActiveNow() const;

  World& world_;
  const Place place_;
  ports::testing::MemoryFiles disk_;
  // Of one life of the process.
  std::unique_ptr<driver::Lookout> lookout_;
  std::unique_ptr<journal::Journal> journal_;
  std::shared_ptr<const model::Plan> plan_, last_plan_;
  std::unique_ptr<driver::Conductor> conductor_;
  std::uint64_t crash_in_ = 0;  // records; 0: not planned
  Duration crash_away_{0};
  std::unique_ptr<lease::Taker> taker_;
  std::uint64_t takers_ = 0, taker_wakes_ = 0;
  TaskPointer taking_;  // the gate that waits for the lease
  std::optional<base::WallTime> last_failover_end_;
  decide::Goal goal_ = decide::Goal::kWatch;
  std::string reason_;
  std::optional<execute::Outcome> last_outcome_;
  bool gave_up_ = false;
  int tries_ = 0;  // of the unfinished execution in this life
  int serial_ =
      0;  // of executions, so that a task of an earlier one is not taken for a current one
  std::uint64_t executions_ = 0;
};

}  // namespace leeward::sim
