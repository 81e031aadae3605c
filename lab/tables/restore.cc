#include "lab/tables/restore.h"

#include <fmt/format.h>

#include <utility>

#include "lab/tables/backup.h"
#include "lab/tables/continuous.h"
#include "lab/tables/copy.h"
#include "lab/tables/describe_table.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/states.h"
#include "lab/tables/table_spec.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

// What a restored table takes over from its source: its form. Tags, streams, time to live,
// policies, protection and history have to be set again, as with DynamoDB.
Table FormOf(const Table& source, std::string_view name) {
  Table table;
  table.name = name;
  table.attributes = source.attributes;
  table.keys = source.keys;
  table.indexes = source.indexes;
  for (Index& index : table.indexes) {
    index.extent = {};
    index.reads = {};
    index.writes = {};
    index.backfilling = false;
    index.filled_to.clear();
    index.status = TableStatus::kCreating;
  }
  table.billing = source.billing;
  table.throughput.units = source.throughput.units;
  table.on_demand = source.on_demand;
  table.sse = source.sse;
  table.next_slot = source.next_slot;
  return table;
}

// Overrides may leave indexes out, not add any.
Verdict KeepNamed(const Value& input, std::string_view member, IndexScope scope, Table& table) {
  const Value* specs = input.Find(member);
  if (specs == nullptr) return {};
  std::vector<Index> kept;
  for (const Index& index : table.indexes) {
    if (index.scope != scope) kept.push_back(index);
  }
  for (const Value& spec : specs->list()) {
    const Index* index = table.FindIndex(spec.String("IndexName"));
    if (index == nullptr || index->scope != scope) {
      return ValidationError(
          fmt::format("The table to restore from has no index {}", spec.String("IndexName")));
    }
    kept.push_back(*index);
  }
  table.indexes = std::move(kept);
  return {};
}

Verdict Override(const Core& core, const Value& input, Table& table) {
  if (input.Has("BillingModeOverride")) {
    table.billing = BillingFrom(input.String("BillingModeOverride"), table.billing);
    if (table.on_demand_billing()) {
      table.throughput.units = {};
      for (Index& index : table.indexes) index.throughput.units = {};
    }
  }
  if (const Value* units = input.Find("ProvisionedThroughputOverride")) {
    RETURN_IF_ERROR(CheckBilling(table.billing, units, ""));
    table.throughput.units = UnitsFrom(units);
  }
  RETURN_IF_ERROR(KeepNamed(input, "LocalSecondaryIndexOverride", IndexScope::kLocal, table));
  RETURN_IF_ERROR(KeepNamed(input, "GlobalSecondaryIndexOverride", IndexScope::kGlobal, table));
  if (const Value* sse = input.Find("SSESpecificationOverride")) {
    ASSIGN_OR_RETURN(table.sse, EncryptionFrom(sse, core.options));
    return {};
  }
  // A backup may have come from another Region, whose keys are none here.
  const std::string here = "arn:aws:kms:" + core.options.region + ":";
  if (!table.sse.String("KMSMasterKeyArn").starts_with(here)) table.sse = Value();
  const Value again = SpecOf(table.sse, core.options);
  if (again.is_null()) return {};
  ASSIGN_OR_RETURN(table.sse, EncryptionFrom(&again, core.options));
  return {};
}

Outcome<std::string> TargetName(const Core& core, const Value& input) {
  ASSIGN_OR_RETURN(std::string name, NameFrom(core, input.String("TargetTableName")));
  if (core.FindTable(name) != nullptr) {
    return ApiError{
        "TableAlreadyExistsException", fmt::format("Table already exists: {}", name), 400, {}};
  }
  return name;
}

void Restored(Core& core, TableNumber number, bool good) {
  Table* table = core.FindNumber(number);
  if (table == nullptr) return;
  if (!good) {
    // Nothing half-restored may look like the table as it was.
    table->status = TableStatus::kDeleting;
    if (!Save(core, *table).ok()) return;
    return RemoveLater(core, *table);
  }
  table->restore.Set("RestoreInProgress", false);
  if (!Save(core, *table).ok()) return;
  ActivateLater(core, *table, TableStatus::kCreating);
}

void Start(Core& core, const Table& target, TableNumber from,
           std::optional<base::WallTime> undo_since) {
  const TableNumber number = target.number;
  FillTable(core, from, number, undo_since,
            [&core, number](bool good) { Restored(core, number, good); });
}

