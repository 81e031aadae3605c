// Keeper: watches one application for the daemon, decides about it, and carries a failover out when
// it is this controller's turn.
//
// Three threads: one reads views and chooses what to do (serve/rules.h), one looks where the
// application is active, and one, at times, carries a failover out.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "cli/baton.h"
#include "cli/failover_run.h"
#include "cli/mirroring.h"
#include "cli/project.h"
#include "cli/world.h"
#include "observe/reader.h"
#include "serve/api.h"
#include "serve/rules.h"

namespace leeward::cli {

class Keeper {
 public:
  // `resolver`: as on the command line. `say`: one line for people, from any thread.
  static base::Result<std::unique_ptr<Keeper>> Make(Project project, const std::string& resolver,
                                                    std::function<void(const std::string&)> say);
  // Ends what runs so that it can be gone on with, and gives the baton up.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // From any thread, quick.
  serve::Status Now() const;
  base::Result<std::string> PlanNow() const;
  base::Status Start(const serve::Order& order);
  base::Status Abort();
  base::Result<decide::ApprovalRequest> Approve(const serve::Approval& approval);  // a few seconds
  std::string Sickness() const;

 private:
  class Told;
  // Where the application is active, as last seen.
  struct Place {
    std::map<model::ComponentName, model::Region> active;
    base::MonotonicTime asked, answered;
  };
  // What the last turn was decided upon.
  struct Ruling {
    std::vector<observe::RegionVerdict> regions;
    std::vector<observe::Sight> observers;
    model::Snapshot snapshot;
    decide::Decision decision;
    serve::Next next;
  };

  Keeper(Project project, std::string resolver, std::function<void(const std::string&)> say);
  base::Status Prepare();
  void Warn();
  // Waits for the time of the next look, or until one is wanted at once. False: stopped.
  bool AwaitLocate();
  void Watch();                                      // a thread
  void Locate();                                     // a thread
  void Carry(const FailoverAsk& ask, World& world);  // a thread
  std::string Turn();                                // what to tell people; empty: nothing new
  Ruling Rule();
  enum class Depth { kStore, kJournalToo };
  base::Status Refresh(Depth depth);
  // What the store says of the last execution, and what of it ends one in this journal.
  base::Status RefreshMirror();
  serve::Facts FactsFor(const Ruling& ruling) const;
  base::Status Begin(const Ruling& ruling, const serve::Next& next);
  base::Status Mark(serve::MoveState state, const std::string& why, const model::Regions& way);
  void Reap();
  void Tidy(const Ruling& ruling);
  void SightLease();
  void LookForApproval();
  bool Left() const;  // something of a controller's can be gone on with; the lock is held
  std::string Moot(const model::Region& from, base::WallTime since) const;
  void StopMove();
  model::Regions Way(const Ruling& ruling, serve::Do what) const;

  Project project_;
  const std::string resolver_;
  const std::function<void(const std::string&)> say_;
  std::stop_source stop_;
  std::unique_ptr<World> world_;
  std::unique_ptr<ports::SharedStore> store_;
  std::unique_ptr<observe::Reader> reader_;
  std::string name_;   // kept beside the journal
  std::string actor_;  // in the journal

  mutable std::mutex mutex_;
  Ruling ruling_;
  std::optional<Place> place_;
  base::MonotonicTime place_after_;  // what was asked before says nothing any more
  std::optional<base::MonotonicTime> store_answered_;
  base::MonotonicTime turned_;
  std::uint64_t store_errors_ = 0;
  std::map<std::string, std::uint64_t> moves_;
  std::optional<serve::Order> order_;
  bool abort_ = false;
  std::optional<std::stop_source> move_stop_;  // while a move runs
  std::string step_;                           // of it, that changed last
  std::optional<base::Result<Carried>> ended_;
  std::optional<decide::ApprovalRequest> approval_;  // as last read

  // The watching thread's own, but for reading with the lock held.
  bool move_known_ = false;
  std::optional<serve::Move> move_;
  std::uint64_t move_revision_ = 0;
  JournalFacts journal_;
  bool journal_known_ = false;
  std::optional<journal::MirrorHead> mirror_;
  base::MonotonicTime refreshed_;
  base::MonotonicTime looked_for_approval_;
  base::MonotonicTime not_before_;  // of another try
  int tries_ = 0;
  std::optional<base::MonotonicTime> leading_since_;
  bool calm_ = false;
  std::optional<lease::Sighting> sighting_;  // of the writers' lease
  std::atomic<bool> running_{false};
  std::atomic<bool> locate_now_{false};
  std::string told_;

  std::unique_ptr<Baton> baton_;
  std::thread mover_, locator_, watcher_;
};

}  // namespace leeward::cli
