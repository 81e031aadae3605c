#include "lab/tables/states.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lab/items/encoding.h"
#include "lab/tables/backup.h"
#include "lab/tables/layout.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {
namespace {

using namespace std::chrono_literals;

struct Delays {
  Stage stage;
  base::Duration fast;
  base::Duration aws;
};
constexpr std::array kDelays = {
    Delays{Stage::kCreate, 40ms, 7s},      Delays{Stage::kUpdate, 40ms, 10s},
    Delays{Stage::kDelete, 40ms, 5s},      Delays{Stage::kIndex, 60ms, 60s},
    Delays{Stage::kTimeToLive, 40ms, 60s}, Delays{Stage::kBackup, 20ms, 5s},
};

// One piece of filling an index: short, so that requests are answered in between.
constexpr std::size_t kFillItems = 500;
constexpr base::Duration kBetweenFills = 1ms;

void Activate(Core& core, TableNumber number, TableStatus from) {
  Table* table = core.FindNumber(number);
  if (table == nullptr || table->status != from) return;
  table->status = TableStatus::kActive;
  for (Index& index : table->indexes) {
    const bool with_table = index.status == TableStatus::kCreating && !index.backfilling;
    if (with_table || index.status == TableStatus::kUpdating) index.status = TableStatus::kActive;
  }
  SetRates(core, *table);
  // A failure to write leaves the old state on disk, and the next start goes on from there.
  if (!Save(core, *table).ok()) return;
}

// What is being copied from it has to be there until it is.
bool IsBeingCopied(const Core& core, const Table& table) {
  const auto backs_up = [&table](const auto& backup) {
    return backup->status == Backup::Status::kCreating && backup->table.number == table.number;
  };
  const auto restores = [&](const auto& entry) {
    const shapes::Value& restore = entry.second->restore;
    return restore.Flag("RestoreInProgress", false) && !restore.Has("SourceBackupArn") &&
           restore.String("SourceTableArn") == TableArn(core, table.name);
  };
  return std::any_of(core.backups.begin(), core.backups.end(), backs_up) ||
         std::any_of(core.tables.begin(), core.tables.end(), restores);
}

void Remove(Core& core, TableNumber number) {
  Table* table = core.FindNumber(number);
  if (table == nullptr || table->status != TableStatus::kDeleting) return;
  if (IsBeingCopied(core, *table)) return RemoveLater(core, *table);
  const std::string begin = TablePrefix(number);
  const std::string end = AfterTable(number);
  Batch batch;
  batch.Delete(Space::kMeta, MetaOfTable(table->name));
  batch.Delete(Space::kMeta, MetaOfExtent(number));
  batch.DeleteRange(Space::kItems, begin, end);
  if (table->stream() != nullptr) EndStream(core, *table);
  if (table->streams.empty()) {
    batch.DeleteRange(Space::kLog, begin, end);
  } else {
    batch.Put(Space::kMeta, MetaOfDeparted(number), SavedTable(*table));
  }
  if (!core.store->Write(batch).ok()) return;
  const auto found = core.tables.find(table->name);
  if (!table->streams.empty()) core.departed.push_back(std::move(found->second));
  core.tables.erase(found);
}

Index* IndexOf(Core& core, TableNumber number, std::string_view name, TableStatus status) {
  Table* table = core.FindNumber(number);
  Index* index = table == nullptr ? nullptr : table->FindIndex(name);
  return index != nullptr && index->status == status ? index : nullptr;
}

void StageFilled(Table& table, Index& index, std::string_view place, std::string_view value,
                 Batch& batch) {
  index.filled_to = place;
  auto item = items::ItemFromStored(ReadHead(value).item);
  CHECK_MSG(item.ok(), "the store holds an item that is none");
  const std::string entry_place = EntryPlace(table, index, *item);
  if (entry_place.empty()) return;
  const items::Item entry = Projected(table, index, *item);
  batch.Put(Space::kItems, entry_place, items::ToStored(entry));
  ++index.extent.items;
  index.extent.bytes += static_cast<std::int64_t>(items::SizeOf(entry));
}

void Filled(Core& core, Table& table, Index& index) {
  index.backfilling = false;
  index.filled_to.clear();
  index.status = TableStatus::kActive;
  SetRates(core, table);
  if (!Save(core, table).ok()) return;
}

void FillIndexPiece(Core& core, TableNumber number, const std::string& name) {
  Index* index = IndexOf(core, number, name, TableStatus::kCreating);
  if (index == nullptr) return;
  Table& table = *core.FindNumber(number);
  // Space has been found for it: from here on the table itself can be changed again.
  if (index->filled_to.empty()) Activate(core, number, TableStatus::kUpdating);
  const std::string begin =
      index->filled_to.empty() ? SlotPrefix(number, kItemsSlot) : index->filled_to + '\0';
  Walk walk = core.store->Range(Space::kItems, begin, SlotPrefix(number, kItemsSlot + 1),
                                Store::Caching::kPassBy);
  Batch batch;
  std::size_t done = 0;
  for (walk.SeekFirst(); walk.Valid() && done < kFillItems; walk.Next(), ++done) {
    StageFilled(table, *index, walk.key(), walk.value(), batch);
  }
  SaveExtents(batch, table);
  Save(batch, table);
  // What could not be written now is tried again from where the store is, at the next start.
  if (!core.store->Write(batch).ok()) return;
  if (!walk.Valid() && walk.status().ok()) return Filled(core, table, *index);
  core.Later(kBetweenFills, [&core, number, name] { FillIndexPiece(core, number, name); });
}

void RemoveIndex(Core& core, TableNumber number, const std::string& name) {
  Index* index = IndexOf(core, number, name, TableStatus::kDeleting);
  if (index == nullptr) return;
  Table& table = *core.FindNumber(number);
  const Slot slot = index->slot;
  std::erase_if(table.indexes, [&name](const Index& each) { return each.name == name; });
  // Attributes that are no key any more go from the definitions, as DynamoDB does.
  std::erase_if(table.attributes, [&table](const items::KeyPart& part) {
    const auto has = [&part](const Index& each) { return each.keys.Has(part.name); };
    return !table.keys.Has(part.name) &&
           std::none_of(table.indexes.begin(), table.indexes.end(), has);
  });
  Activate(core, number, TableStatus::kUpdating);
  Batch batch;
  batch.DeleteRange(Space::kItems, SlotPrefix(number, slot), SlotPrefix(number, slot + 1));
  SaveExtents(batch, table);
  Save(batch, table);
  if (!core.store->Write(batch).ok()) return;
}

void GoOnWith(Core& core, const Table& table) {
  if (table.status == TableStatus::kDeleting) return RemoveLater(core, table);
  bool indexing = false;
  for (const Index& index : table.indexes) {
    if (index.backfilling) FillLater(core, table, index.name);
    const bool going = index.status == TableStatus::kDeleting;
    if (going) RemoveIndexLater(core, table, index.name);
    indexing = indexing || index.backfilling || going;
  }
  const bool restoring = table.restore.Flag("RestoreInProgress", false);
  if (!indexing && !restoring && table.status != TableStatus::kActive) {
    ActivateLater(core, table, table.status);
  }
}

}  // namespace