Outcome<Table*> FromBackup(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  const std::string_view arn = input.String("BackupArn");
  const Backup* backup = FindBackup(core, arn);
  if (backup == nullptr) {
    return ApiError{"BackupNotFoundException", fmt::format("Backup not found: {}", arn), 400, {}};
  }
  if (backup->status != Backup::Status::kAvailable) {
    return ApiError{
        "BackupInUseException", fmt::format("Backup is being created: {}", arn), 400, {}};
  }
  ASSIGN_OR_RETURN(const std::string name, TargetName(core, input));
  Table table = FormOf(backup->table, name);
  RETURN_IF_ERROR(Override(core, input, table));
  table.restore = Value::Struct({{"SourceBackupArn", backup->arn},
                                 {"SourceTableArn", TableArn(core, backup->table.name)},
                                 {"RestoreDateTime", backup->created},
                                 {"RestoreInProgress", true}});
  ASSIGN_OR_RETURN(Table* const added, AddTable(core, std::move(table)));
  Start(core, *added, backup->number, std::nullopt);
  return added;
}

Outcome<Table*> SourceOfRestore(const Core& core, const Value& input) {
  const std::string_view given = input.String("SourceTableArn", input.String("SourceTableName"));
  if (given.empty()) {
    return ValidationError("Either SourceTableArn or SourceTableName must be specified");
  }
  ASSIGN_OR_RETURN(const std::string name, NameFrom(core, given));
  Table* table = core.FindTable(name);
  if (table == nullptr) return NoTable(name);
  return table;
}

Outcome<base::WallTime> TimeToRestore(const Core& core, const Value& input, const Table& source) {
  if (!source.point_in_time.enabled) {
    return ApiError{
        "PointInTimeRecoveryUnavailableException",
        fmt::format("Point in time recovery is not enabled for table '{}'", source.name),
        400,
        {}};
  }
  const RestorableTimes times = TimesOf(core, source);
  const bool latest = input.Flag("UseLatestRestorableTime", false);
  const Value* when = input.Find("RestoreDateTime");
  if (latest == (when != nullptr)) {
    return ValidationError(
        "One and only one of RestoreDateTime and UseLatestRestorableTime must be specified");
  }
  if (latest) return times.latest;
  if (when->time() < times.earliest || when->time() > times.latest) {
    return ApiError{
        "InvalidRestoreTimeException",
        fmt::format("RestoreDateTime must be between {} and {}",
                    base::FormatIso8601(times.earliest), base::FormatIso8601(times.latest)),
        400,
        {}};
  }
  return when->time();
}

Outcome<Table*> FromHistory(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  ASSIGN_OR_RETURN(const Table* const source, SourceOfRestore(core, input));
  ASSIGN_OR_RETURN(const base::WallTime when, TimeToRestore(core, input, *source));
  ASSIGN_OR_RETURN(const std::string name, TargetName(core, input));
  Table table = FormOf(*source, name);
  RETURN_IF_ERROR(Override(core, input, table));
  table.restore = Value::Struct({{"SourceTableArn", TableArn(core, source->name)},
                                 {"RestoreDateTime", when},
                                 {"RestoreInProgress", true}});
  const TableNumber from = source->number;
  ASSIGN_OR_RETURN(Table* const added, AddTable(core, std::move(table)));
  Start(core, *added, from, when);
  return added;
}

WireAnswer Described(const Request& request, const Outcome<Table*>& table) {
  if (!table.ok()) return ErrorAnswer(table.error());
  return Encoded(request,
                 Value::Struct({{"TableDescription", DescriptionOf(request.core, **table)}}));
}

void GoOn(Core& core, const Table& table) {
  Batch batch;
  batch.DeleteRange(Space::kItems, TablePrefix(table.number), AfterTable(table.number));
  const bool cleared = core.store->Write(batch).ok();
  const std::string_view arn = table.restore.String("SourceBackupArn");
  if (cleared && !arn.empty()) {
    const Backup* backup = FindBackup(core, arn);
    if (backup != nullptr) return Start(core, table, backup->number, std::nullopt);
  }
  const auto name = NameFrom(core, table.restore.String("SourceTableArn"));
  const Table* source = name.ok() ? core.FindTable(*name) : nullptr;
  if (!cleared || !arn.empty() || source == nullptr) return Restored(core, table.number, false);
  Start(core, table, source->number, table.restore.Find("RestoreDateTime")->time());
}

}  // namespace

void GoOnWithRestores(Core& core) {
  for (const auto& [name, table] : core.tables) {
    const bool going =
        table->status == TableStatus::kCreating && table->restore.Flag("RestoreInProgress", false);
    if (!going) continue;
    table->extent = {};
    for (Index& index : table->indexes) index.extent = {};
    GoOn(core, *table);
  }
}

WireAnswer RestoreTableFromBackup(const Request& request) {
  return Described(request, FromBackup(request));
}
WireAnswer RestoreTableToPointInTime(const Request& request) {
  return Described(request, FromHistory(request));
}

}  // namespace leeward::lab::tables
