// Tables with MultiRegionConsistency STRONG: a write is acknowledged once two of the three Regions
// hold it, and a consistent read knows what two of them hold.
//
// Before a write its keys are locked here and in at least one other Region, which says what it
// holds of them; what is newer there is taken first. The write is then made here and sent, and the
// first Region that takes it completes it. Versions order an item's writes in every Region alike.
// Whoever grants a lock remembers a version that the write will not pass (the floor), and the next
// writer goes above every floor that it is told: a write that reached no second Region may come to
// light later, but never over one that was acknowledged.
//
// What a Region took from a second one it holds ready for the third until the writer says that it
// is everywhere ("unconfirmed"); a Query or Scan fetches that first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lab/replicas/peers.h"
#include "lab/tables/replication.h"
#include "ports/clock.h"
#include "ports/random.h"

namespace leeward::lab::replicas {

struct StrongLimits {
  base::Duration lock{std::chrono::seconds(5)};    // a lock whose holder falls silent ends
  base::Duration answer{std::chrono::seconds(2)};  // of the other Regions
  base::Duration wait{std::chrono::seconds(3)};    // for other writes of this Region to the item
  base::Duration third{std::chrono::milliseconds(200)};  // for the last answer, after a conflict
  base::Duration look{std::chrono::milliseconds(2)};     // between looks whether they are done
  std::size_t items = 20'000;                            // held ready for a third Region
  std::size_t locks = 200'000;                           // remembered, with their floors
  std::size_t bytes = 4 << 20;                           // in one message
};

struct StrongOptions {
  std::string region;
  Peers* peers = nullptr;
  const ports::Clock* clock = nullptr;
  ports::Random* random = nullptr;
  std::function<void(base::Duration, std::function<void()>)> after;  // never once this is gone
  tables::Replication* replication = nullptr;
  // The other Regions that hold the table.
  std::function<std::vector<std::string>(std::string_view table)> others;
  // All changes made here up to that one have arrived in that Region.
  std::function<std::uint64_t(std::string_view table, const std::string& region)> arrived;
  // No floor that an earlier process gave was higher; and where a higher one is noted, before it is
  // given.
  std::int64_t high_water = 0;
  std::function<void(std::int64_t)> note_high_water;
  StrongLimits limits;
};

class Strong {
 public:
  using Verdict = items::Verdict;
  using Touched = tables::ReplicaKeeper::Touched;
  using Proceed = std::function<void(Verdict)>;

  explicit Strong(StrongOptions options);

  // As the members of ReplicaKeeper.
  void AdmitWrite(std::vector<Touched> touched, Proceed proceed);
  void AdmitRead(std::vector<Touched> touched, const Proceed& proceed);
  void Settle(const std::vector<Touched>& touched, std::uint64_t first, std::uint64_t last,
              const Proceed& done);

  // What another Region asks: "lock", "unlock", "write", "peek", "push", "behind", "piece",
  // "confirmed".
  base::Result<shapes::Value> Receive(std::string_view operation, const shapes::Value& input);
  // Changes that were made in the Region `from` were taken here.
  void Took(const std::string& table, const std::string& from,
            const std::vector<tables::ItemChange>& changes);
  // All changes made here up to that one have arrived in both other Regions.
  void ArrivedEverywhere(const std::string& table, std::uint64_t sequence);
  void Forget(const std::string& table);

 private:
  using Value = shapes::Value;
  using Slot = std::pair<std::string, std::string>;  // table and key
  struct Lock {
    std::string owner;  // which operation of which Region; empty: none
    base::MonotonicTime until{};
    std::int64_t floor = 0;
    std::int64_t before = 0;  // the floor, if the operation turns out to write nothing
  };
  struct Unconfirmed {
    std::string from;
    std::uint64_t sequence = 0;  // there
  };
  // A write of this Region under way.
  struct Operation {
    std::string id;
    std::vector<Touched> touched;
    std::vector<std::string> others;
    base::MonotonicTime begun;
    Proceed proceed;  // until it may go on
    // Of two Regions that want an item at the same time, the one whose operation has more gets it:
    // else two that are left could keep each other from it for ever.
    std::int64_t priority = 0;
    std::size_t unanswered = 0;
    bool conflict = false;
    bool finished = false;
  };
  using OperationPtr = std::shared_ptr<Operation>;
  enum class Holder { kNobody, kUs, kOthers };

