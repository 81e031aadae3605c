#include "lab/tables/describe_table.h"

#include <utility>

#include "lab/tables/handlers.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

// What an on-demand table can take at once from the start.
constexpr Units kWarmOnDemand = {12000, 4000};

Value LimitsOf(const OnDemandLimits& limits) {
  if (!limits.read && !limits.write) return Value();
  Value out = Value::Struct();
  if (limits.read) out.Set("MaxReadRequestUnits", *limits.read);
  if (limits.write) out.Set("MaxWriteRequestUnits", *limits.write);
  return out;
}

Value WarmOf(const Table& table, const std::optional<Units>& given, const Units& provisioned,
             TableStatus status) {
  const Units units = given ? *given : (table.on_demand_billing() ? kWarmOnDemand : provisioned);
  return Value::Struct({{"ReadUnitsPerSecond", units.read},
                        {"WriteUnitsPerSecond", units.write},
                        {"Status", std::string(Name(status))}});
}

Value IndexOf(const Core& core, const Table& table, const Index& index) {
  Value out = Value::Struct({{"IndexName", index.name},
                             {"KeySchema", SchemaOf(index.keys)},
                             {"Projection", ProjectionOf(index.projection)}});
  if (index.global()) {
    out.Set("IndexStatus", std::string(Name(index.status)));
    if (index.status == TableStatus::kCreating) {
      out.Set("Backfilling", index.backfilling && table.status == TableStatus::kActive);
    }
    out.Set("ProvisionedThroughput", ThroughputOf(index.throughput));
    if (Value limits = LimitsOf(index.on_demand); !limits.is_null()) {
      out.Set("OnDemandThroughput", std::move(limits));
    }
    out.Set("WarmThroughput", WarmOf(table, index.warm, index.throughput.units, index.status));
  }
  out.Set("IndexSizeBytes", index.extent.bytes);
  out.Set("ItemCount", index.extent.items);
  out.Set("IndexArn", TableArn(core, table.name) + "/index/" + index.name);
  return out;
}

void AddIndexes(const Core& core, const Table& table, Value& out) {
  Value::List local;
  Value::List global;
  for (const Index& index : table.indexes) {
    (index.global() ? global : local).push_back(IndexOf(core, table, index));
  }
  if (!local.empty()) out.Set("LocalSecondaryIndexes", Value(std::move(local)));
  if (!global.empty()) out.Set("GlobalSecondaryIndexes", Value(std::move(global)));
}

void AddStream(const Core& core, const Table& table, Value& out) {
  if (const Stream* stream = table.stream()) {
    out.Set("StreamSpecification",
            Value::Struct(
                {{"StreamEnabled", true}, {"StreamViewType", std::string(Name(stream->view))}}));
  }
  if (table.streams.empty()) return;
  // The latest one's name stays for as long as it can be read.
  const Stream& latest = table.streams.back();
  out.Set("LatestStreamLabel", latest.label);
  out.Set("LatestStreamArn", StreamArn(core, table.name, latest));
}

void AddBilling(const Table& table, Value& out) {
  if (table.on_demand_since) {
    Value summary = Value::Struct(
        {{"BillingMode", table.on_demand_billing() ? "PAY_PER_REQUEST" : "PROVISIONED"}});
    summary.Set("LastUpdateToPayPerRequestDateTime", *table.on_demand_since);
    out.Set("BillingModeSummary", std::move(summary));
  }
  if (Value limits = LimitsOf(table.on_demand); !limits.is_null()) {
    out.Set("OnDemandThroughput", std::move(limits));
  }
  const TableStatus status =
      table.status == TableStatus::kActive ? TableStatus::kActive : TableStatus::kUpdating;
  out.Set("WarmThroughput", WarmOf(table, table.warm, table.throughput.units, status));
}

}  // namespace

Value SchemaOf(const items::KeySchema& keys) {
  Value::List out;
  out.push_back(Value::Struct({{"AttributeName", keys.hash.name}, {"KeyType", "HASH"}}));
  if (keys.range) {
    out.push_back(Value::Struct({{"AttributeName", keys.range->name}, {"KeyType", "RANGE"}}));
  }
  return Value(std::move(out));
}

Value ProjectionOf(const IndexProjection& projection) {
  switch (projection.kind) {
    case ProjectionKind::kAll:
      return Value::Struct({{"ProjectionType", "ALL"}});
    case ProjectionKind::kKeysOnly:
      return Value::Struct({{"ProjectionType", "KEYS_ONLY"}});
    case ProjectionKind::kInclude:
      break;
  }
  Value::List names;
  for (const std::string& name : projection.names) names.emplace_back(name);
  return Value::Struct(
      {{"ProjectionType", "INCLUDE"}, {"NonKeyAttributes", Value(std::move(names))}});
}

Value ThroughputOf(const Throughput& throughput) {
  Value out = Value::Struct();
  if (throughput.increased) out.Set("LastIncreaseDateTime", *throughput.increased);
  if (throughput.decreased) out.Set("LastDecreaseDateTime", *throughput.decreased);
  out.Set("NumberOfDecreasesToday", throughput.decreases_today);
  out.Set("ReadCapacityUnits", throughput.units.read);
  out.Set("WriteCapacityUnits", throughput.units.write);
  return out;
}

Value AttributesOf(const Table& table) {
  Value::List out;
  for (const items::KeyPart& part : table.attributes) {
    out.push_back(Value::Struct(
        {{"AttributeName", part.name}, {"AttributeType", std::string(items::Name(part.type))}}));
  }
  return Value(std::move(out));
}

Value DescriptionOf(const Core& core, const Table& table) {
  Value out = Value::Struct({{"AttributeDefinitions", AttributesOf(table)},
                             {"TableName", table.name},
                             {"KeySchema", SchemaOf(table.keys)},
                             {"TableStatus", std::string(Name(table.status))},
                             {"CreationDateTime", table.created},
                             {"ProvisionedThroughput", ThroughputOf(table.throughput)},
                             {"TableSizeBytes", table.extent.bytes},
                             {"ItemCount", table.extent.items},
                             {"TableArn", TableArn(core, table.name)},
                             {"TableId", table.id}});
  AddBilling(table, out);
  AddIndexes(core, table, out);
  AddStream(core, table, out);
  if (!table.sse.is_null()) out.Set("SSEDescription", table.sse);
  if (!table.restore.is_null()) out.Set("RestoreSummary", table.restore);
  if (table.table_class_given) {
    Value summary = Value::Struct({{"TableClass", table.table_class}});
    if (table.table_class_changed) summary.Set("LastUpdateDateTime", *table.table_class_changed);
    out.Set("TableClassSummary", std::move(summary));
  }
  out.Set("DeletionProtectionEnabled", table.deletion_protection);
  if (table.replication.is_members()) {
    for (const auto& [name, value] : table.replication.members()) out.Set(name, value);
  }
  return out;
}

WireAnswer DescribeTable(const Request& request) {
  const auto table = TableNamed(request.core, Text(request.body, "TableName"));
  if (!table.ok()) return ErrorAnswer(table.error());
  return Encoded(request, Value::Struct({{"Table", DescriptionOf(request.core, **table)}}));
}

}  // namespace leeward::lab::tables
