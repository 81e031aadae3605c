#include "store/dynamodb.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <set>
#include <utility>

#include "store/limits.h"

namespace leeward::store {
namespace {

using base::MonotonicTime;
using ports::SharedEntry;
using shapes::Value;

constexpr std::size_t kFewestRegions = 2, kMostRegions = 3;
constexpr char kSpace[] = "leeward";  // the partition that all keys are in
constexpr char kConditionFailed[] = "ConditionalCheckFailedException";
constexpr base::Duration kLeast = std::chrono::milliseconds(1);

Value Text(std::string_view text) { return Value::Struct({{"S", text}}); }
Value Number(std::uint64_t number) { return Value::Struct({{"N", std::to_string(number)}}); }
Value KeyOf(std::string_view key) {
  return Value::Struct({{"space", Text(kSpace)}, {"key", Text(key)}});
}

// Also of an entry that was removed: its revision goes on when the key comes back.
std::optional<std::uint64_t> RevisionOf(const Value& item) {
  const std::string_view text = item.Sub("revision").String("N");
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

class DynamoDbStore : public ports::SharedStore {
 public:
  DynamoDbStore(DynamoDbOptions options, aws::Client& client, const ports::Clock& clock)
      : options_(std::move(options)), client_(client), clock_(clock) {}

  base::Result<std::optional<SharedEntry>> Get(std::string_view key,
                                               MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckKey(key));
    ASSIGN_OR_RETURN(
        const Value answer,
        Call("GetItem", Value::Struct({{"Key", KeyOf(key)}, {"ConsistentRead", true}}), deadline));
    const Value* item = answer.Find("Item");
    if (item == nullptr || item->Has("gone")) return std::optional<SharedEntry>();
    ASSIGN_OR_RETURN(SharedEntry entry, EntryOf(*item));
    return std::optional(std::move(entry));
  }

  base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                  std::uint64_t expected, MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckEntry(key, value));
    Value values = Value::Struct({{":one", Number(1)}, {":none", Number(0)}});
    values.Set(":value", Value::Struct({{"B", shapes::Blob{std::string(value)}}}));
    return Change(key, expected,
                  "SET #value = :value, #revision = if_not_exists(#revision, :none) + :one "
                  "REMOVE #gone",
                  std::move(values), deadline);
  }

  base::Result<std::vector<SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                              MonotonicTime deadline) override;

  // What is left is the key and its revision, so that no revision comes back.
  base::Status Remove(std::string_view key, std::uint64_t expected,
                      MonotonicTime deadline) override {
    RETURN_IF_ERROR(CheckEntry(key, ""));
    if (expected == ports::kAbsent) return NotAt(key, expected);
    Value values = Value::Struct({{":one", Number(1)}});
    values.Set(":gone", Value::Struct({{"BOOL", true}}));
    const auto removed =
        Change(key, expected, "SET #gone = :gone, #revision = #revision + :one REMOVE #value",
               std::move(values), deadline);
    return removed.ok() ? base::Ok() : base::Status(removed.error());
  }

 private:
  base::Result<std::uint64_t> Change(std::string_view key, std::uint64_t expected,
                                     const char* update, Value values, MonotonicTime deadline);
  base::Result<Value> Call(const char* operation, Value input, MonotonicTime deadline);
  base::Result<Value> Ask(const model::Region& region, const char* operation, const Value& input,
                          base::Duration share);
  base::Status CheckTable(const model::Region& region, base::Duration share);
  base::Result<SharedEntry> EntryOf(const Value& item) const;

  static base::Error NotAt(std::string_view key, std::uint64_t expected) {
    return base::WrongState("'" + std::string(key) + "' is not at revision " +
                            std::to_string(expected));
  }
  // What moved the revision may have been this very change.
  base::Error MayBeOurs() const {
    return base::Unreachable("it may have been changed in " + Named() +
                             " through a Region that did not answer");
  }
  std::string Named() const { return "DynamoDB table '" + options_.table + "'"; }

  const DynamoDbOptions options_;
  aws::Client& client_;
  const ports::Clock& clock_;
  std::atomic<std::size_t> preferred_{0};  // the Region to ask first: the one that answered last
  std::atomic<bool> checked_{false};
};

