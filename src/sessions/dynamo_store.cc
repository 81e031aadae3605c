#include "sessions/dynamo_store.h"

#include <fmt/format.h>

#include <charconv>

#include "aws/retry.h"
#include "session/record_json.h"

namespace leeward::sessions {
namespace {

using shapes::Value;

constexpr char kRevoked[] = "revoked";
constexpr char kData[] = "data";
constexpr char kDocuments[] = "documents";
// TTL deletes "typically within a few days"; what is over is known by its own times.
constexpr base::Duration kAfterEnd = std::chrono::hours(1);
constexpr char kCursorBreak = '\n';  // in no key of ours
constexpr std::int64_t kMillisPerSecond = 1000;

Value Text(std::string text) { return Value::Struct({{"S", std::move(text)}}); }
Value Number(std::uint64_t number) { return Value::Struct({{"N", std::to_string(number)}}); }

std::string SessionPartition(const session::Handle& handle) { return "s#" + handle.str(); }

// Sorts as time does until the year 2286.
std::string MillisKey(base::WallTime time) {
  return fmt::format("{:013}", session::MillisOf(time));
}

Value Item(std::string partition, std::string sort, std::string record, base::WallTime until) {
  const std::int64_t seconds = session::MillisOf(until + kAfterEnd) / kMillisPerSecond;
  return Value::Struct({{"PK", Text(std::move(partition))},
                        {"SK", Text(std::move(sort))},
                        {"record", Text(std::move(record))},
                        {"expires", Number(static_cast<std::uint64_t>(seconds))}});
}

std::string_view TextIn(const Value& item, std::string_view name) {
  return item.Sub(name).String("S");
}

base::Result<std::uint64_t> VersionIn(const Value& item) {
  const std::string_view text = item.Sub("version").String("N");
  std::uint64_t version = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || rest != text.data() + text.size() || version == kNoVersion)
    return base::Corrupt("a session's item has no version; does something else write this table?");
  return version;
}

bool LostTheCondition(const base::Error& error) {
  return error.service_code() == "ConditionalCheckFailedException";
}

Value Put(const Value& item) {
  return Value::Struct({{"PutRequest", Value::Struct({{"Item", item}})}});
}

}  // namespace

DynamoStore::DynamoStore(DynamoStoreOptions options, aws::Client& client, const ports::Clock& clock,
                         ports::Random& random)
    : options_(std::move(options)), client_(client), clock_(clock), random_(random) {}

base::Result<Value> DynamoStore::Call(const char* operation, const Value& input,
                                      base::MonotonicTime deadline) {
  const base::Duration left = deadline - clock_.Monotonic();
  if (left <= base::Duration{0})
    return base::Unreachable("no time is left to ask table " + options_.table);
  aws::CallOptions options;
  options.region = options_.region;
  options.deadline = left;
  options.connect_timeout = options.attempt_timeout = std::min(left, options_.attempt);
  options.source_address = options_.source_address;
  return client_.Call("dynamodb", operation, input, options);
}

base::Result<Value::List> DynamoStore::Query(const std::string& partition, const std::string& after,
                                             std::size_t limit, base::MonotonicTime deadline) {
  // What is over is gone, whenever TTL comes to it: until then it would count against the limit.
  const auto now = static_cast<std::uint64_t>(session::MillisOf(clock_.Now()) / kMillisPerSecond);
  Value values = Value::Struct({{":p", Text(partition)}, {":now", Number(now)}});
  std::string condition = "PK = :p";
  if (!after.empty()) {
    condition += " AND SK >= :a";
    values.Set(":a", Text(after));
  }
  Value input = Value::Struct({{"TableName", options_.table},
                               {"ConsistentRead", true},
                               {"KeyConditionExpression", condition},
                               {"FilterExpression", "expires > :now"},
                               {"ExpressionAttributeValues", values}});
  Value::List items;
  while (true) {
    ASSIGN_OR_RETURN(const Value answer, Call("Query", input, deadline));
    for (const Value& item : answer.Items("Items")) items.push_back(item);
    if (items.size() > limit)
      return base::Exhausted(
          fmt::format("table {} has more than {} items of {}", options_.table, limit, partition));
    const Value* last = answer.Find("LastEvaluatedKey");
    if (last == nullptr || last->members().empty()) return items;
    input.Set("ExclusiveStartKey", *last);
  }
}

base::Result<Stored> DynamoStore::Read(const session::Handle& handle, ReadFor,
                                       base::MonotonicTime deadline) {
  constexpr std::size_t kMostItems = 8;
  ASSIGN_OR_RETURN(const Value::List items,
                   Query(SessionPartition(handle), "", kMostItems, deadline));
  Stored stored;
  for (const Value& item : items) {
    const std::string_view sort = TextIn(item, "SK");
    const std::string_view record = TextIn(item, "record");
    if (sort == kData) {
      ASSIGN_OR_RETURN(stored.held.session, session::SessionFromJson(record, options_.data));
      ASSIGN_OR_RETURN(stored.version, VersionIn(item));
    } else if (sort == kRevoked) {
      ASSIGN_OR_RETURN(stored.held.revocation, session::RevocationFromJson(record));
    }
  }
  return stored;
}

