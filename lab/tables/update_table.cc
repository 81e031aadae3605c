#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lab/tables/describe_table.h"
#include "lab/tables/handlers.h"
#include "lab/tables/replication.h"
#include "lab/tables/states.h"
#include "lab/tables/table_spec.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::string_view kNothingAsked =
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
    "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required";

bool NamesReplicas(const Value& input) {
  return input.Has("ReplicaUpdates") || input.Has("GlobalTableWitnessUpdates") ||
         input.Has("MultiRegionConsistency");
}

bool AsksForAnything(const Value& input) {
  for (const std::string_view name :
       {"ProvisionedThroughput", "BillingMode", "StreamSpecification",
        "GlobalSecondaryIndexUpdates", "SSESpecification", "TableClass",
        "DeletionProtectionEnabled", "OnDemandThroughput", "WarmThroughput"}) {
    if (input.Has(name)) return true;
  }
  return NamesReplicas(input);
}

// One UpdateTable, worked out on a copy of the table: nothing is changed unless all of it can be.
class Update {
 public:
  Update(Core& core, const Table& table, const Value& input)
      : core_(core), input_(input), table_(table) {}

  Verdict WorkOut() {
    RETURN_IF_ERROR(CheckServed());
    RETURN_IF_ERROR(Billing());
    RETURN_IF_ERROR(Throughputs());
    RETURN_IF_ERROR(Indexes());
    RETURN_IF_ERROR(Streams());
    return Settings();
  }
  Table& table() { return table_; }
  // Settings that are at once as they are to be leave the table ACTIVE.
  bool takes_a_while() const { return takes_a_while_; }
  const std::string& created() const { return created_; }
  const std::string& deleted() const { return deleted_; }

 private:
  Verdict CheckServed() const {
    if (!input_.Has("GlobalTableSettingsReplicationMode")) return {};
    return ValidationError("GlobalTableSettingsReplicationMode is not served by this lab");
  }

  Verdict Billing() {
    const Value* throughput = input_.Find("ProvisionedThroughput");
    const BillingMode before = table_.billing;
    table_.billing = BillingFrom(input_.String("BillingMode"), before);
    const bool switched = before != table_.billing;
    if (table_.on_demand_billing()) {
      RETURN_IF_ERROR(CheckBilling(table_.billing, throughput, ""));
      if (switched) ToOnDemand();
    } else if (switched || throughput != nullptr) {
      RETURN_IF_ERROR(CheckBilling(table_.billing, throughput, ""));
    }
    takes_a_while_ = takes_a_while_ || input_.Has("BillingMode") || throughput != nullptr;
    if (switched && !table_.on_demand_billing()) RETURN_IF_ERROR(CheckIndexUnits());
    return {};
  }

  void ToOnDemand() {
    table_.on_demand_since = core_.Now();
    table_.throughput.units = {};
    for (Index& index : table_.indexes) index.throughput.units = {};
  }

  // A table that becomes PROVISIONED needs units for each of its global indexes.
  Verdict CheckIndexUnits() const {
    for (const Index& index : table_.indexes) {
      if (!index.global()) continue;
      const Value::List& updates = input_.Items("GlobalSecondaryIndexUpdates");
      const bool named = std::any_of(updates.begin(), updates.end(), [&index](const Value& each) {
        return each.Sub("Update").String("IndexName") == index.name ||
               each.Sub("Delete").String("IndexName") == index.name;
      });
      if (!named) {
        return InvalidParameter(
            fmt::format("ProvisionedThroughput must be specified for index: {}", index.name));
      }
    }
    return {};
  }

  Verdict SetUnits(Throughput& throughput, const Value* spec, std::string_view what, bool compare) {
    const Units wanted = UnitsFrom(spec);
    if (compare && wanted == throughput.units) {
      return ValidationError(fmt::format(
          "The provisioned throughput for the {} will not change. The requested value equals the "
          "current value. Current ReadCapacityUnits provisioned for the {}: {}. Requested "
          "ReadCapacityUnits: {}. Current WriteCapacityUnits provisioned for the {}: {}. Requested "
          "WriteCapacityUnits: {}. Refer to the Amazon DynamoDB Developer Guide for current limits "
          "and how to request higher limits.",
          what, what, throughput.units.read, wanted.read, what, throughput.units.write,
          wanted.write));
    }
    const bool less = wanted.read < throughput.units.read || wanted.write < throughput.units.write;
    const bool more = wanted.read > throughput.units.read || wanted.write > throughput.units.write;
    if (more) throughput.increased = core_.Now();
    if (less) {
      throughput.decreased = core_.Now();
      ++throughput.decreases_today;
    }
    throughput.units = wanted;
    return {};
  }