// Why the table must not be used; empty: it may.
std::string WrongWith(const Value& table, const std::vector<model::Region>& regions,
                      const model::Region& asked) {
  const std::string_view consistency = table.String("MultiRegionConsistency");
  if (table.Items("Replicas").empty()) {
    return "is in one Region and is lost with it; make it a global table with "
           "MultiRegionConsistency=STRONG";
  }
  if (consistency != "STRONG") {
    return "has MultiRegionConsistency=" +
           std::string(consistency.empty() ? "EVENTUAL" : consistency) +
           ": its conditions hold in one Region only, and two could take the same lease; it has to "
           "be STRONG, which a table gets when its replicas are made";
  }
  std::set<std::string> replicas = {asked.str()};
  for (const Value& replica : table.Items("Replicas")) {
    replicas.insert(std::string(replica.String("RegionName")));
  }
  for (const model::Region& region : regions) {
    if (!replicas.contains(region.str())) return "has no replica in " + region.str();
  }
  bool keyed = table.Items("KeySchema").size() == 2;
  for (const Value& key : table.Items("KeySchema")) {
    const bool hash = key.String("KeyType") == "HASH";
    keyed = keyed && key.String("AttributeName") == (hash ? "space" : "key");
  }
  if (!keyed) return "has other keys: the partition key is 'space' and the sort key 'key', texts";
  return "";
}

base::Status DynamoDbStore::CheckTable(const model::Region& region, base::Duration share) {
  if (checked_) return base::Ok();
  ASSIGN_OR_RETURN(const Value answer, Ask(region, "DescribeTable",
                                           Value::Struct({{"TableName", options_.table}}), share));
  const std::string wrong = WrongWith(answer.Sub("Table"), options_.regions, region);
  if (!wrong.empty()) return base::Invalid(Named() + " " + wrong);
  checked_ = true;
  return base::Ok();
}

// Once only: whether a lost answer's change happened is for the caller to find out, and a second
// try would be refused by the first.
base::Result<Value> DynamoDbStore::Ask(const model::Region& region, const char* operation,
                                       const Value& input, base::Duration share) {
  aws::CallOptions call;
  call.region = region.str();
  call.deadline = call.connect_timeout = call.attempt_timeout = share;
  call.max_attempts = 1;
  return client_.Call("dynamodb", operation, input, call);
}

// Asks one Region after the other until one answers or the deadline is there. Each gets half of the
// time that is left, the last all of it: a write needs the word of a second Region, twice, so that
// an even share may be too short for all of them. Where nobody answered, the next call begins with
// another.
base::Result<Value> DynamoDbStore::Call(const char* operation, Value input,
                                        MonotonicTime deadline) {
  input.Set("TableName", options_.table);
  const std::size_t first = preferred_.load(), count = options_.regions.size();
  base::Error last = base::Unreachable("no time left for " + Named());
  bool sent = false;
  std::size_t tried = 0;
  for (; tried < count; ++tried) {
    const std::size_t index = (first + tried) % count;
    const model::Region& region = options_.regions[index];
    const auto left = [&] { return deadline - clock_.Monotonic(); };
    const auto share = [&] { return tried + 1 < count ? left() / 2 : left(); };
    if (left() < kLeast) break;
    const base::Status usable = CheckTable(region, share());
    base::Result<Value> answer = usable.ok()
                                     ? Ask(region, operation, input, std::max(share(), kLeast))
                                     : base::Result<Value>(usable.error());
    if (answer.ok()) {
      preferred_.store(index);
      return answer;
    }
    last = std::move(answer).error();
    const base::ErrorCode code = last.code();
    const bool elsewhere = code == base::ErrorCode::kUnreachable ||
                           code == base::ErrorCode::kService || code == base::ErrorCode::kThrottled;
    // Another Region would say the same.
    if (!elsewhere) {
      return sent && last.service_code() == kConditionFailed ? MayBeOurs() : std::move(last);
    }
    sent = sent || usable.ok();
  }
  if (tried > 0) preferred_.store((first + 1) % count);
  return base::Unreachable("no Region of " + Named() +
                           " answered in time; the last: " + last.message());
}

