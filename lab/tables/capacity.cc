#include "lab/tables/capacity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "lab/items/json.h"

namespace leeward::lab::tables {
namespace {

constexpr double kReadUnit = 4096;

enum class Use { kRead, kWrite };

ApiError Exceeded(const Core& core, const Table& table, const Index* index, Use use) {
  const bool demand = table.on_demand_billing();
  std::string resource = TableArn(core, table.name);
  if (index != nullptr) resource += "/index/" + index->name;
  const std::string reason = fmt::format(
      "{}{}{}", index == nullptr ? "Table" : "Index", use == Use::kRead ? "Read" : "Write",
      demand ? "MaxOnDemandThroughputExceeded" : "ProvisionedThroughputExceeded");
  shapes::Value::List reasons = {
      shapes::Value::Struct({{"reason", reason}, {"resource", resource}})};
  core.Publish(use == Use::kRead ? "ReadThrottleEvents" : "WriteThrottleEvents", table.name,
               "Count", 1);
  if (demand) {
    return {"ThrottlingException",
            fmt::format("Throughput exceeds the maximum OnDemandThroughput configured on table or "
                        "index: {}",
                        resource),
            400, shapes::Value::Struct({{"throttlingReasons", shapes::Value(std::move(reasons))}})};
  }
  const std::string_view message =
      index == nullptr
          ? "The level of configured provisioned throughput for the table was exceeded. Consider "
            "increasing your provisioning level with the UpdateTable API."
          : "The level of configured provisioned throughput for one or more global secondary "
            "indexes of the table was exceeded. Consider increasing your provisioning level for "
            "the under-provisioned global secondary indexes with the UpdateTable API";
  return {"ProvisionedThroughputExceededException", std::string(message), 400,
          shapes::Value::Struct({{"ThrottlingReasons", shapes::Value(std::move(reasons))}})};
}

void AppendUnits(Meter::Form form, double read, double write, std::string& out) {
  fmt::format_to(std::back_inserter(out), R"("CapacityUnits":{:.1f})", read + write);
  if (form == Meter::Form::kPlain) return;
  if (read > 0) fmt::format_to(std::back_inserter(out), R"(,"ReadCapacityUnits":{:.1f})", read);
  if (write > 0) fmt::format_to(std::back_inserter(out), R"(,"WriteCapacityUnits":{:.1f})", write);
}

}  // namespace

double ReadUnits(std::uint64_t bytes, Consistency consistency) {
  const double blocks = std::max(1.0, std::ceil(static_cast<double>(bytes) / kReadUnit));
  return consistency == Consistency::kStrong ? blocks : blocks / 2;
}

Shown ShownBy(const Json& body) {
  const std::string_view shown = Text(body, "ReturnConsumedCapacity");
  if (shown == "TOTAL") return Shown::kTotal;
  return shown == "INDEXES" ? Shown::kIndexes : Shown::kNone;
}

void Meter::Add(const Index& index, double read, double write) {
  for (Part& part : parts_) {
    if (part.index->name != index.name) continue;
    part.read += read;
    part.write += write;
    return;
  }
  parts_.push_back({&index, read, write});
}

void Meter::Wrote(const WriteCost& cost, double factor) {
  table_write_ += cost.table * factor;
  for (const IndexCost& part : cost.indexes) Add(*part.index, 0, part.units * factor);
}

double Meter::total() const {
  double total = table_read_ + table_write_;
  for (const Part& part : parts_) total += part.read + part.write;
  return total;
}

void Meter::Charge() const {
  table_->reads.Take(table_read_);
  table_->writes.Take(table_write_);
  table_->consumed_read += table_read_;
  table_->consumed_write += table_write_;
  for (const Part& part : parts_) {
    // A local index shares what its table has.
    Index* own = part.index->global() ? table_->FindIndex(part.index->name) : nullptr;
    (own == nullptr ? table_->reads : own->reads).Take(part.read);
    (own == nullptr ? table_->writes : own->writes).Take(part.write);
  }
}

void Meter::AppendParts(IndexScope scope, Form form, std::string_view name,
                        std::string& out) const {
  bool first = true;
  for (const Part& part : parts_) {
    if (part.index->scope != scope) continue;
    out += first ? fmt::format(R"(,"{}":{{)", name) : ",";
    first = false;
    items::AppendJsonString(part.index->name, out);
    out += ":{";
    AppendUnits(form, part.read, part.write, out);
    out += '}';
  }
  if (!first) out += '}';
}

void Meter::Append(Shown shown, Form form, std::string& out) const {
  double read = table_read_;
  double write = table_write_;
  for (const Part& part : parts_) {
    read += part.read;
    write += part.write;
  }
  out += R"({"TableName":)";
  items::AppendJsonString(given_, out);
  out += ',';
  AppendUnits(form, read, write, out);
  if (shown == Shown::kIndexes) {
    out += R"(,"Table":{)";
    AppendUnits(form, table_read_, table_write_, out);
    out += '}';
    AppendParts(IndexScope::kLocal, form, "LocalSecondaryIndexes", out);
    AppendParts(IndexScope::kGlobal, form, "GlobalSecondaryIndexes", out);
  }
  out += '}';
}

Verdict AdmitRead(const Core& core, Table& table, Index* index) {
  const bool own = index != nullptr && index->global();
  Bucket& bucket = own ? index->reads : table.reads;
  if (!bucket.limited() || bucket.Open(core.Now())) return {};
  return Exceeded(core, table, own ? index : nullptr, Use::kRead);
}

Verdict AdmitWrite(const Core& core, Table& table) {
  if (!table.writes.limited() || table.writes.Open(core.Now())) return {};
  return Exceeded(core, table, nullptr, Use::kWrite);
}

Verdict AdmitIndexes(const Core& core, Table& table, const WriteCost& cost) {
  for (const IndexCost& part : cost.indexes) {
    if (!part.index->global()) continue;
    Index* index = table.FindIndex(part.index->name);
    if (index->writes.limited() && !index->writes.Open(core.Now())) {
      return Exceeded(core, table, index, Use::kWrite);
    }
  }
  return {};
}

void AppendConsumed(Shown shown, const Meter& meter, std::string& out) {
  if (shown == Shown::kNone) return;
  out += R"(,"ConsumedCapacity":)";
  meter.Append(shown, Meter::Form::kPlain, out);
}

bool ShowsCollection(const Json& body, const Table& table) {
  if (Text(body, "ReturnItemCollectionMetrics") != "SIZE") return false;
  return std::any_of(table.indexes.begin(), table.indexes.end(),
                     [](const Index& index) { return !index.global(); });
}

void AppendCollection(const Table& table, const items::Item& key, std::string& out) {
  const items::Attribute* hash = key.Find(table.keys.hash.name);
  CHECK(hash != nullptr);
  out += R"({"ItemCollectionKey":{)";
  items::AppendJsonString(table.keys.hash.name, out);
  out += ':';
  items::AppendJson(*hash, out);
  out += R"(},"SizeEstimateRangeGB":[0.0,1.0]})";
}

}  // namespace leeward::lab::tables
