#include <utility>

#include "lab/tables/table.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

Value TimeOr(const std::optional<base::WallTime>& time) { return time ? Value(*time) : Value(); }
std::optional<base::WallTime> TimeAt(const Value& in, std::string_view name) {
  const Value* found = in.Find(name);
  if (found == nullptr || !found->is_time()) return std::nullopt;
  return found->time();
}
Value NumberOr(const std::optional<std::int64_t>& number) {
  return number ? Value(*number) : Value();
}
std::optional<std::int64_t> NumberAt(const Value& in, std::string_view name) {
  const Value* found = in.Find(name);
  if (found == nullptr || !found->is_int()) return std::nullopt;
  return found->integer();
}
// Value keeps no null in a structure apart from an absent member: so absent ones are left out.
void SetIf(Value& out, std::string_view name, Value value) {
  if (!value.is_null()) out.Set(name, std::move(value));
}

Value SaveUnits(const Units& units) {
  return Value::Struct({{"read", units.read}, {"write", units.write}});
}
Units ReadUnits(const Value& in) { return {in.Int("read"), in.Int("write")}; }

Value SaveThroughput(const Throughput& throughput) {
  Value out = SaveUnits(throughput.units);
  SetIf(out, "increased", TimeOr(throughput.increased));
  SetIf(out, "decreased", TimeOr(throughput.decreased));
  out.Set("decreases", throughput.decreases_today);
  return out;
}
Throughput ReadThroughput(const Value& in) {
  return {ReadUnits(in), TimeAt(in, "increased"), TimeAt(in, "decreased"), in.Int("decreases")};
}

Value SaveLimits(const OnDemandLimits& limits) {
  Value out = Value::Struct();
  SetIf(out, "read", NumberOr(limits.read));
  SetIf(out, "write", NumberOr(limits.write));
  return out;
}
OnDemandLimits ReadLimits(const Value& in) { return {NumberAt(in, "read"), NumberAt(in, "write")}; }

Value SavePart(const items::KeyPart& part) {
  return Value::Struct({{"name", part.name}, {"type", std::int64_t{static_cast<int>(part.type)}}});
}
items::KeyPart ReadPart(const Value& in) {
  return {std::string(in.String("name")), static_cast<items::Type>(in.Int("type"))};
}
Value SaveKeys(const items::KeySchema& keys) {
  Value out = Value::Struct({{"hash", SavePart(keys.hash)}});
  if (keys.range) out.Set("range", SavePart(*keys.range));
  return out;
}
items::KeySchema ReadKeys(const Value& in) {
  items::KeySchema keys{ReadPart(in.Sub("hash")), std::nullopt};
  if (in.Has("range")) keys.range = ReadPart(in.Sub("range"));
  return keys;
}

Value SaveIndex(const Index& index) {
  Value::List names;
  for (const std::string& name : index.projection.names) names.emplace_back(name);
  Value out = Value::Struct({{"name", index.name},
                             {"scope", std::int64_t{static_cast<int>(index.scope)}},
                             {"slot", std::int64_t{index.slot}},
                             {"keys", SaveKeys(index.keys)},
                             {"kind", std::int64_t{static_cast<int>(index.projection.kind)}},
                             {"names", Value(std::move(names))},
                             {"status", std::int64_t{static_cast<int>(index.status)}},
                             {"backfilling", index.backfilling},
                             {"filled_to", shapes::Blob{index.filled_to}},
                             {"throughput", SaveThroughput(index.throughput)},
                             {"on_demand", SaveLimits(index.on_demand)}});
  if (index.warm) out.Set("warm", SaveUnits(*index.warm));
  return out;
}
Index ReadIndex(const Value& in) {
  Index index;
  index.name = in.String("name");
  index.scope = static_cast<IndexScope>(in.Int("scope"));
  index.slot = static_cast<Slot>(in.Int("slot"));
  index.keys = ReadKeys(in.Sub("keys"));
  index.projection.kind = static_cast<ProjectionKind>(in.Int("kind"));
  for (const Value& name : in.Items("names")) index.projection.names.push_back(name.str());
  index.status = static_cast<TableStatus>(in.Int("status"));
  index.backfilling = in.Flag("backfilling", false);
  if (const Value* filled = in.Find("filled_to"); filled != nullptr && filled->is_blob()) {
    index.filled_to = filled->blob().bytes;
  }
  index.throughput = ReadThroughput(in.Sub("throughput"));
  index.on_demand = ReadLimits(in.Sub("on_demand"));
  if (in.Has("warm")) index.warm = ReadUnits(in.Sub("warm"));
  return index;
}

