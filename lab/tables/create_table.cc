#include <fmt/format.h>

#include <utility>

#include "lab/tables/describe_table.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/policy.h"
#include "lab/tables/states.h"
#include "lab/tables/table_spec.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

// The model lets both be absent, for replicas made from another table; the service does not.
Verdict CheckPresent(const Value& input) {
  std::vector<std::string> missing;
  for (const std::string_view name : {"AttributeDefinitions", "KeySchema"}) {
    if (input.Has(name)) continue;
    missing.push_back(
        fmt::format("Value null at '{}{}' failed to satisfy constraint: Member must not be null",
                    static_cast<char>(name[0] - 'A' + 'a'), name.substr(1)));
  }
  if (missing.empty()) return {};
  return ValidationError(fmt::format("{} validation error{} detected: {}", missing.size(),
                                     missing.size() == 1 ? "" : "s", fmt::join(missing, "; ")));
}

Verdict CheckServed(const Value& input) {
  for (const std::string_view name :
       {"GlobalTableSourceArn", "GlobalTableSettingsReplicationMode"}) {
    if (input.Has(name)) {
      return ValidationError(
          fmt::format("{} is not served by this lab; make replicas with UpdateTable", name));
    }
  }
  return {};
}

Verdict ReadKeys(const Value& input, Table& table) {
  const Value::List& schema = input.Items("KeySchema");
  if (schema.size() > 2) {
    return ValidationError(fmt::format(
        "1 validation error detected: Value '{}' at 'keySchema' failed to satisfy constraint: "
        "Member must have length less than or equal to 2",
        NamesOf(schema)));
  }
  ASSIGN_OR_RETURN(table.attributes, AttributesFrom(input.Items("AttributeDefinitions")));
  ASSIGN_OR_RETURN(table.keys, KeysFrom(schema, table.attributes));
  return {};
}

Verdict AddIndex(const Value& spec, IndexScope scope, Table& table) {
  ASSIGN_OR_RETURN(Index index, IndexFrom(spec, scope, table.attributes, table.keys));
  if (table.FindIndex(index.name) != nullptr) {
    return InvalidParameter(fmt::format("Duplicate index name: {}", index.name));
  }
  if (scope == IndexScope::kGlobal) {
    const Value* throughput = spec.Find("ProvisionedThroughput");
    RETURN_IF_ERROR(CheckBilling(table.billing, throughput, index.name));
    index.throughput.units = UnitsFrom(throughput);
    ASSIGN_OR_RETURN(index.on_demand, LimitsFrom(spec.Find("OnDemandThroughput"), table.billing));
    index.warm = WarmFrom(spec.Find("WarmThroughput"));
    index.status = TableStatus::kCreating;
  }
  index.slot = table.next_slot++;
  table.indexes.push_back(std::move(index));
  return {};
}

Verdict ReadLocalIndexes(const Value& input, Table& table) {
  if (!input.Has("LocalSecondaryIndexes")) return {};
  const Value::List& specs = input.Items("LocalSecondaryIndexes");
  if (specs.empty()) return InvalidParameter("List of LocalSecondaryIndexes is empty");
  if (!table.keys.range) {
    return InvalidParameter(
        "Table KeySchema does not have a range key, which is required when specifying a "
        "LocalSecondaryIndex");
  }
  if (specs.size() > kMaxLocalIndexes) {
    return InvalidParameter(fmt::format(
        "Number of LocalSecondaryIndexes exceeds per-table limit of {}", kMaxLocalIndexes));
  }
  for (const Value& spec : specs) RETURN_IF_ERROR(AddIndex(spec, IndexScope::kLocal, table));
  return {};
}

Verdict ReadGlobalIndexes(const Value& input, Table& table) {
  if (!input.Has("GlobalSecondaryIndexes")) return {};
  const Value::List& specs = input.Items("GlobalSecondaryIndexes");
  if (specs.empty()) return InvalidParameter("List of GlobalSecondaryIndexes is empty");
  if (specs.size() > kMaxGlobalIndexes) {
    return InvalidParameter(fmt::format(
        "GlobalSecondaryIndex count exceeds the per-table limit of {}", kMaxGlobalIndexes));
  }
  for (const Value& spec : specs) RETURN_IF_ERROR(AddIndex(spec, IndexScope::kGlobal, table));
  return {};
}

