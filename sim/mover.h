// Mover: whoever carries plans out, as one process of the simulation: by way of a journal on a disk
// of its own and the journal's mirror in the shared store. It may crash at any instant, and goes on
// from what its disk and the store kept. Controllers and people are movers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/conductor.h"
#include "journal/journal.h"
#include "journal/mirror.h"
#include "lease/taker.h"
#include "plan/plan.h"
#include "ports/testing/memory_files.h"
#include "sim/asker.h"
#include "sim/blocking_store.h"
#include "sim/process.h"
#include "sim/steps.h"
#include "sim/world.h"

namespace leeward::sim {

inline constexpr char kJournalPath[] = "journal.lwj";

class Mover : public Process, public driver::EventSink {
 public:
  Mover(World& world, Hand hand, Place place);

  // The record that is `ahead` from now becomes durable, and the process ends before it does
  // anything on it; it starts again after `away` unless its Region is gone.
  void CrashAtRecord(std::uint64_t ahead, Duration away);
  // Starts it unless it is gone for good, or its Region is.
  void StartAgain();
  void EndForGood();

  bool moving() const { return conductor_ != nullptr; }
  const std::string& reason() const { return reason_; }
  Hand hand() const { return hand_; }
  Place place() const { return place_; }
  ports::testing::MemoryFiles& disk() { return disk_; }

 protected:
  // What an execution came to, or why it stopped short of its end.
  struct Finish {
    std::optional<execute::Outcome> outcome;  // absent: cut short, or it never began
    base::ErrorCode error = base::ErrorCode::kUnreachable;
    std::string reason;
  };

  void OnStart() override;
  void OnCrash() override;
  virtual void Ended(const Finish& finish) = 0;

  // Opens the journal and brings it and the mirror to say the same. It stays open until Close.
  base::Result<std::vector<model::Event>> Open();
  void Close();
  // Both until Ended is called, which may be at once.
  void Begin(model::Plan plan);
  void GoOn(const execute::Unfinished& unfinished, const std::vector<model::Event>& history);
  // The same, and whoever has it go on accepts the loss of as much.
  void GoOnAccepting(Duration loss, const execute::Unfinished& unfinished,
                     const std::vector<model::Event>& history);
  // Ends what runs so that it can be gone on with.
  void Stop();
  // One record about an execution that does not run here.
  base::Status Append(model::Event event);

  std::string Actor() const;
  plan::Options PlanOptions(std::string reason) const;
  World& world() const { return world_; }
  ports::SharedStore& store() { return store_; }
  // That was begun or gone on with here last.
  const model::ExecutionId& newest() const { return newest_; }
  std::shared_ptr<const model::Plan> newest_plan() const { return plan_ ? plan_ : last_plan_; }
  void Tell(std::string reason) { reason_ = std::move(reason); }
  // What this process saw of the writers' lease before a plan asks for it.
  void SightLease();
  // That the mirror says so: an end may be in no journal at all.
  void NoteEnd(const journal::MirrorHead& head);

 private:
  struct Task;
  using TaskPointer = std::shared_ptr<Task>;

  void OnPlan(const model::Plan&, const execute::State&) override {}
  void OnEvent(const model::Event& event) override;
  void OnProgress(const model::StepId&, std::string_view) override {}

  void NoteRecord(const model::Event& event);
  void NoteEnds(const std::vector<model::Event>& events, std::size_t from);
  void CarryOut(model::Plan plan, execute::State state, model::Event first);
  void Advance();
  void End(const Finish& finish);
  void Drop();

  void Launch(const execute::Command& command);
  // How long the step takes where that was measured.
  Duration Takes(const model::Step& step);
  void Poll(const TaskPointer& task);
  void Asked(const TaskPointer& task, base::Result<Looked> looked);
  void PollLater(const TaskPointer& task, Duration delay);
  void EndTask(const TaskPointer& task, const base::Result<ports::StepOutcome>& outcome);
  base::Result<Looked> Serve(const TaskPointer& task);

  void TakeLease(const TaskPointer& task);
  void StartTaker(const model::Region& region);
  void FeedTaker(const lease::TakerEvent& event);
  void Do(const lease::Read& read);
  void Do(const lease::Put& put);
  void Do(const lease::Taken& taken);
  std::optional<base::WallTime> EndBefore(const lease::Seen& taken) const;
  base::Error TooLate(const Task& task) const;
  void HandOver(const TaskPointer& task);

  World& world_;
  const Hand hand_;
  model::ExecutionId newest_;
  model::ExecutionId ended_;  // noted last as over by the mirror alone
  const Place place_;
  ports::testing::MemoryFiles disk_;
  BlockingStore store_;
  bool gone_ = false;
  std::string reason_;
  // Of one life of the process.
  std::unique_ptr<journal::Mirror> mirror_;
  std::unique_ptr<journal::Journal> journal_;
  std::shared_ptr<const model::Plan> plan_, last_plan_;
  std::unique_ptr<driver::Conductor> conductor_;
  std::optional<lease::Sighting> sighting_;
  std::unique_ptr<lease::Taker> taker_;
  TaskPointer taking_;  // that waits for the taker
  std::unique_ptr<Asker> asker_;
  std::uint64_t takers_ = 0, taker_wakes_ = 0;
  std::optional<Duration> accepted_;  // of a loss, for what runs now
  std::uint64_t crash_in_ = 0;        // records; 0: not planned
  Duration crash_away_{0};
  int serial_ =
      0;  // of executions, so that a task of an earlier one is not taken for a current one
  std::uint64_t executions_ = 0;
};

}  // namespace leeward::sim