Value SaveStream(const Stream& stream) {
  Value out = Value::Struct({{"label", stream.label},
                             {"view", std::int64_t{static_cast<int>(stream.view)}},
                             {"created", stream.created},
                             {"first", static_cast<std::int64_t>(stream.first)}});
  if (stream.end) out.Set("end", static_cast<std::int64_t>(*stream.end));
  SetIf(out, "ended", TimeOr(stream.ended));
  return out;
}
Stream ReadStream(const Value& in) {
  Stream stream;
  stream.label = in.String("label");
  stream.view = static_cast<StreamView>(in.Int("view"));
  stream.created = TimeAt(in, "created").value_or(base::WallTime{});
  stream.first = static_cast<std::uint64_t>(in.Int("first"));
  if (const auto end = NumberAt(in, "end")) stream.end = static_cast<std::uint64_t>(*end);
  stream.ended = TimeAt(in, "ended");
  return stream;
}

template <typename T, typename Save>
Value SaveAll(const std::vector<T>& all, Save save) {
  Value::List out;
  for (const T& each : all) out.push_back(save(each));
  return Value(std::move(out));
}

void SaveSettings(const Table& table, Value& out) {
  out.Set("table_class", table.table_class);
  out.Set("table_class_given", table.table_class_given);
  SetIf(out, "table_class_changed", TimeOr(table.table_class_changed));
  out.Set("deletion_protection", table.deletion_protection);
  SetIf(out, "sse", table.sse);
  Value::List tags;
  for (const auto& [key, value] : table.tags) {
    tags.push_back(Value::Struct({{"key", key}, {"value", value}}));
  }
  out.Set("tags", Value(std::move(tags)));
  out.Set("policy", table.policy);
  out.Set("policy_revision", table.policy_revision);
  out.Set("stream_policy", table.stream_policy);
  out.Set("stream_policy_revision", table.stream_policy_revision);
  out.Set("streams", SaveAll(table.streams, SaveStream));
  Value ttl = Value::Struct({{"status", std::int64_t{static_cast<int>(table.ttl.status)}},
                             {"attribute", table.ttl.attribute}});
  SetIf(ttl, "changed", TimeOr(table.ttl.changed));
  out.Set("ttl", std::move(ttl));
  out.Set("pitr", Value::Struct({{"enabled", table.point_in_time.enabled},
                                 {"days", table.point_in_time.days},
                                 {"since", table.point_in_time.since}}));
  SetIf(out, "restore", table.restore);
  SetIf(out, "replication", table.replication);
  out.Set("replicated", table.replicated);
}

void ReadSettings(const Value& in, Table& table) {
  table.table_class = in.String("table_class");
  table.table_class_given = in.Flag("table_class_given", false);
  table.table_class_changed = TimeAt(in, "table_class_changed");
  table.deletion_protection = in.Flag("deletion_protection", false);
  table.sse = in.Sub("sse");
  for (const Value& tag : in.Items("tags")) {
    table.tags.emplace_back(tag.String("key"), tag.String("value"));
  }
  table.policy = in.String("policy");
  table.policy_revision = in.String("policy_revision");
  table.stream_policy = in.String("stream_policy");
  table.stream_policy_revision = in.String("stream_policy_revision");
  for (const Value& stream : in.Items("streams")) table.streams.push_back(ReadStream(stream));
  const Value& ttl = in.Sub("ttl");
  table.ttl = {static_cast<TimeToLive::Status>(ttl.Int("status")),
               std::string(ttl.String("attribute")), TimeAt(ttl, "changed")};
  const Value& pitr = in.Sub("pitr");
  table.point_in_time = {pitr.Flag("enabled", false), pitr.Int("days", 35),
                         TimeAt(pitr, "since").value_or(base::WallTime{})};
  table.restore = in.Sub("restore");
  table.replication = in.Sub("replication");
  table.replicated = in.Flag("replicated", false);
}

}  // namespace

