// Controller: the real loop, as one process of the simulation: it hears observers, judges, decides,
// and, when it is its turn, chooses what to do by the daemon's own rules (serve/rules.h) and
// carries it out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/lookout.h"
#include "journal/mirror_head.h"
#include "serve/rules.h"
#include "sim/baton.h"
#include "sim/mover.h"
#include "sim/observer.h"

namespace leeward::sim {

class Controller : public Mover {
 public:
  Controller(World& world, Hand hand);

  void Hear(const std::shared_ptr<const Seen>& seen);
  // Stands still until then.
  void PauseAll(Duration until);

  // Acts, and is between executions with nothing left to try.
  bool settled() const;
  decide::Goal goal() const { return goal_; }
  // A failover is wanted, and it is a person's to start it.
  bool gave_up() const;
  // A person has it go on with what it holds, and accepts the loss of as much. Lost when it dies.
  void Order(Duration accepted) { order_ = accepted; }
  // What is to be done next, and why, or why nothing is.
  const std::string& why() const;
  bool leads() const;
  // Of a rehearsal.
  std::shared_ptr<const model::Plan> last_plan() const { return newest_plan(); }

 private:
  // As the product's keeper knows them.
  struct JournalFacts {
    std::uint64_t bytes = 0;  // that were read
    bool unfinished = false, foreign_work = false;
    model::ExecutionId execution;
    std::optional<base::WallTime> last_failover_end;
  };

  void OnStart() override;
  void OnCrash() override;
  void Ended(const Finish& finish) override;

  void Tick();
  // Looks at what is known by now; in between it does so at every tick.
  void Look();
  driver::Ruling Rule() const;
  void Note(const driver::Ruling& ruling);
  void Consider(const driver::Ruling& ruling);
  serve::Facts FactsFor(const driver::Ruling& ruling) const;
  base::Status Refresh();
  base::Status ReadMirror();
  base::Status TakeOverEnd();
  base::Status ReadJournal();
  void Act(const driver::Ruling& ruling, serve::Do what);
  base::Status Carry(const driver::Ruling& ruling, bool* began);
  base::Status Mark(serve::MoveState state, const std::string& why);
  void BeginPlan(const driver::Ruling& ruling);
  void Rehearse(const driver::Ruling& ruling);
  bool ForItself() const { return world().scenario().bug == Bug::kEachForItself; }

  std::unique_ptr<Baton> baton_;
  std::unique_ptr<driver::Lookout> lookout_;  // of one life
  decide::Goal goal_ = decide::Goal::kWatch;
  serve::Next next_;
  // What the store and the journal say, as last read; as in the product's keeper.
  bool move_known_ = false;
  std::optional<serve::Move> move_;
  std::uint64_t move_revision_ = 0, mirror_revision_ = 0;
  std::optional<journal::MirrorHead> mirror_;
  JournalFacts journal_;
  base::MonotonicTime refreshed_, not_before_;
  int tries_ = 0;
  bool calm_ = false;
  std::optional<Duration> order_;
};

}  // namespace leeward::sim