base::Duration DelayOf(Pace pace, Stage stage) {
  for (const Delays& delays : kDelays) {
    if (delays.stage == stage) return pace == Pace::kFast ? delays.fast : delays.aws;
  }
  CHECK_NEVER("a stage without a delay");
}

void ActivateLater(Core& core, const Table& table, TableStatus from) {
  const Stage stage = from == TableStatus::kCreating ? Stage::kCreate : Stage::kUpdate;
  core.Later(DelayOf(core.options.pace, stage),
             [&core, number = table.number, from] { Activate(core, number, from); });
}

void RemoveLater(Core& core, const Table& table) {
  core.Later(DelayOf(core.options.pace, Stage::kDelete),
             [&core, number = table.number] { Remove(core, number); });
}

void FillLater(Core& core, const Table& table, std::string_view index) {
  core.Later(DelayOf(core.options.pace, Stage::kIndex),
             [&core, number = table.number, name = std::string(index)] {
               FillIndexPiece(core, number, name);
             });
}

void RemoveIndexLater(Core& core, const Table& table, std::string_view index) {
  core.Later(DelayOf(core.options.pace, Stage::kDelete),
             [&core, number = table.number, name = std::string(index)] {
               RemoveIndex(core, number, name);
             });
}

void GoOn(Core& core) {
  for (const auto& [name, table] : core.tables) GoOnWith(core, *table);
}

Verdict CheckNotBusy(const Table& table) {
  const auto busy = [&table](std::string_view how) {
    return InUse(
        fmt::format("Attempt to change a resource which is still in use: Table is being {}: {}",
                    how, table.name));
  };
  switch (table.status) {
    case TableStatus::kActive:
      return {};
    case TableStatus::kCreating:
      return busy("created");
    case TableStatus::kUpdating:
      return busy("updated");
    case TableStatus::kDeleting:
      return busy("deleted");
  }
  CHECK_NEVER("a status of no kind");
}

void StartStream(Core& core, Table& table, StreamView view) {
  std::string label = base::FormatIso8601(core.Now());
  label.pop_back();  // AWS's labels have no zone
  table.streams.push_back({label, view, core.Now(), core.sequence + 1, std::nullopt, std::nullopt});
}

void EndStream(Core& core, Table& table) {
  Stream* stream = table.stream();
  CHECK(stream != nullptr);
  stream->end = core.sequence + 1;
  stream->ended = core.Now();
}

}  // namespace leeward::lab::tables
