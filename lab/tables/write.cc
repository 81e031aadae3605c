#include "lab/tables/write.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "lab/items/encoding.h"
#include "lab/tables/log.h"

namespace leeward::lab::tables {
namespace {

constexpr double kWriteUnit = 1024;

}  // namespace

double WriteUnits(std::uint64_t bytes) {
  return std::max(1.0, std::ceil(static_cast<double>(bytes) / kWriteUnit));
}

const items::Item& Found::item() const {
  if (!item_) {
    if (!exists_) {
      item_.emplace();
    } else {
      auto decoded = items::ItemFromStored(head_.item);
      CHECK_MSG(decoded.ok(), "the store holds an item that is none");
      item_ = std::move(*decoded);
    }
  }
  return *item_;
}

Outcome<Found> ReadItem(const Core& core, std::string_view place) {
  Found found;
  const auto read = core.store->Get(Space::kItems, place, found.pinned_);
  if (!read.ok()) return Broken(read.error());
  found.exists_ = *read;
  if (found.exists_) found.head_ = ReadHead(found.pinned_.bytes());
  return found;
}

items::Item Projected(const Table& table, const Index& index, const items::Item& item) {
  if (index.projection.kind == ProjectionKind::kAll) return item;
  std::vector<items::Entry> kept;
  const auto& names = index.projection.names;
  for (const items::Entry& entry : item) {
    const bool named = index.projection.kind == ProjectionKind::kInclude &&
                       std::find(names.begin(), names.end(), entry.name) != names.end();
    if (named || table.keys.Has(entry.name) || index.keys.Has(entry.name)) kept.push_back(entry);
  }
  return items::Item::FromEntries(std::move(kept));
}

WriteCost Write::Put(Table& table, const std::string& place, const Found& old,
                     const items::Item& item) {
  return Stage({table, place, old, item, &item, NextVersion(table, place, old), Author::kCaller});
}

WriteCost Write::Delete(Table& table, const std::string& place, const Found& old,
                        const items::Item& key, Author author) {
  if (!old.exists() && !table.replicated) return {1, {}};
  return Stage({table, place, old, key, nullptr, NextVersion(table, place, old), author});
}

void Write::Apply(Table& table, const std::string& place, const Found& old, const items::Item& key,
                  const items::Item* item, const Version& version, Author author) {
  Stage({table, place, old, key, item, version, author});
}

// Later than what it replaces, also when the clock stands still or was set back.
Version Write::NextVersion(const Table& table, const std::string& place, const Found& old) const {
  std::int64_t before = old.exists() ? old.head().version.micros : 0;
  if (!old.exists() && table.replicated) {
    Pinned tomb;
    const auto read = core_.store->Get(Space::kItems, TombPlace(place), tomb);
    if (read.ok() && *read) before = ReadHead(tomb.bytes()).version.micros;
  }
  return {std::max(core_.NowMicros(), before + 1), core_.options.region};
}

Delta& Write::DeltaOf(Table& table) {
  for (Delta& delta : deltas_) {
    if (delta.table == &table) return delta;
  }
  deltas_.push_back({&table, {}, std::vector<Extent>(table.indexes.size()), false});
  return deltas_.back();
}

WriteCost Write::Stage(const Step& step) {
  Delta& delta = DeltaOf(step.table);
  std::string bytes;
  std::uint32_t size = 0;
  if (step.item != nullptr) {
    bytes = items::ToStored(*step.item);
    size = static_cast<std::uint32_t>(items::SizeOf(*step.item));
    std::string head;
    AppendHead(step.version, size, head);
    batch_.Put(Space::kItems, step.place, head, bytes);
  } else if (step.old.exists()) {
    batch_.Delete(Space::kItems, step.place);
  }
  const int before = step.old.exists() ? 1 : 0;
  const int after = step.item != nullptr ? 1 : 0;
  delta.extent.items += after - before;
  delta.extent.bytes += std::int64_t{size} - std::int64_t{step.old.size()};
  WriteCost cost{WriteUnits(std::max(size, step.old.size())), {}};
  if (!step.table.indexes.empty()) StageIndexes(step, delta, cost);
  if (!step.table.ttl.attribute.empty()) StageExpiry(step);
  if (step.table.replicated) StageTomb(step);
  if (step.table.logged()) {
    StageLog(step, bytes);
    delta.logged = true;
  }
  return cost;
}

void Write::StageIndexes(const Step& step, Delta& delta, WriteCost& cost) {
  for (std::size_t i = 0; i < step.table.indexes.size(); ++i) {
    const Index& index = step.table.indexes[i];
    // What has not been filled yet is filled with the item as it is then.
    if (index.status == TableStatus::kDeleting) continue;
    if (index.backfilling && step.place > index.filled_to) continue;
    StageEntry(step, index, delta.indexes[i], cost);
  }
}

void Write::StageEntry(const Step& step, const Index& index, Extent& extent, WriteCost& cost) {
  std::string old_place;
  std::string new_place;
  if (step.old.exists()) old_place = EntryPlace(step.table, index, step.old.item());
  if (step.item != nullptr) new_place = EntryPlace(step.table, index, *step.item);
  if (old_place.empty() && new_place.empty()) return;
  items::Item old_entry;
  items::Item new_entry;
  if (!old_place.empty()) old_entry = Projected(step.table, index, step.old.item());
  if (step.item != nullptr && !new_place.empty())
    new_entry = Projected(step.table, index, *step.item);
  if (old_place == new_place && old_entry == new_entry) return;
  const std::size_t old_size = old_place.empty() ? 0 : items::SizeOf(old_entry);
  const std::size_t new_size = new_place.empty() ? 0 : items::SizeOf(new_entry);
  double units = 0;
  if (old_place == new_place) {
    units = WriteUnits(std::max(old_size, new_size));
  } else {
    if (!old_place.empty()) {
      batch_.Delete(Space::kItems, old_place);
      units += WriteUnits(old_size);
    }
    if (!new_place.empty()) units += WriteUnits(new_size);
  }
  if (!new_place.empty()) batch_.Put(Space::kItems, new_place, items::ToStored(new_entry));
  extent.items += (new_place.empty() ? 0 : 1) - (old_place.empty() ? 0 : 1);
  extent.bytes += static_cast<std::int64_t>(new_size) - static_cast<std::int64_t>(old_size);
  cost.indexes.push_back({&index, units});
}

void Write::StageExpiry(const Step& step) {
  std::string old_place;
  std::string new_place;
  if (step.old.exists()) old_place = ExpiryPlace(step.table, step.old.item());
  if (step.item != nullptr) new_place = ExpiryPlace(step.table, *step.item);
  if (old_place == new_place) return;
  if (!old_place.empty()) batch_.Delete(Space::kItems, old_place);
  if (!new_place.empty()) batch_.Put(Space::kItems, new_place, "");
}

void Write::StageTomb(const Step& step) {
  if (step.item != nullptr) {
    if (!step.old.exists()) batch_.Delete(Space::kItems, TombPlace(step.place));
    return;
  }
  std::string head;
  AppendHead(step.version, 0, head);
  batch_.Put(Space::kItems, TombPlace(step.place), head);
}

void Write::StageLog(const Step& step, std::string_view new_bytes) {
  if (sequence_ == 0) sequence_ = core_.sequence;
  ++sequence_;
  LogRecord record;
  record.when = core_.Now();
  record.version = step.version;
  record.author = step.author;
  const std::string key = items::ToStored(items::KeyOf(step.table.keys, step.key));
  record.key = key;
  if (step.old.exists()) record.old_image = step.old.head().item;
  if (step.item != nullptr) record.new_image = new_bytes;
  record.changed = record.old_image != record.new_image;
  std::string value;
  AppendLogRecord(record, value);
  batch_.Put(Space::kLog, LogPlace(step.table.number, sequence_), value);
}

Verdict Write::Commit() {
  if (deltas_.empty() && batch_.empty()) return {};
  return core_.commits->Commit(batch_, deltas_, sequence_);
}

}  // namespace leeward::lab::tables