base::Result<std::uint64_t> DynamoStore::Write(const session::Session& session,
                                               std::uint64_t expected,
                                               base::MonotonicTime deadline) {
  const std::uint64_t version = expected + 1;
  Value item = Item(SessionPartition(session.handle), kData, ToJson(session), session.ends);
  item.Set("version", Number(version));
  Value input = Value::Struct({{"TableName", options_.table}, {"Item", item}});
  if (expected == kNoVersion) {
    input.Set("ConditionExpression", "attribute_not_exists(PK)");
  } else {
    input.Set("ConditionExpression", "#v = :v");
    input.Set("ExpressionAttributeNames", Value::Struct({{"#v", "version"}}));
    input.Set("ExpressionAttributeValues", Value::Struct({{":v", Number(expected)}}));
  }
  const auto answer = Call("PutItem", input, deadline);
  if (answer.ok()) return version;
  if (LostTheCondition(answer.error()))
    return base::WrongState("the session was changed meanwhile");
  return answer.error();
}

base::Status DynamoStore::Revoke(const session::Revocation& revocation,
                                 base::MonotonicTime deadline) {
  const std::string partition = SessionPartition(revocation.handle);
  const std::string record = ToJson(revocation);
  const Value gone = Value::Struct(
      {{"DeleteRequest",
        Value::Struct({{"Key", Value::Struct({{"PK", Text(partition)}, {"SK", Text(kData)}})}})}});
  Value requests(
      Value::List{Put(Item(partition, kRevoked, record, revocation.until)),
                  Put(Item(kRevoked, MillisKey(revocation.at) + "#" + revocation.handle.str(),
                           record, revocation.until)),
                  gone});
  for (int tries = 1;; ++tries) {
    const Value input =
        Value::Struct({{"RequestItems", Value::Struct({{options_.table, requests}})}});
    ASSIGN_OR_RETURN(const Value answer, Call("BatchWriteItem", input, deadline));
    const Value::List& left = answer.Sub("UnprocessedItems").Items(options_.table);
    if (left.empty()) return base::Ok();
    requests = Value(left);
    RETURN_IF_ERROR(WaitForCapacity(tries, deadline));
  }
}

base::Status DynamoStore::WaitForCapacity(int tries, base::MonotonicTime deadline) {
  constexpr int kTries = 10;
  const base::Duration wait = aws::Backoff(tries, aws::RetryReason::kTransient, random_);
  if (tries >= kTries || !options_.pause || clock_.Monotonic() + wait >= deadline)
    return base::Throttled("table " + options_.table + " does not take all of a revocation");
  if (!options_.pause(wait)) return base::Cancelled("stopped on request");
  return base::Ok();
}

base::Result<bool> DynamoStore::Settle(const session::Revocation& revocation,
                                       base::MonotonicTime deadline) {
  RETURN_IF_ERROR(Revoke(revocation, deadline));
  return true;
}

base::Result<std::vector<session::Revocation>> DynamoStore::RevokedSince(
    base::WallTime since, std::size_t limit, base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const Value::List items, Query(kRevoked, MillisKey(since), limit, deadline));
  std::vector<session::Revocation> found;
  for (const Value& item : items) {
    ASSIGN_OR_RETURN(session::Revocation one, session::RevocationFromJson(TextIn(item, "record")));
    found.push_back(std::move(one));
  }
  return found;
}

base::Result<Page> DynamoStore::List(const std::string& cursor, std::size_t limit,
                                     base::MonotonicTime deadline) {
  Value input =
      Value::Struct({{"TableName", options_.table}, {"Limit", static_cast<std::int64_t>(limit)}});
  if (const std::size_t at = cursor.find(kCursorBreak); at != cursor.npos) {
    input.Set("ExclusiveStartKey", Value::Struct({{"PK", Text(cursor.substr(0, at))},
                                                  {"SK", Text(cursor.substr(at + 1))}}));
  }
  ASSIGN_OR_RETURN(const Value answer, Call("Scan", input, deadline));
  Page page;
  for (const Value& item : answer.Items("Items")) {
    if (!TextIn(item, "PK").starts_with("s#")) continue;
    const std::string_view record = TextIn(item, "record");
    session::Held held;
    if (TextIn(item, "SK") == kData) {
      ASSIGN_OR_RETURN(held.session, session::SessionFromJson(record, options_.data));
    } else {
      ASSIGN_OR_RETURN(held.revocation, session::RevocationFromJson(record));
    }
    page.entries.push_back(std::move(held));
  }
  if (const Value* last = answer.Find("LastEvaluatedKey"); last != nullptr) {
    page.next = fmt::format("{}{}{}", TextIn(*last, "PK"), kCursorBreak, TextIn(*last, "SK"));
  }
  return page;
}

base::Status DynamoStore::AddDocument(const Document& document, base::WallTime until,
                                      base::MonotonicTime deadline) {
  const Value input =
      Value::Struct({{"TableName", options_.table},
                     {"Item", Item(kDocuments, document.name, document.text, until)},
                     {"ConditionExpression", "attribute_not_exists(PK)"}});
  const auto answer = Call("PutItem", input, deadline);
  if (answer.ok()) return base::Ok();
  if (LostTheCondition(answer.error())) return base::Already(document.name + " is there");
  return answer.error();
}

base::Result<std::vector<Document>> DynamoStore::Documents(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const Value::List items, Query(kDocuments, "", kMostDocuments, deadline));
  std::vector<Document> all;
  for (const Value& item : items)
    all.push_back({std::string(TextIn(item, "SK")), std::string(TextIn(item, "record"))});
  return all;
}

base::Result<std::string> DynamoStore::Ping(base::MonotonicTime deadline) {
  const Value key = Value::Struct({{"PK", Text(kDocuments)}, {"SK", Text("ping")}});
  const auto answer =
      Call("GetItem", Value::Struct({{"TableName", options_.table}, {"Key", key}}), deadline);
  if (!answer.ok()) return answer.error();
  return fmt::format("dynamodb table {} in {}", options_.table, options_.region);
}

}  // namespace leeward::sessions
