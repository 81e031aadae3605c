#include "lab/tables/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "lab/tables/copy.h"
#include "lab/tables/describe_table.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/time_to_live.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::int64_t kMaxListed = 100;

std::string MetaOfBackup(std::string_view arn) { return "b" + std::string(arn); }

ApiError BackupNotFound(std::string_view arn) {
  return {"BackupNotFoundException", fmt::format("Backup not found: {}", arn), 400, {}};
}

void Finished(Core& core, const std::string& arn, bool good) {
  Backup* backup = FindBackup(core, arn);
  if (backup == nullptr || !good) return;  // a copy that failed is made again at the next start
  backup->status = Backup::Status::kAvailable;
  Batch batch;
  if (!SaveBackup(core, *backup, batch).ok()) return;
}

void StartCopy(Core& core, const Backup& backup) {
  CopyItems(core, backup.table.number, backup.number,
            [&core, arn = backup.arn](bool good) { Finished(core, arn, good); });
}

std::string NewArn(Core& core, const Table& table) {
  return fmt::format("{}/backup/{:014}-{}", TableArn(core, table.name),
                     base::Millis(core.Now().since_epoch), core.options.random->Hex(8));
}

Outcome<Backup*> Create(const Request& request) {
  return MakeBackup(request.core,
                    {Text(request.body, "TableName"), Text(request.body, "BackupName")});
}

Outcome<Value> Delete(const Request& request) {
  Core& core = request.core;
  const std::string_view arn = Text(request.body, "BackupArn");
  const Backup* backup = FindBackup(core, arn);
  if (backup == nullptr) return BackupNotFound(arn);
  const bool used = IsRestoring(core, *backup);
  if (backup->status == Backup::Status::kCreating || used) {
    return ApiError{"BackupInUseException",
                    fmt::format("Backup is being {}: {}", used ? "restored" : "created", arn),
                    400,
                    {}};
  }
  Value details = BackupDetailsOf(*backup);
  details.Set("BackupStatus", "DELETED");
  Value description = Value::Struct({{"BackupDetails", std::move(details)},
                                     {"SourceTableDetails", SourceOf(core, backup->table)},
                                     {"SourceTableFeatureDetails", FeaturesOf(backup->table)}});
  RETURN_IF_ERROR(DropBackup(core, *backup));
  return description;
}

Value SummaryOf(const Core& core, const Backup& backup) {
  Value out = BackupDetailsOf(backup);
  out.Set("TableName", backup.table.name);
  out.Set("TableId", backup.table.id);
  out.Set("TableArn", TableArn(core, backup.table.name));
  return out;
}

bool IsListed(const Value& input, std::string_view table, const Backup& backup) {
  if (backup.holder == Backup::Holder::kVault) return false;
  const std::string_view type = input.String("BackupType", "USER");
  if (type != "USER" && type != "ALL") return false;
  if (!table.empty() && backup.table.name != table) return false;
  const Value* lower = input.Find("TimeRangeLowerBound");
  const Value* upper = input.Find("TimeRangeUpperBound");
  if (lower != nullptr && backup.created < lower->time()) return false;
  return upper == nullptr || backup.created < upper->time();
}

Outcome<Value> List(const Request& request) {
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  ASSIGN_OR_RETURN(const std::string table, NameFrom(request.core, input.String("TableName")));
  const std::int64_t limit = input.Int("Limit", kMaxListed);
  bool started = !input.Has("ExclusiveStartBackupArn");
  Value::List summaries;
  std::string last;
  bool more = false;
  for (const auto& backup : request.core.backups) {
    if (!started) {
      started = backup->arn == input.String("ExclusiveStartBackupArn");
      continue;
    }
    if (!IsListed(input, table, *backup)) continue;
    more = static_cast<std::int64_t>(summaries.size()) == limit;
    if (more) break;
    summaries.push_back(SummaryOf(request.core, *backup));
    last = backup->arn;
  }
  Value out = Value::Struct({{"BackupSummaries", Value(std::move(summaries))}});
  if (more) out.Set("LastEvaluatedBackupArn", last);
  return out;
}

}  // namespace

