#include "steps/items_late.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace leeward::steps {
namespace {

using base::Result;
using shapes::Value;

constexpr std::uint64_t kMaxChanges = 1'000'000;
constexpr int kMaxEmptyPages = 20;  // in a row, of an open shard, which has no end
constexpr int kMaxEmptyOfClosed = 10'000;
constexpr std::size_t kBatch = 100;  // DynamoDB's own limit
// Of asking again for keys that a throttled table did not answer.
constexpr int kMaxUnanswered = 20;  // in a row
constexpr base::Duration kFirstPause = std::chrono::milliseconds(50);
constexpr base::Duration kLongestPause = std::chrono::seconds(2);
// The stream tells whole seconds, rounded down.
constexpr base::Duration kGrain = std::chrono::seconds(1);

struct Shard {
  std::string id;
  bool closed = false;  // nothing comes into it any more
};

class Reader {
 public:
  Reader(const LateSource& source, const LateSpan& span) : source_(source), span_(span) {}

  Result<LateItems> Run() {
    ASSIGN_OR_RETURN(const std::vector<Shard> shards, Shards());
    for (const Shard& shard : shards) RETURN_IF_ERROR(ReadShard(shard));
    late_.complete = late_.complete && late_.silent == 0;
    for (auto& [text, item] : latest_) late_.items.push_back(std::move(item));
    RETURN_IF_ERROR(Compare());
    return std::move(late_);
  }

 private:
  base::Status CheckGoingOn() const {
    if (source_.cancelled && source_.cancelled()) return base::Cancelled("asked to stop");
    return base::Ok();
  }

  // Parents before children, as AWS lists them.
  Result<std::vector<Shard>> Shards() {
    std::vector<Shard> shards;
    std::string after;
    do {
      Value input = Value::Struct({{"StreamArn", source_.stream_arn}});
      if (!after.empty()) input.Set("ExclusiveStartShardId", after);
      ASSIGN_OR_RETURN(const Value answer, source_.streams("DescribeStream", input));
      const Value& stream = answer.Sub("StreamDescription");
      for (const Value& shard : stream.Items("Shards")) {
        const Value& range = shard.Sub("SequenceNumberRange");
        shards.push_back(
            {std::string(shard.String("ShardId")), !range.String("EndingSequenceNumber").empty()});
      }
      after = stream.String("LastEvaluatedShardId");
    } while (!after.empty());
    return shards;
  }

  base::Status ReadShard(const Shard& shard) {
    ASSIGN_OR_RETURN(const Value begun,
                     source_.streams("GetShardIterator",
                                     Value::Struct({{"StreamArn", source_.stream_arn},
                                                    {"ShardId", shard.id},
                                                    {"ShardIteratorType", "TRIM_HORIZON"}})));
    std::string at(begun.String("ShardIterator"));
    // Pages may be empty with more behind them; where a shard has an end, it is read up to that.
    const int most = shard.closed ? kMaxEmptyOfClosed : kMaxEmptyPages;
    for (int empty = 0; !at.empty();) {
      RETURN_IF_ERROR(CheckGoingOn());
      ASSIGN_OR_RETURN(const Value page,
                       source_.streams("GetRecords", Value::Struct({{"ShardIterator", at}})));
      const Value::List& records = page.Items("Records");
      for (const Value& record : records) Take(record);
      if (late_.read > kMaxChanges) late_.complete = false;
      // In time order: what follows is later still.
      if (past_ || !late_.complete) break;
      empty = records.empty() ? empty + 1 : 0;
      if (empty == most && shard.closed) late_.complete = false;
      if (empty == most && !shard.closed) ++late_.silent;
      if (empty == most) break;
      at = page.String("NextShardIterator");
    }
    past_ = false;
    return base::Ok();
  }

  void Take(const Value& record) {
    ++late_.read;
    const Value& change = record.Sub("dynamodb");
    const Value* at = change.Find("ApproximateCreationDateTime");
    if (at == nullptr || !at->is_time()) return;
    if (at->time() > span_.to + kGrain) past_ = true;
    if (past_ || at->time() + kGrain < span_.from) return;
    const Value& key = change.Sub("Keys");
    const Value& image = change.Sub("NewImage");
    // A key that is a number does not tell by itself.
    if (IsLeewards(source_.writer.key, image.is_null() ? key : image)) return;
    LateItem item{key, image, false};
    const std::string text = ToJson(key);
    if (!latest_.contains(text) && latest_.size() >= kMaxLateItems) {
      late_.complete = false;
      return;
    }
    latest_[text] = std::move(item);
  }

