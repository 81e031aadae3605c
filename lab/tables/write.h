// Write: changes of items, staged one by one and made together.
//
// This is the one place where items change: entries of indexes, extents, expiries, the log
// (streams, history, replication) and tombstones all follow from here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/tables/core.h"
#include "lab/tables/layout.h"

namespace leeward::lab::tables {

// An item as it was found in the store.
class Found {
 public:
  bool exists() const { return exists_; }
  const Head& head() const { return head_; }  // of what exists
  std::uint32_t size() const { return exists_ ? head_.size : 0; }
  // The stored item, decoded at the first call; an empty one when nothing exists.
  const items::Item& item() const;

 private:
  friend Outcome<Found> ReadItem(const Core& core, std::string_view place);
  bool exists_ = false;
  Head head_;
  Pinned pinned_;
  mutable std::optional<items::Item> item_;
};
Outcome<Found> ReadItem(const Core& core, std::string_view place);

// What a change has cost in an index, in bytes of the entries it wrote or removed.
struct IndexCost {
  const Index* index = nullptr;
  double units = 0;
};
struct WriteCost {
  double table = 0;  // write units
  std::vector<IndexCost> indexes;
};

// Who makes a change; streams show it.
enum class Author { kCaller, kTimeToLive, kOtherRegion };

class Write {
 public:
  explicit Write(Core& core) : core_(core) {}

  // Puts the item in the place of `old`, which was found at `place`. `key` in `place` is the
  // item's. A place may be written once in a Write.
  WriteCost Put(Table& table, const std::string& place, const Found& old, const items::Item& item);
  // Deletes what was found, if anything. `key`: the key attributes.
  WriteCost Delete(Table& table, const std::string& place, const Found& old, const items::Item& key,
                   Author author = Author::kCaller);
  // As another Region wrote it, whatever is here.
  void Apply(Table& table, const std::string& place, const Found& old, const items::Item& key,
             const items::Item* item, const Version& version, Author author);
  // More to be written in one piece with it.
  Batch& batch() { return batch_; }
  // Writes all of it (lab/tables/commit_group.h). Nothing has changed after an error.
  Verdict Commit();

 private:
  struct Step {
    Table& table;
    const std::string& place;
    const Found& old;
    const items::Item& key;
    const items::Item* item;  // nullptr: deleted
    Version version;
    Author author;
  };
  WriteCost Stage(const Step& step);
  Version NextVersion(const Table& table, const std::string& place, const Found& old) const;
  Delta& DeltaOf(Table& table);
  void StageIndexes(const Step& step, Delta& delta, WriteCost& cost);
  void StageEntry(const Step& step, const Index& index, Extent& extent, WriteCost& cost);
  void StageExpiry(const Step& step);
  void StageTomb(const Step& step);
  void StageLog(const Step& step, std::string_view new_bytes);

  Core& core_;
  Batch batch_;
  std::vector<Delta> deltas_;
  std::uint64_t sequence_ = 0;  // the last given by this write; 0: none
};

// The part of an item that an index holds.
items::Item Projected(const Table& table, const Index& index, const items::Item& item);
// Write units for so many bytes.
double WriteUnits(std::uint64_t bytes);

}  // namespace leeward::lab::tables