  std::int64_t Micros() const;
  std::int64_t FloorOf(const Slot& slot) const;
  void SetFloor(const Slot& slot, std::int64_t floor);
  void Prune();
  tables::Version VersionAt(const Slot& slot) const;
  Holder HolderOf(const Slot& slot, std::string_view but) const;
  base::Result<std::size_t> Apply(const std::string& table,
                                  const std::vector<tables::ItemChange>& changes);
  // As Apply, of what another Region was found to hold: its writer did not send it here.
  base::Status Learn(const std::string& table, const std::string& region,
                     const std::vector<tables::ItemChange>& changes);
  Value KeysToValue(const std::vector<Touched>& touched) const;
  static std::vector<Slot> SlotsFrom(const Value& keys);

  // strong_write.cc
  void TryLock(const OperationPtr& operation);
  void Answered(const OperationPtr& operation, const std::string& region,
                const base::Result<Value>& answer);
  void GiveUp(const OperationPtr& operation);
  OperationPtr YieldsTo(const Slot& slot, std::int64_t priority) const;
  Verdict Catch(const std::string& region, const Value& grant);
  void Send(const OperationPtr& operation, Value parts, const Proceed& done);
  enum class Wrote { kNothing, kSomething };
  void Finish(const OperationPtr& operation, Wrote wrote);
  void Unlock(const Operation& operation, const std::string& region);
  base::Result<Value> TakeLock(const Value& input);
  Value TakeUnlock(const Value& input);
  base::Result<Value> TakeWrite(const Value& input);

  // strong_read.cc
  void Quorum(const std::vector<std::string>& others, std::string_view operation,
              const Value& input,
              const std::function<void(const std::string& region, const Value& answer,
                                       const std::function<void(bool)>& good)>& use,
              const Proceed& proceed);
  void Peek(const std::vector<Touched>& touched, const Proceed& proceed);
  void CatchUp(const std::string& table, const Proceed& proceed);
  void Pull(const std::string& table, const std::string& region, const std::string& from,
            const std::function<void(bool)>& good);
  void PushOwn(const std::string& table, const std::string& region, std::uint64_t after,
               const std::function<void(bool)>& good);
  void Push(const std::string& table, const std::string& region,
            const std::vector<tables::ItemChange>& changes, const std::function<void(bool)>& good);
  base::Result<Value> TakePeek(const Value& input);
  base::Result<Value> TakePush(const Value& input);
  base::Result<Value> TakeBehind(const Value& input);
  base::Result<Value> TakePiece(const Value& input);

  StrongOptions options_;
  std::string life_;  // of this process: what it was told before is forgotten
  std::uint64_t next_operation_ = 1;
  std::map<Slot, Lock> locks_;
  std::map<std::string, OperationPtr> waiting_;  // for another Region's lock, by id
  OperationPtr current_;  // the write that is being made just now; a read has none
  std::int64_t unknown_floor_ =
      0;  // of keys that have no lock here: what was promised and forgotten
  std::int64_t noted_ = 0;
  std::map<std::string, std::map<std::string, Unconfirmed>> unconfirmed_;  // by table, then key
  // The life of another Region's process from which all of a table was taken, by table and Region.
  std::map<std::pair<std::string, std::string>, std::string> pulled_;
  std::map<std::string, std::uint64_t> confirming_;  // by table: to be said to the others
};

}  // namespace leeward::lab::replicas