  base::Status Compare() {
    for (std::size_t begin = 0; begin < late_.items.size(); begin += kBatch) {
      RETURN_IF_ERROR(CheckGoingOn());
      RETURN_IF_ERROR(CompareBatch(begin, std::min(begin + kBatch, late_.items.size())));
    }
    return base::Ok();
  }

  base::Status CompareBatch(std::size_t begin, std::size_t end) {
    Value::List keys;
    for (std::size_t i = begin; i < end; ++i) keys.push_back(late_.items[i].key);
    const Value wanted = Value::Struct({{"Keys", std::move(keys)}, {"ConsistentRead", true}});
    Value request = Value::Struct({{source_.writer.name, wanted}});
    std::map<std::string, Value> there;
    for (int unanswered = 0; !request.is_null() && !request.members().empty();) {
      const std::size_t asked = KeysIn(request);
      ASSIGN_OR_RETURN(const Value answer,
                       source_.writer.call("BatchGetItem",
                                           Value::Struct({{"RequestItems", std::move(request)}})));
      for (const Value& item : answer.Sub("Responses").Items(source_.writer.name))
        there[ToJson(KeyOfItem(item))] = item;
      request = answer.Sub("UnprocessedKeys");
      const std::size_t left = KeysIn(request);
      unanswered = left < asked ? 0 : unanswered + 1;
      RETURN_IF_ERROR(CheckGoingOn());
      if (left > 0) RETURN_IF_ERROR(WaitForCapacity(unanswered));
    }
    for (std::size_t i = begin; i < end; ++i) {
      LateItem& item = late_.items[i];
      const auto found = there.find(ToJson(KeyOfItem(item.key)));
      item.stands = found == there.end() ? item.image.is_null() : Same(found->second, item.image);
    }
    return base::Ok();
  }

  std::size_t KeysIn(const Value& request) const {
    return request.Sub(source_.writer.name).Items("Keys").size();
  }

  base::Status WaitForCapacity(int unanswered) const {
    if (unanswered > kMaxUnanswered)
      return base::Throttled("table " + source_.writer.name +
                             " leaves every read unanswered; give it more read capacity, then run "
                             "the same again");
    return source_.pause(std::min<base::Duration>(kLongestPause, kFirstPause * (1 << unanswered)));
  }

  Value KeyOfItem(const Value& item) const {
    const TableKey& key = source_.writer.key;
    Value value = Value::Struct({{key.hash.name, item.Sub(key.hash.name)}});
    if (!key.range.name.empty()) value.Set(key.range.name, item.Sub(key.range.name));
    return value;
  }

  // The order of attributes means nothing.
  static bool Same(const Value& a, const Value& b) {
    if (!a.is_members() || !b.is_members() || a.members().size() != b.members().size())
      return false;
    return std::all_of(a.members().begin(), a.members().end(), [&](const auto& attribute) {
      const Value* other = b.Find(attribute.first);
      return other != nullptr && *other == attribute.second;
    });
  }

  const LateSource& source_;
  const LateSpan span_;
  LateItems late_;
  std::map<std::string, LateItem> latest_;  // by key
  bool past_ = false;
};

}  // namespace

Result<LateItems> FindLateItems(const LateSource& source, const LateSpan& span) {
  return Reader(source, span).Run();
}

std::string Summary(const LateItems& late) {
  const auto replaced = std::count_if(late.items.begin(), late.items.end(),
                                      [](const LateItem& item) { return !item.stands; });
  std::string text = std::to_string(late.items.size()) +
                     (late.items.size() == 1 ? " item" : " items") + " written late, " +
                     std::to_string(replaced) + " of them replaced by a later write";
  if (late.silent > 0) {
    text += fmt::format(
        "; not complete for sure: {} of the stream's shards {} still open and showed no "
        "change from later, so look again when the table was written to",
        late.silent, late.silent == 1 ? "is" : "are");
  } else if (!late.complete) {
    text += "; there are more than were looked at";
  }
  return text;
}

}  // namespace leeward::steps
