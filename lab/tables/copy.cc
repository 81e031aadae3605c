#include "lab/tables/copy.h"

#include <utility>

#include "lab/items/encoding.h"
#include "lab/tables/layout.h"
#include "lab/tables/log.h"
#include "lab/tables/stream_places.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {
namespace {

constexpr std::size_t kPiece = 500;
constexpr base::Duration kBetweenPieces = std::chrono::milliseconds(1);

struct Job {
  TableNumber from = 0;
  TableNumber to = 0;
  std::unique_ptr<Moment> moment;  // what is copied
  std::string next;                // where the next piece begins
  std::optional<base::WallTime> undo_since;
  std::uint64_t undo_first = 0;  // the first change to take back
  std::uint64_t undo_next = 0;   // changes below this are left to take back
  std::function<void(bool)> done;
};
using Shared = std::shared_ptr<Job>;

std::string Moved(std::string_view place, TableNumber to) {
  return TablePrefix(to) + std::string(place.substr(4));
}

void CopyPiece(Core& core, const Shared& job) {
  Walk walk = core.store->Range(Space::kItems, job->next, SlotPrefix(job->from, kItemsSlot + 1),
                                Store::Caching::kPassBy, job->moment.get());
  Batch batch;
  std::size_t count = 0;
  for (walk.SeekFirst(); walk.Valid() && count < kPiece; walk.Next(), ++count) {
    batch.Put(Space::kItems, Moved(walk.key(), job->to), walk.value());
  }
  const bool good = core.store->Write(batch).ok() && walk.status().ok();
  if (!good || !walk.Valid()) return job->done(good);
  job->next = walk.key();
  core.Later(kBetweenPieces, [&core, job] { CopyPiece(core, job); });
}

// The target, as long as it is one.
Table* TargetOf(Core& core, const Shared& job) {
  Table* table = core.FindNumber(job->to);
  return table != nullptr && table->status == TableStatus::kCreating ? table : nullptr;
}

bool PutOne(Core& core, Table& table, std::string_view stored, Write& write) {
  const auto item = items::ItemFromStored(stored);
  CHECK(item.ok());
  const std::string place = ItemPlace(table, *item);
  const Outcome<Found> old = ReadItem(core, place);
  if (!old.ok()) return false;
  write.Put(table, place, *old, *item);
  return true;
}

bool UndoOne(Core& core, Table& table, const LogRecord& record, Write& write) {
  if (record.old_image) return PutOne(core, table, *record.old_image, write);
  const auto key = items::ItemFromStored(record.key);
  CHECK(key.ok());
  const std::string place = ItemPlace(table, *key);
  const Outcome<Found> old = ReadItem(core, place);
  if (!old.ok()) return false;
  write.Delete(table, place, *old, *key);
  return true;
}

// One change a time: the same item may have changed many times.
void UndoPiece(Core& core, const Shared& job) {
  Table* table = TargetOf(core, job);
  if (table == nullptr) return job->done(false);
  Walk walk = core.store->Range(Space::kLog, LogPlace(job->from, job->undo_first),
                                LogPlace(job->from, job->undo_next), Store::Caching::kPassBy,
                                job->moment.get());
  std::size_t count = 0;
  for (walk.SeekLast(); walk.Valid() && count < kPiece; walk.Previous(), ++count) {
    const LogRecord record = ReadLogRecord(walk.key(), walk.value());
    job->undo_next = record.sequence;
    Write write(core);
    if (!UndoOne(core, *table, record, write) || !write.Commit().ok()) return job->done(false);
  }
  if (!walk.Valid()) return job->done(walk.status().ok());
  core.Later(kBetweenPieces, [&core, job] { UndoPiece(core, job); });
}

void FillPiece(Core& core, const Shared& job) {
  Table* table = TargetOf(core, job);
  if (table == nullptr) return job->done(false);
  Walk walk = core.store->Range(Space::kItems, job->next, SlotPrefix(job->from, kItemsSlot + 1),
                                Store::Caching::kPassBy, job->moment.get());
  Write write(core);
  std::size_t count = 0;
  bool good = true;
  for (walk.SeekFirst(); walk.Valid() && good && count < kPiece; walk.Next(), ++count) {
    good = PutOne(core, *table, ReadHead(walk.value()).item, write);
  }
  good = good && write.Commit().ok() && walk.status().ok();
  if (!good) return job->done(false);
  if (walk.Valid()) {
    job->next = walk.key();
    return core.Later(kBetweenPieces, [&core, job] { FillPiece(core, job); });
  }
  if (!job->undo_since) return job->done(true);
  UndoPiece(core, job);
}

Shared NewJob(Core& core, TableNumber from, TableNumber to, std::function<void(bool)> done) {
  auto job = std::make_shared<Job>();
  job->from = from;
  job->to = to;
  job->moment = core.store->Now();
  job->next = SlotPrefix(from, kItemsSlot);
  job->done = std::move(done);
  return job;
}

}  // namespace

void CopyItems(Core& core, TableNumber from, TableNumber to, std::function<void(bool)> done) {
  const Shared job = NewJob(core, from, to, std::move(done));
  core.Later(kBetweenPieces, [&core, job] { CopyPiece(core, job); });
}

void FillTable(Core& core, TableNumber from, TableNumber to,
               std::optional<base::WallTime> undo_since, std::function<void(bool)> done) {
  const Shared job = NewJob(core, from, to, std::move(done));
  job->undo_since = undo_since;
  if (undo_since) {
    // A change made in the very instant belongs to what is restored.
    job->undo_first = FirstSince(core, from, *undo_since + base::Duration(1));
    job->undo_next = core.sequence + 1;
  }
  core.Later(kBetweenPieces, [&core, job] { FillPiece(core, job); });
}

}  // namespace leeward::lab::tables