base::Result<std::uint64_t> DynamoDbStore::Change(std::string_view key, std::uint64_t expected,
                                                  const char* update, Value values,
                                                  MonotonicTime deadline) {
  std::string condition = "attribute_not_exists(#revision) OR attribute_exists(#gone)";
  if (expected != ports::kAbsent) {
    condition = "#revision = :expected AND attribute_not_exists(#gone)";
    values.Set(":expected", Number(expected));
  }
  const base::Result<Value> answer = Call(
      "UpdateItem",
      Value::Struct(
          {{"Key", KeyOf(key)},
           {"UpdateExpression", update},
           {"ConditionExpression", condition},
           {"ExpressionAttributeNames",
            Value::Struct({{"#value", "value"}, {"#revision", "revision"}, {"#gone", "gone"}})},
           {"ExpressionAttributeValues", std::move(values)},
           {"ReturnValues", "UPDATED_NEW"}}),
      deadline);
  if (answer.ok()) {
    const auto revision = RevisionOf(answer->Sub("Attributes"));
    if (!revision) return base::ServiceBroken(Named() + " told no revision");
    return *revision;
  }
  const base::Error& error = answer.error();
  if (error.service_code() == "ReplicatedWriteConflictException") {
    return base::Unreachable("'" + std::string(key) + "' is being changed in another Region");
  }
  return error.service_code() == kConditionFailed ? NotAt(key, expected) : error;
}

base::Result<SharedEntry> DynamoDbStore::EntryOf(const Value& item) const {
  const auto revision = RevisionOf(item);
  const Value* value = item.Sub("value").Find("B");
  if (!revision || value == nullptr || !value->is_blob()) {
    return base::Corrupt(Named() + " has an item that Leeward did not write");
  }
  return SharedEntry{std::string(item.Sub("key").String("S")), value->blob().bytes, *revision};
}

base::Result<std::vector<SharedEntry>> DynamoDbStore::List(std::string_view prefix,
                                                           std::size_t limit,
                                                           MonotonicTime deadline) {
  RETURN_IF_ERROR(CheckLimit(limit));
  Value names = Value::Struct({{"#space", "space"}});
  Value values = Value::Struct({{":space", Text(kSpace)}});
  std::string condition = "#space = :space";
  if (!prefix.empty()) {
    names.Set("#key", "key");
    values.Set(":prefix", Text(prefix));
    condition += " AND begins_with(#key, :prefix)";
  }
  Value input = Value::Struct({{"KeyConditionExpression", condition},
                               {"ExpressionAttributeNames", std::move(names)},
                               {"ExpressionAttributeValues", std::move(values)},
                               {"ConsistentRead", true}});
  std::vector<SharedEntry> entries;
  while (true) {
    ASSIGN_OR_RETURN(const Value answer, Call("Query", input, deadline));
    for (const Value& item : answer.Items("Items")) {
      if (item.Has("gone")) continue;
      ASSIGN_OR_RETURN(SharedEntry entry, EntryOf(item));
      entries.push_back(std::move(entry));
      if (entries.size() == limit) return entries;
    }
    const Value* next = answer.Find("LastEvaluatedKey");
    if (next == nullptr) return entries;
    input.Set("ExclusiveStartKey", *next);
  }
}

}  // namespace

base::Result<std::unique_ptr<ports::SharedStore>> OpenDynamoDb(const DynamoDbOptions& options,
                                                               aws::Client& client,
                                                               const ports::Clock& clock) {
  const std::size_t regions = options.regions.size();
  if (options.table.empty() || regions < kFewestRegions || regions > kMostRegions) {
    return base::Invalid("a DynamoDB store needs a table and 2 or 3 Regions with a replica of it");
  }
  return std::unique_ptr<ports::SharedStore>(
      std::make_unique<DynamoDbStore>(options, client, clock));
}

}  // namespace leeward::store
