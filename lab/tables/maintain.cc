#include "lab/tables/maintain.h"

#include <algorithm>
#include <utility>

#include "lab/tables/continuous.h"
#include "lab/tables/layout.h"
#include "lab/tables/log.h"
#include "lab/tables/stream_places.h"
#include "lab/tables/time_to_live.h"

namespace leeward::lab::tables {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kSweepFast = 1s;  // expired items
constexpr base::Duration kSweepAws = 60s;
constexpr base::Duration kSweepMore = 5ms;  // when there is more to do
constexpr base::Duration kTrim = 60s;       // logs, and metrics

bool AnyRestore(const Core& core, const Table& source) {
  return std::any_of(core.tables.begin(), core.tables.end(), [&](const auto& entry) {
    const shapes::Value& restore = entry.second->restore;
    return restore.Flag("RestoreInProgress", false) &&
           restore.String("SourceTableArn") == TableArn(core, source.name);
  });
}

// The first change that somebody may still want.
std::uint64_t FirstNeeded(const Core& core, const Table& table) {
  std::uint64_t first = core.sequence + 1;
  const bool streaming =
      std::any_of(table.streams.begin(), table.streams.end(),
                  [&core](const Stream& stream) { return IsReadable(core, stream); });
  if (streaming) {
    first = std::min(first, FirstSince(core, table.number, core.Now() - kStreamLife));
  }
  if (table.point_in_time.enabled) {
    first = std::min(first, FirstSince(core, table.number, TimesOf(core, table).earliest));
  }
  if (table.replicated) first = std::min(first, table.released + 1);
  return AnyRestore(core, table) ? 0 : first;
}

void Trim(Core& core, Table& table) {
  const std::uint64_t keep = FirstNeeded(core, table);
  Walk walk = core.store->Range(Space::kLog, TablePrefix(table.number),
                                LogPlace(table.number, keep), Store::Caching::kPassBy);
  walk.SeekLast();
  if (!walk.Valid()) return;
  table.trimmed = ReadLogRecord(walk.key(), walk.value()).sequence;
  Batch batch;
  batch.DeleteRange(Space::kLog, TablePrefix(table.number),
                    LogPlace(table.number, table.trimmed + 1));
  Save(batch, table);
  if (!core.store->Write(batch).ok()) return;
}

void TrimAll(Core& core) {
  for (const auto& [name, table] : core.tables) {
    const auto gone = [&core](const Stream& stream) { return !IsReadable(core, stream); };
    if (std::erase_if(table->streams, gone) > 0 && !Save(core, *table).ok()) return;
    Trim(core, *table);
  }
  std::erase_if(core.departed, [&core](const std::unique_ptr<Table>& table) {
    const auto readable = [&core](const Stream& stream) { return IsReadable(core, stream); };
    if (std::any_of(table->streams.begin(), table->streams.end(), readable)) return false;
    Batch batch;
    batch.Delete(Space::kMeta, MetaOfDeparted(table->number));
    batch.DeleteRange(Space::kLog, TablePrefix(table->number), AfterTable(table->number));
    return core.store->Write(batch).ok();
  });
}

void PublishConsumed(Core& core) {
  for (const auto& [name, table] : core.tables) {
    const double read = std::exchange(table->consumed_read, 0);
    const double write = std::exchange(table->consumed_write, 0);
    if (read > 0) core.Publish("ConsumedReadCapacityUnits", name, "Count", read);
    if (write > 0) core.Publish("ConsumedWriteCapacityUnits", name, "Count", write);
  }
}

void SweepLater(Core& core, base::Duration delay) {
  core.Later(delay, [&core] {
    const base::Duration usual = core.options.pace == Pace::kFast ? kSweepFast : kSweepAws;
    SweepLater(core, DeleteExpired(core) ? kSweepMore : usual);
  });
}

void TrimLater(Core& core) {
  core.Later(kTrim, [&core] {
    TrimAll(core);
    PublishConsumed(core);
    TrimLater(core);
  });
}

}  // namespace

void Maintain(Core& core) {
  SweepLater(core, core.options.pace == Pace::kFast ? kSweepFast : kSweepAws);
  TrimLater(core);
}

}  // namespace leeward::lab::tables
