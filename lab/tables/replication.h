// What global tables are made of on this side: the changes of a table in the order in which they
// were made here, changes of other Regions applied by last writer wins, and a whole table for a new
// replica.
//
// A replicated table keeps a version with each item and a tombstone for each deleted one. Applying
// is idempotent and commutes: replicas that have seen the same changes, in any order and any number
// of times, hold the same items.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/items/outcome.h"
#include "lab/tables/layout.h"
#include "shapes/value.h"

namespace leeward::lab::tables {

// One item as it was written somewhere. Plain bytes: it may travel.
struct ItemChange {
  std::uint64_t sequence = 0;       // here; strictly growing with each change of any table
  Version version;                  // where and when it was written
  std::string key;                  // stored bytes of the item's key attributes (items::ToStored)
  std::optional<std::string> item;  // stored bytes; nullopt: deleted
  bool expired = false;             // deleted by time to live
};

struct Core;  // lab/tables/core.h

class Replication {
 public:
  explicit Replication(Core& core) : core_(core) {}

  // Makes the table keep tombstones and changes until they are released, or stops it. kNotFound.
  enum class Kept { kNo, kYes };
  base::Status Keep(std::string_view table, Kept kept);

  // (a) The last sequence number given to any change, and what came after `after` in one table, in
  // order of commit, at most `limit`. Only changes that were first made in this Region: those of
  // others are shipped by them. kNotFound: no such table, or not kept.
  std::uint64_t LastSequence() const;
  struct Page {
    std::vector<ItemChange> changes;
    std::uint64_t next = 0;  // give it as `after`; durable on the reader's side, it resumes there
  };
  base::Result<Page> Changes(std::string_view table, std::uint64_t after, std::size_t limit) const;
  // Changes up to and with this one have reached every replica: they may go once streams and
  // restores need them no more.
  base::Status Release(std::string_view table, std::uint64_t up_to);

  // (b) Applies changes of other Regions, in one piece. An item whose version here is not older
  // stays. Indexes, streams and history take part, as for a write of one's own. The number that
  // were newer. kNotFound, kInvalid (an item that the table cannot hold).
  base::Result<std::size_t> Apply(std::string_view table, const std::vector<ItemChange>& changes);

  // (c) A table in pieces, tombstones too, from the first or on from `next` of the last piece. Take
  // LastSequence before the first piece, ship all pieces (apply them with Apply), then Changes
  // after that number: the other side then holds all there was.
  struct Piece {
    std::vector<ItemChange> changes;
    std::string next;  // empty: that was all
  };
  base::Result<Piece> Ship(std::string_view table, std::string_view from,
                           std::size_t max_bytes) const;

  // The version of what is there for a key (stored bytes of its attributes): the item's or its
  // tombstone's; nullopt: neither.
  base::Result<std::optional<Version>> VersionOf(std::string_view table,
                                                 std::string_view key) const;

  // What is there for a key, as it would travel: its item or its tombstone; nullopt: neither.
  base::Result<std::optional<ItemChange>> Read(std::string_view table, std::string_view key) const;

  // What DescribeTable shows of it: members of TableDescription (Replicas, GlobalTableVersion,
  // MultiRegionConsistency, ...), kept with the table. kNotFound.
  base::Status Describe(std::string_view table, shapes::Value description);
  base::Result<shapes::Value> Description(std::string_view table) const;
  // A CreateTableInput from which a replica can be made in another Region. kNotFound.
  base::Result<shapes::Value> Blueprint(std::string_view table) const;
  // Puts a table into UPDATING, or back to ACTIVE. kNotFound.
  enum class Busy { kNo, kYes };
  base::Status SetBusy(std::string_view table, Busy busy);

 private:
  Core& core_;
};

// The part that keeps the replicas; the engine asks it. All calls are on the engine's thread.
class ReplicaKeeper {
 public:
  virtual ~ReplicaKeeper() = default;
  // UpdateTable with ReplicaUpdates, GlobalTableWitnessUpdates or MultiRegionConsistency, for a
  // table that exists and is ACTIVE; the whole input. An error is the answer; otherwise the table's
  // description is, with what Describe made of it by then.
  virtual items::Verdict Update(std::string_view table, const shapes::Value& input) = 0;
  // Whether DeleteTable, UpdateTable or UpdateTimeToLive may go ahead on a table with replicas.
  virtual items::Verdict Allow(std::string_view operation, std::string_view table,
                               const shapes::Value& input) = 0;
  // Settings that replicas share were changed here by the named operation.
  virtual void Settled(std::string_view operation, std::string_view table,
                       const shapes::Value& input) = 0;
  // A kept table has changes up to `sequence`.
  virtual void Changed(std::string_view table, std::uint64_t sequence) = 0;

  // STRONG tables. Before an operation on items of such tables: brings what is here up to date and
  // keeps others from writing the keys meanwhile, then calls `proceed` once, with an error to
  // answer instead.
  struct Touched {
    std::string table;
    std::string key;  // stored bytes of the key attributes; empty: the whole table (Query, Scan)
  };
  enum class Intent { kRead, kWrite };
  virtual bool IsStrong(std::string_view table) const = 0;
  virtual void Admit(Intent intent, std::vector<Touched> touched,
                     std::function<void(items::Verdict)> proceed) = 0;
  // After it, with the sequence numbers (first, last] of its changes, none when they are equal: the
  // answer is held back until `done` was called, with an error to answer instead.
  virtual void Settle(std::vector<Touched> touched, std::uint64_t first, std::uint64_t last,
                      std::function<void(items::Verdict)> done) = 0;
};

}  // namespace leeward::lab::tables