Verdict SaveBackup(Core& core, const Backup& backup, Batch& batch) {
  batch.Put(Space::kMeta, MetaOfBackup(backup.arn), SavedBackup(backup));
  const base::Status written = core.store->Write(batch);
  if (!written.ok()) return Broken(written.error());
  return {};
}

Backup* FindBackup(const Core& core, std::string_view arn) {
  for (const auto& backup : core.backups) {
    if (backup->arn == arn) return backup.get();
  }
  return nullptr;
}

void TakeNumber(Core& core, TableNumber number, Batch& batch) {
  CHECK(number == core.next_number);
  std::string next;
  AppendBig32(number + 1, next);
  batch.Put(Space::kMeta, kMetaNextTable, next);
}

Outcome<Backup*> MakeBackup(Core& core, const BackupAsked& asked) {
  ASSIGN_OR_RETURN(const std::string name, NameFrom(core, asked.table));
  Table* table = core.FindTable(name);
  if (table == nullptr) return NoTable(name);
  if (table->status != TableStatus::kActive && table->status != TableStatus::kUpdating) {
    return ApiError{
        "TableInUseException",
        fmt::format("Table is being {}: {}",
                    table->status == TableStatus::kCreating ? "created" : "deleted", name),
        400,
        {}};
  }
  auto backup = std::make_unique<Backup>();
  backup->arn = NewArn(core, *table);
  backup->name = asked.name;
  backup->holder = asked.holder;
  backup->created = core.Now();
  backup->number = core.next_number;
  backup->extent = table->extent;
  backup->table = *table;
  Batch batch;
  TakeNumber(core, backup->number, batch);
  RETURN_IF_ERROR(SaveBackup(core, *backup, batch));
  ++core.next_number;
  core.backups.push_back(std::move(backup));
  StartCopy(core, *core.backups.back());
  return core.backups.back().get();
}

bool IsRestoring(const Core& core, const Backup& backup) {
  return std::any_of(core.tables.begin(), core.tables.end(), [&backup](const auto& entry) {
    const Value& restore = entry.second->restore;
    return restore.Flag("RestoreInProgress", false) &&
           restore.String("SourceBackupArn") == backup.arn;
  });
}

Verdict DropBackup(Core& core, const Backup& backup) {
  Batch batch;
  batch.Delete(Space::kMeta, MetaOfBackup(backup.arn));
  batch.DeleteRange(Space::kItems, TablePrefix(backup.number), AfterTable(backup.number));
  const base::Status written = core.store->Write(batch);
  if (!written.ok()) return Broken(written.error());
  std::erase_if(core.backups, [&backup](const auto& each) { return each.get() == &backup; });
  return {};
}

ApiError NoTable(std::string_view name) {
  return {"TableNotFoundException", fmt::format("Table not found: {}", name), 400, {}};
}

std::string SavedBackup(const Backup& backup) {
  return shapes::ToJson(Value::Struct({{"arn", backup.arn},
                                       {"name", backup.name},
                                       {"status", std::int64_t{static_cast<int>(backup.status)}},
                                       {"holder", std::int64_t{static_cast<int>(backup.holder)}},
                                       {"created", backup.created},
                                       {"number", std::int64_t{backup.number}},
                                       {"items", backup.extent.items},
                                       {"bytes", backup.extent.bytes},
                                       {"table", SavedTable(backup.table)}}));
}

base::Result<Backup> BackupFromSaved(std::string_view saved) {
  ASSIGN_OR_RETURN(const Value in, shapes::FromJson(saved));
  Backup backup;
  backup.arn = in.String("arn");
  backup.name = in.String("name");
  backup.status = static_cast<Backup::Status>(in.Int("status"));
  backup.holder = static_cast<Backup::Holder>(in.Int("holder"));
  if (const Value* created = in.Find("created")) backup.created = created->time();
  backup.number = static_cast<TableNumber>(in.Int("number"));
  backup.extent = {in.Int("items"), in.Int("bytes")};
  ASSIGN_OR_RETURN(backup.table, TableFromSaved(in.String("table")));
  backup.table.extent = backup.extent;
  return backup;
}