  Verdict Throughputs() {
    if (const Value* spec = input_.Find("ProvisionedThroughput")) {
      const bool compare = !input_.Has("BillingMode") && !input_.Has("GlobalSecondaryIndexUpdates");
      RETURN_IF_ERROR(SetUnits(table_.throughput, spec, "table", compare));
    }
    if (input_.Has("OnDemandThroughput")) {
      ASSIGN_OR_RETURN(table_.on_demand,
                       LimitsFrom(input_.Find("OnDemandThroughput"), table_.billing));
      takes_a_while_ = true;
    }
    if (const auto warm = WarmFrom(input_.Find("WarmThroughput"))) {
      table_.warm = *warm;
      takes_a_while_ = true;
    }
    return {};
  }

  Verdict Indexes() {
    if (!input_.Has("GlobalSecondaryIndexUpdates")) return {};
    const Value::List& updates = input_.Items("GlobalSecondaryIndexUpdates");
    if (input_.Has("AttributeDefinitions")) {
      ASSIGN_OR_RETURN(const auto given, AttributesFrom(input_.Items("AttributeDefinitions")));
      RETURN_IF_ERROR(MergeAttributes(given));
    }
    for (const Value& update : updates) RETURN_IF_ERROR(OneIndex(update));
    const auto under_way = [](const Index& each) {
      return each.status == TableStatus::kCreating || each.status == TableStatus::kDeleting;
    };
    if (std::count_if(table_.indexes.begin(), table_.indexes.end(), under_way) > 1) {
      return LimitExceeded(
          "Subscriber limit exceeded: Only 1 online index can be created or deleted "
          "simultaneously per table");
    }
    takes_a_while_ = takes_a_while_ || !updates.empty();
    if (created_.empty()) return {};
    return CheckAttributesUsed(table_.attributes, table_.keys, table_.indexes);
  }

  // Definitions may be repeated, and must then be what they are.
  Verdict MergeAttributes(const std::vector<items::KeyPart>& given) {
    for (const items::KeyPart& part : given) {
      const auto known =
          std::find_if(table_.attributes.begin(), table_.attributes.end(),
                       [&part](const items::KeyPart& each) { return each.name == part.name; });
      if (known == table_.attributes.end()) {
        table_.attributes.push_back(part);
      } else if (known->type != part.type) {
        return InvalidParameter(
            fmt::format("Cannot change the type of the key attribute {} from {} to {}", part.name,
                        items::Name(known->type), items::Name(part.type)));
      }
    }
    return {};
  }

  Verdict OneIndex(const Value& update) {
    const int kinds = (update.Has("Create") ? 1 : 0) + (update.Has("Update") ? 1 : 0) +
                      (update.Has("Delete") ? 1 : 0);
    if (kinds != 1) {
      return InvalidParameter(
          "One of GlobalSecondaryIndexUpdate Create, Update or Delete must be specified, and only "
          "one");
    }
    if (const Value* create = update.Find("Create")) return CreateIndex(*create);
    if (const Value* change = update.Find("Update")) return ChangeIndex(*change);
    return DeleteIndex(update.Sub("Delete"));
  }

  Verdict CreateIndex(const Value& spec) {
    const std::string_view name = spec.String("IndexName");
    if (table_.FindIndex(name) != nullptr) {
      return ValidationError(
          fmt::format("Attempting to create an index which already exists: {}", name));
    }
    const auto globals = std::count_if(table_.indexes.begin(), table_.indexes.end(),
                                       [](const Index& each) { return each.global(); });
    if (static_cast<std::size_t>(globals) >= kMaxGlobalIndexes) {
      return LimitExceeded(fmt::format(
          "Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit of {}",
          kMaxGlobalIndexes));
    }
    ASSIGN_OR_RETURN(Index index,
                     IndexFrom(spec, IndexScope::kGlobal, table_.attributes, table_.keys));
    const Value* throughput = spec.Find("ProvisionedThroughput");
    RETURN_IF_ERROR(CheckBilling(table_.billing, throughput, name));
    index.throughput.units = UnitsFrom(throughput);
    ASSIGN_OR_RETURN(index.on_demand, LimitsFrom(spec.Find("OnDemandThroughput"), table_.billing));
    index.warm = WarmFrom(spec.Find("WarmThroughput"));
    index.status = TableStatus::kCreating;
    index.backfilling = true;
    if (table_.next_slot > kLastIndexSlot) {
      return LimitExceeded("This table has had too many indexes over time; make a new table");
    }
    index.slot = table_.next_slot++;
    table_.indexes.push_back(std::move(index));
    created_ = name;
    return CheckProjectedNames(table_.indexes);
  }

  Outcome<Index*> Existing(std::string_view name) {
    Index* index = table_.FindIndex(name);
    if (index == nullptr || !index->global()) {
      return NotFound("Requested resource not found");
    }
    if (index->status != TableStatus::kActive) {
      return InUse(
          fmt::format("Attempt to change a resource which is still in use: Index is being {}: {}",
                      index->status == TableStatus::kCreating ? "created" : "deleted", name));
    }
    return index;
  }

