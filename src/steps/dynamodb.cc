#include "steps/dynamodb.h"

#include "model/names.h"

namespace leeward::steps {
namespace {

constexpr char kCurrentVersion[] = "2019.11.21";

Table ReadTable(const Value& told) {
  Table table;
  table.arn = told.String("TableArn");
  table.status = told.String("TableStatus");
  table.version = told.String("GlobalTableVersion");
  table.strong = told.String("MultiRegionConsistency") == "STRONG";
  table.deletion_protection = told.Flag("DeletionProtectionEnabled", false);
  table.under_kms = told.Sub("SSEDescription").String("SSEType") == "KMS";
  if (told.Sub("StreamSpecification").Flag("StreamEnabled", false)) {
    table.stream_arn = told.String("LatestStreamArn");
    table.stream_view = told.Sub("StreamSpecification").String("StreamViewType");
  }
  for (const Value& replica : told.Items("Replicas")) {
    const Region region(std::string(replica.String("RegionName")));
    table.replicas[region] = replica.String("ReplicaStatus");
    if (replica.Has("ReplicaStatusDescription"))
      table.why[region] = replica.String("ReplicaStatusDescription");
  }
  for (const Value& witness : told.Items("GlobalTableWitnesses"))
    table.witnesses[Region(std::string(witness.String("RegionName")))] =
        witness.String("WitnessStatus");
  table.key = KeyOf(told);
  return table;
}

}  // namespace

Result<std::optional<Table>> DescribeTable(const Work& work, const Region& region,
                                           const std::string& name) {
  const auto answer =
      work.CallPatiently(region, "dynamodb", "DescribeTable", Value::Struct({{"TableName", name}}));
  if (!answer.ok() && answer.error().code() == base::ErrorCode::kNotFound)
    return std::optional<Table>();
  if (!answer.ok()) return answer.error();
  return std::optional<Table>(ReadTable(answer->Sub("Table")));
}

Result<Table> NeedTable(const Work& work, const Region& region, const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<Table> table, DescribeTable(work, region, name));
  if (!table) {
    return base::NotFound("there is no DynamoDB table '" + name + "' in " + region.str() +
                          "; check `table` in the spec");
  }
  return *std::move(table);
}

Result<Table> AwaitTable(const Work& work, const Region& region, const std::string& name) {
  std::string seen;
  return work.Await<Table>(
      Place(name, region) + " to be ACTIVE", work.ApiPace(), [&]() -> Result<std::optional<Table>> {
        ASSIGN_OR_RETURN(std::optional<Table> table, DescribeTable(work, region, name));
        const std::string now = table ? table->status : "not there yet";
        if (now != seen) work.Say(Place(name, region) + ": " + now);
        seen = now;
        if (table && now == "ACTIVE") return table;
        if (!table || now == "CREATING" || now == "UPDATING") return std::optional<Table>();
        return base::WrongState(Place(name, region) + " is " + now +
                                "; see to it in DynamoDB, then run the same command again");
      });
}

Status CheckFits(const model::Dynamodb& dynamodb, const Region& region, const Table& table) {
  const std::string place = Place(dynamodb.table, region);
  if (!table.version.empty() && table.version != kCurrentVersion) {
    return base::WrongState(place + " is a global table of version " + table.version +
                            ", which Leeward does not move; update it to " + kCurrentVersion +
                            " in the DynamoDB console (Global tables, Update version) first");
  }
  if (table.replicas.empty()) return base::Ok();
  const bool strong = dynamodb.consistency == model::Consistency::kStrong;
  if (strong == table.strong) return base::Ok();
  return base::WrongState(place + " is a global table with " +
                          (table.strong ? "strong" : "eventual") + " consistency, the spec says " +
                          std::string(model::Name(dynamodb.consistency)) +
                          "; AWS never changes that, so correct the spec or make another table");
}

Status CheckEmpty(const Work& work, const model::Dynamodb& dynamodb, const Region& region) {
  ASSIGN_OR_RETURN(
      const Value scanned,
      work.Call(region, "dynamodb", "Scan",
                Value::Struct({{"TableName", dynamodb.table}, {"Limit", 1}, {"Select", "COUNT"}})));
  if (scanned.Int("Count") == 0 && !scanned.Has("LastEvaluatedKey")) return base::Ok();
  return base::Refused(
      Place(dynamodb.table, region) +
      " has items, and AWS makes a strong global table from an empty table alone; write "
      "consistency: eventual, or copy the items into a new table that was made strong first");
}

ItemTable TableWith(const Work& work, const std::string& name, TableKey key, const Region& region,
                    base::Duration limit) {
  return {name, std::move(key),
          [&work, region, limit](std::string_view operation, const Value& input) {
            return work.CallFor(limit, region, "dynamodb", operation, input);
          }};
}

Result<ItemTable> TableIn(const Work& work, const model::Dynamodb& dynamodb, const Region& region,
                          base::Duration limit) {
  std::optional<TableKey> key = KeyOf(work.context().inventory, work.step().component, region);
  if (!key) {
    ASSIGN_OR_RETURN(const Table table, NeedTable(work, region, dynamodb.table));
    key = table.key;
  }
  return TableWith(work, dynamodb.table, *std::move(key), region, limit);
}

}  // namespace leeward::steps