Verdict ReadSettings(const Core& core, const Value& input, Table& table) {
  table.throughput.units = UnitsFrom(input.Find("ProvisionedThroughput"));
  ASSIGN_OR_RETURN(table.on_demand, LimitsFrom(input.Find("OnDemandThroughput"), table.billing));
  table.warm = WarmFrom(input.Find("WarmThroughput"));
  ASSIGN_OR_RETURN(table.sse, EncryptionFrom(input.Find("SSESpecification"), core.options));
  ASSIGN_OR_RETURN(table.tags, TagsFrom(input.Items("Tags")));
  table.table_class_given = input.Has("TableClass");
  table.table_class = input.String("TableClass", "STANDARD");
  table.deletion_protection = input.Flag("DeletionProtectionEnabled", false);
  table.policy = input.String("ResourcePolicy");
  if (!table.policy.empty()) RETURN_IF_ERROR(CheckPolicyText(table.policy));
  return {};
}

Outcome<Table> TableFrom(Core& core, const Value& input) {
  RETURN_IF_ERROR(CheckPresent(input));
  RETURN_IF_ERROR(CheckServed(input));
  Table table;
  ASSIGN_OR_RETURN(table.name, NameFrom(core, input.String("TableName")));
  table.billing = BillingFrom(input.String("BillingMode"), BillingMode::kProvisioned);
  RETURN_IF_ERROR(CheckBilling(table.billing, input.Find("ProvisionedThroughput"), ""));
  RETURN_IF_ERROR(ReadKeys(input, table));
  RETURN_IF_ERROR(ReadLocalIndexes(input, table));
  RETURN_IF_ERROR(ReadGlobalIndexes(input, table));
  RETURN_IF_ERROR(CheckAttributesUsed(table.attributes, table.keys, table.indexes));
  RETURN_IF_ERROR(CheckProjectedNames(table.indexes));
  RETURN_IF_ERROR(ReadSettings(core, input, table));
  return table;
}

Outcome<Table*> CreateAsked(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  ASSIGN_OR_RETURN(Table table, TableFrom(core, input));
  ASSIGN_OR_RETURN(const std::optional<StreamView> view,
                   StreamFrom(input.Find("StreamSpecification")));
  if (core.FindTable(table.name) != nullptr) {
    return InUse(fmt::format("Table already exists: {}", table.name));
  }
  if (!table.policy.empty()) table.policy_revision = core.options.random->Hex(13);
  if (view) StartStream(core, table, *view);
  return AddTable(core, std::move(table));
}

}  // namespace

Outcome<Table*> AddTable(Core& core, Table made) {
  made.id = core.Uuid();
  made.created = core.Now();
  made.status = TableStatus::kCreating;
  if (made.on_demand_billing()) made.on_demand_since = made.created;
  made.number = core.next_number;
  Batch batch;
  std::string next;
  AppendBig32(made.number + 1, next);
  batch.Put(Space::kMeta, kMetaNextTable, next);
  Save(batch, made);
  const base::Status written = core.store->Write(batch);
  if (!written.ok()) return Broken(written.error());
  ++core.next_number;
  // The name is copied before the table it stands in is moved.
  std::string name = made.name;
  Table* table = core.tables.emplace(std::move(name), std::make_unique<Table>(std::move(made)))
                     .first->second.get();
  SetRates(core, *table);
  return table;
}

WireAnswer CreateTable(const Request& request) {
  const Outcome<Table*> created = CreateAsked(request);
  if (!created.ok()) return ErrorAnswer(created.error());
  Table& table = **created;
  ActivateLater(request.core, table, TableStatus::kCreating);
  return Encoded(request,
                 Value::Struct({{"TableDescription", DescriptionOf(request.core, table)}}));
}

}  // namespace leeward::lab::tables
