#include "lab/tables/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "lab/tables/backup.h"
#include "lab/tables/backup_parts.h"
#include "lab/tables/core.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/maintain.h"
#include "lab/tables/replication.h"
#include "lab/tables/restore.h"
#include "lab/tables/serve.h"
#include "lab/tables/states.h"
#include "lab/tables/time_to_live.h"

namespace leeward::lab::tables {
namespace {

enum class Of { kTables, kItems };
struct Served {
  std::string_view operation;
  Handler handler;
  Of of = Of::kTables;
};
constexpr std::array kTables = {
    Served{"BatchGetItem", BatchGetItem, Of::kItems},
    Served{"BatchWriteItem", BatchWriteItem, Of::kItems},
    Served{"CreateBackup", CreateBackup},
    Served{"CreateTable", CreateTable},
    Served{"DeleteBackup", DeleteBackup},
    Served{"DeleteItem", DeleteItem, Of::kItems},
    Served{"DeleteResourcePolicy", DeleteResourcePolicy},
    Served{"DeleteTable", DeleteTable},
    Served{"DescribeBackup", DescribeBackup},
    Served{"DescribeContinuousBackups", DescribeContinuousBackups},
    Served{"DescribeEndpoints", DescribeEndpoints},
    Served{"DescribeLimits", DescribeLimits},
    Served{"DescribeTable", DescribeTable},
    Served{"DescribeTimeToLive", DescribeTimeToLive},
    Served{"GetItem", GetItem, Of::kItems},
    Served{"GetResourcePolicy", GetResourcePolicy},
    Served{"ListBackups", ListBackups},
    Served{"ListTables", ListTables},
    Served{"ListTagsOfResource", ListTagsOfResource},
    Served{"PutItem", PutItem, Of::kItems},
    Served{"PutResourcePolicy", PutResourcePolicy},
    Served{"Query", Query, Of::kItems},
    Served{"RestoreTableFromBackup", RestoreTableFromBackup},
    Served{"RestoreTableToPointInTime", RestoreTableToPointInTime},
    Served{"Scan", Scan, Of::kItems},
    Served{"TagResource", TagResource},
    Served{"TransactGetItems", TransactGetItems, Of::kItems},
    Served{"TransactWriteItems", TransactWriteItems, Of::kItems},
    Served{"UntagResource", UntagResource},
    Served{"UpdateContinuousBackups", UpdateContinuousBackups},
    Served{"UpdateItem", UpdateItem, Of::kItems},
    Served{"UpdateTable", UpdateTable},
    Served{"UpdateTimeToLive", UpdateTimeToLive},
};

constexpr std::array kStreams = {
    Served{"DescribeStream", DescribeStream},
    Served{"GetRecords", GetRecords},
    Served{"GetShardIterator", GetShardIterator},
    Served{"ListStreams", ListStreams},
};

template <std::size_t N>
const Served* FindServed(const std::array<Served, N>& served, std::string_view operation) {
  for (const Served& each : served) {
    if (each.operation == operation) return &each;
  }
  return nullptr;
}

// Global tables as they were before 2019: other calls, which AWS itself advises against.
constexpr std::array<std::string_view, 6> kLegacyGlobal = {
    "CreateGlobalTable", "DescribeGlobalTable", "DescribeGlobalTableSettings",
    "ListGlobalTables",  "UpdateGlobalTable",   "UpdateGlobalTableSettings",
};

WireAnswer NotServed(std::string_view operation) {
  if (std::find(kLegacyGlobal.begin(), kLegacyGlobal.end(), operation) != kLegacyGlobal.end()) {
    return ErrorAnswer(
        {"UnknownOperationException",
         fmt::format("{} is of global tables version 2017.11.29, which this lab does "
                     "not serve; add replicas with UpdateTable and ReplicaUpdates "
                     "(version 2019.11.21)",
                     operation),
         400,
         {}});
  }
  return ErrorAnswer({"UnknownOperationException",
                      fmt::format("{} is not served by this lab", operation),
                      400,
                      {}});
}

base::Status LoadTable(Core& core, std::string_view saved) {
  ASSIGN_OR_RETURN(Table table, TableFromSaved(saved));
  Pinned extents;
  ASSIGN_OR_RETURN(const bool counted,
                   core.store->Get(Space::kMeta, MetaOfExtent(table.number), extents));
  if (counted) ReadExtents(extents.bytes(), table);
  SetRates(core, table);
  const std::string name = table.name;
  core.tables.emplace(name, std::make_unique<Table>(std::move(table)));
  return base::Ok();
}

base::Status Load(Core& core) {
  Pinned value;
  ASSIGN_OR_RETURN(const bool numbered, core.store->Get(Space::kMeta, kMetaNextTable, value));
  if (numbered) core.next_number = ReadBig32(value.bytes());
  ASSIGN_OR_RETURN(const bool logged, core.store->Get(Space::kMeta, kMetaSequence, value));
  if (logged) core.sequence = ReadBig64(value.bytes());
  Walk departed = core.store->Range(Space::kMeta, "g", "h");
  for (departed.SeekFirst(); departed.Valid(); departed.Next()) {
    ASSIGN_OR_RETURN(Table table, TableFromSaved(departed.value()));
    core.departed.push_back(std::make_unique<Table>(std::move(table)));
  }
  Walk backups = core.store->Range(Space::kMeta, "b", "c");
  for (backups.SeekFirst(); backups.Valid(); backups.Next()) {
    ASSIGN_OR_RETURN(Backup backup, BackupFromSaved(backups.value()));
    core.backups.push_back(std::make_unique<Backup>(std::move(backup)));
  }
  std::sort(core.backups.begin(), core.backups.end(),
            [](const auto& a, const auto& b) { return a->created < b->created; });
  Walk walk = core.store->Range(Space::kMeta, "t", "u");
  for (walk.SeekFirst(); walk.Valid(); walk.Next()) RETURN_IF_ERROR(LoadTable(core, walk.value()));
  return walk.status();
}

}  // namespace

Engine::Engine(std::shared_ptr<Core> core) : core_(std::move(core)) {}
// A request that waits for another Region may keep the core a while longer; nothing else may run.
Engine::~Engine() { core_->alive.reset(); }

base::Result<std::unique_ptr<Engine>> Engine::Open(EngineOptions options) {
  CHECK(options.clock != nullptr && options.random != nullptr && options.after);
  auto core = std::make_shared<Core>();
  core->options = std::move(options);
  ASSIGN_OR_RETURN(core->store, Store::Open(core->options.directory));
  core->commits = std::make_unique<CommitGroup>(*core);
  core->replication = std::make_unique<Replication>(*core);
  RETURN_IF_ERROR(Load(*core));
  GoOn(*core);
  for (const auto& [name, table] : core->tables) GoOnWithTimeToLive(*core, *table);
  GoOnWithBackups(*core);
  GoOnWithRestores(*core);
  Maintain(*core);
  return std::unique_ptr<Engine>(new Engine(std::move(core)));
}

void Engine::Handle(std::string_view operation, std::string_view body, const Caller& caller,
                    const WireReply& reply) {
  static const shapes::Model* const model = shapes::FindModel("dynamodb");
  CHECK(model != nullptr);
  const Served* served = FindServed(kTables, operation);
  const shapes::Operation* known = model->FindOperation(operation);
  if (served == nullptr || known == nullptr) return reply(NotServed(operation));
  // What looks at tables, or changes them, finds them as they are written.
  if (served->of == Of::kTables) core_->SettleWrites();
  Serve(core_, *known, served->handler, body, caller, reply);
}

void Engine::HandleStreams(std::string_view operation, std::string_view body, const Caller& caller,
                           const WireReply& reply) {
  static const shapes::Model* const model = shapes::FindModel("dynamodbstreams");
  CHECK(model != nullptr);
  const Served* served = FindServed(kStreams, operation);
  const shapes::Operation* known = model->FindOperation(operation);
  if (served == nullptr || known == nullptr) return reply(NotServed(operation));
  core_->SettleWrites();
  Serve(core_, *known, served->handler, body, caller, reply);
}

base::Result<shapes::Value> Engine::HandleBackupParts(std::string_view operation,
                                                      const shapes::Value& input) {
  core_->SettleWrites();
  return tables::HandleBackupParts(*core_, operation, input);
}

Replication& Engine::replication() { return *core_->replication; }

}  // namespace leeward::lab::tables