Value BackupDetailsOf(const Backup& backup) {
  return Value::Struct(
      {{"BackupArn", backup.arn},
       {"BackupName", backup.name},
       {"BackupSizeBytes", backup.extent.bytes},
       {"BackupStatus", backup.status == Backup::Status::kCreating ? "CREATING" : "AVAILABLE"},
       {"BackupType", "USER"},
       {"BackupCreationDateTime", backup.created}});
}

Value SourceOf(const Core& core, const Table& table) {
  return Value::Struct(
      {{"TableName", table.name},
       {"TableId", table.id},
       {"TableArn", TableArn(core, table.name)},
       {"TableSizeBytes", table.extent.bytes},
       {"KeySchema", SchemaOf(table.keys)},
       {"TableCreationDateTime", table.created},
       {"ProvisionedThroughput",
        Value::Struct({{"ReadCapacityUnits", table.throughput.units.read},
                       {"WriteCapacityUnits", table.throughput.units.write}})},
       {"ItemCount", table.extent.items},
       {"BillingMode", table.on_demand_billing() ? "PAY_PER_REQUEST" : "PROVISIONED"}});
}

Value FeaturesOf(const Table& table) {
  Value::List local;
  Value::List global;
  for (const Index& index : table.indexes) {
    Value info = Value::Struct({{"IndexName", index.name},
                                {"KeySchema", SchemaOf(index.keys)},
                                {"Projection", ProjectionOf(index.projection)}});
    if (index.global()) {
      info.Set("ProvisionedThroughput",
               Value::Struct({{"ReadCapacityUnits", index.throughput.units.read},
                              {"WriteCapacityUnits", index.throughput.units.write}}));
    }
    (index.global() ? global : local).push_back(std::move(info));
  }
  Value out = Value::Struct();
  if (!local.empty()) out.Set("LocalSecondaryIndexes", Value(std::move(local)));
  if (!global.empty()) out.Set("GlobalSecondaryIndexes", Value(std::move(global)));
  if (const Stream* stream = table.stream()) {
    out.Set("StreamDescription",
            Value::Struct(
                {{"StreamEnabled", true}, {"StreamViewType", std::string(Name(stream->view))}}));
  }
  out.Set("TimeToLiveDescription", TimeToLiveOf(table));
  if (!table.sse.is_null()) out.Set("SSEDescription", table.sse);
  return out;
}

void GoOnWithBackups(Core& core) {
  std::vector<const Backup*> cut_off;
  for (const auto& backup : core.backups) {
    if (backup->holder == Backup::Holder::kVault) {
      cut_off.push_back(backup.get());
    } else if (backup->status == Backup::Status::kCreating) {
      StartCopy(core, *backup);
    }
  }
  for (const Backup* backup : cut_off) {
    if (!DropBackup(core, *backup).ok()) return;
  }
}

WireAnswer CreateBackup(const Request& request) {
  const auto created = Create(request);
  if (!created.ok()) return ErrorAnswer(created.error());
  return Encoded(request, Value::Struct({{"BackupDetails", BackupDetailsOf(**created)}}));
}

WireAnswer DescribeBackup(const Request& request) {
  const std::string_view arn = Text(request.body, "BackupArn");
  const Backup* backup = FindBackup(request.core, arn);
  if (backup == nullptr) return ErrorAnswer(BackupNotFound(arn));
  return Encoded(
      request,
      Value::Struct({{"BackupDescription",
                      Value::Struct({{"BackupDetails", BackupDetailsOf(*backup)},
                                     {"SourceTableDetails", SourceOf(request.core, backup->table)},
                                     {"SourceTableFeatureDetails", FeaturesOf(backup->table)}})}}));
}

WireAnswer DeleteBackup(const Request& request) {
  const auto deleted = Delete(request);
  if (!deleted.ok()) return ErrorAnswer(deleted.error());
  return Encoded(request, Value::Struct({{"BackupDescription", *deleted}}));
}

WireAnswer ListBackups(const Request& request) {
  const auto listed = List(request);
  if (!listed.ok()) return ErrorAnswer(listed.error());
  return Encoded(request, *listed);
}

}  // namespace leeward::lab::tables