  Verdict ChangeIndex(const Value& spec) {
    ASSIGN_OR_RETURN(Index* const index, Existing(spec.String("IndexName")));
    if (const Value* throughput = spec.Find("ProvisionedThroughput")) {
      RETURN_IF_ERROR(CheckBilling(table_.billing, throughput, index->name));
      const bool compare = !input_.Has("BillingMode") && !input_.Has("ProvisionedThroughput");
      RETURN_IF_ERROR(
          SetUnits(index->throughput, throughput, fmt::format("index {}", index->name), compare));
    }
    if (spec.Has("OnDemandThroughput")) {
      ASSIGN_OR_RETURN(index->on_demand,
                       LimitsFrom(spec.Find("OnDemandThroughput"), table_.billing));
    }
    if (const auto warm = WarmFrom(spec.Find("WarmThroughput"))) index->warm = *warm;
    index->status = TableStatus::kUpdating;
    return {};
  }

  Verdict DeleteIndex(const Value& spec) {
    ASSIGN_OR_RETURN(Index* const index, Existing(spec.String("IndexName")));
    index->status = TableStatus::kDeleting;
    deleted_ = index->name;
    return {};
  }

  Verdict Streams() {
    const Value* spec = input_.Find("StreamSpecification");
    if (spec == nullptr) return {};
    ASSIGN_OR_RETURN(const std::optional<StreamView> view, StreamFrom(spec));
    if (view && table_.stream() != nullptr) {
      return ValidationError(
          fmt::format("Table already has an enabled stream: TableName: {}", table_.name));
    }
    if (!view && table_.stream() == nullptr) {
      return ValidationError(
          fmt::format("Table is already not enabled for streams: TableName: {}", table_.name));
    }
    if (view) {
      StartStream(core_, table_, *view);
    } else {
      EndStream(core_, table_);
    }
    takes_a_while_ = true;
    return {};
  }

  Verdict Settings() {
    if (const Value* spec = input_.Find("SSESpecification")) {
      ASSIGN_OR_RETURN(table_.sse, EncryptionFrom(spec, core_.options));
      takes_a_while_ = true;
    }
    if (input_.Has("TableClass")) {
      table_.table_class = input_.String("TableClass");
      table_.table_class_given = true;
      table_.table_class_changed = core_.Now();
      takes_a_while_ = true;
    }
    table_.deletion_protection =
        input_.Flag("DeletionProtectionEnabled", table_.deletion_protection);
    return {};
  }

  Core& core_;
  const Value& input_;
  Table table_;
  bool takes_a_while_ = false;
  std::string created_;
  std::string deleted_;
};

Verdict Settle(Core& core, Table& table, Update& update) {
  if (update.takes_a_while()) update.table().status = TableStatus::kUpdating;
  RETURN_IF_ERROR(Save(core, update.table()));
  table = std::move(update.table());
  // New units count once the table is ACTIVE again; a stream that was asked for has begun.
  if (!update.created().empty()) {
    FillLater(core, table, update.created());
  } else if (!update.deleted().empty()) {
    RemoveIndexLater(core, table, update.deleted());
  } else if (update.takes_a_while()) {
    ActivateLater(core, table, TableStatus::kUpdating);
  }
  return {};
}

Verdict UpdateReplicas(Core& core, Table& table, const Value& input) {
  if (core.options.replicas == nullptr) {
    return ValidationError("This Region keeps no replicas: global tables are not served here");
  }
  return core.options.replicas->Update(table.name, input);
}

Outcome<Table*> ChangeTable(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(const Value input, Decoded(request));
  if (!AsksForAnything(input)) return ValidationError(std::string(kNothingAsked));
  ASSIGN_OR_RETURN(Table* const table, TableNamed(core, Text(request.body, "TableName")));
  RETURN_IF_ERROR(CheckNotBusy(*table));
  if (NamesReplicas(input)) {
    RETURN_IF_ERROR(UpdateReplicas(core, *table, input));
    return table;
  }
  if (core.options.replicas != nullptr) {
    RETURN_IF_ERROR(core.options.replicas->Allow("UpdateTable", table->name, input));
  }
  Update update(core, *table, input);
  RETURN_IF_ERROR(update.WorkOut());
  RETURN_IF_ERROR(Settle(core, *table, update));
  if (core.options.replicas != nullptr) {
    core.options.replicas->Settled("UpdateTable", table->name, input);
  }
  return table;
}

}  // namespace

WireAnswer UpdateTable(const Request& request) {
  const Outcome<Table*> changed = ChangeTable(request);
  if (!changed.ok()) return ErrorAnswer(changed.error());
  return Encoded(request,
                 Value::Struct({{"TableDescription", DescriptionOf(request.core, **changed)}}));
}

}  // namespace leeward::lab::tables