std::string_view Name(TableStatus status) {
  switch (status) {
    case TableStatus::kCreating:
      return "CREATING";
    case TableStatus::kUpdating:
      return "UPDATING";
    case TableStatus::kDeleting:
      return "DELETING";
    case TableStatus::kActive:
      return "ACTIVE";
  }
  CHECK_NEVER("a status of no name");
}

std::string_view Name(StreamView view) {
  switch (view) {
    case StreamView::kNewImage:
      return "NEW_IMAGE";
    case StreamView::kOldImage:
      return "OLD_IMAGE";
    case StreamView::kNewAndOldImages:
      return "NEW_AND_OLD_IMAGES";
    case StreamView::kKeysOnly:
      return "KEYS_ONLY";
  }
  CHECK_NEVER("a view of no name");
}

std::string SavedTable(const Table& table) {
  Value out = Value::Struct({{"name", table.name},
                             {"id", table.id},
                             {"number", std::int64_t{table.number}},
                             {"status", std::int64_t{static_cast<int>(table.status)}},
                             {"created", table.created},
                             {"attributes", SaveAll(table.attributes, SavePart)},
                             {"keys", SaveKeys(table.keys)},
                             {"indexes", SaveAll(table.indexes, SaveIndex)},
                             {"billing", std::int64_t{static_cast<int>(table.billing)}},
                             {"throughput", SaveThroughput(table.throughput)},
                             {"on_demand", SaveLimits(table.on_demand)},
                             {"next_slot", std::int64_t{table.next_slot}},
                             {"trimmed", static_cast<std::int64_t>(table.trimmed)},
                             {"released", static_cast<std::int64_t>(table.released)}});
  SetIf(out, "on_demand_since", TimeOr(table.on_demand_since));
  if (table.warm) out.Set("warm", SaveUnits(*table.warm));
  SaveSettings(table, out);
  return shapes::ToJson(out);
}

base::Result<Table> TableFromSaved(std::string_view saved) {
  auto parsed = shapes::FromJson(saved);
  if (!parsed.ok()) return base::Corrupt("a table's description: " + parsed.error().message());
  const Value& in = *parsed;
  Table table;
  table.name = in.String("name");
  table.id = in.String("id");
  table.number = static_cast<TableNumber>(in.Int("number"));
  table.status = static_cast<TableStatus>(in.Int("status"));
  table.created = TimeAt(in, "created").value_or(base::WallTime{});
  for (const Value& part : in.Items("attributes")) table.attributes.push_back(ReadPart(part));
  table.keys = ReadKeys(in.Sub("keys"));
  for (const Value& index : in.Items("indexes")) table.indexes.push_back(ReadIndex(index));
  table.billing = static_cast<BillingMode>(in.Int("billing"));
  table.on_demand_since = TimeAt(in, "on_demand_since");
  table.throughput = ReadThroughput(in.Sub("throughput"));
  table.on_demand = ReadLimits(in.Sub("on_demand"));
  if (in.Has("warm")) table.warm = ReadUnits(in.Sub("warm"));
  table.next_slot = static_cast<Slot>(in.Int("next_slot", 1));
  table.trimmed = static_cast<std::uint64_t>(in.Int("trimmed"));
  table.released = static_cast<std::uint64_t>(in.Int("released"));
  ReadSettings(in, table);
  if (table.name.empty() || table.keys.hash.name.empty()) {
    return base::Corrupt("a table's description has no name or no key");
  }
  return table;
}

}  // namespace leeward::lab::tables
