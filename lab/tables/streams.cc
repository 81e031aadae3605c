#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lab/tables/describe_table.h"
#include "lab/tables/handlers.h"
#include "lab/tables/stream_places.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

constexpr std::int64_t kMaxStreams = 100;

struct Listed {
  std::string arn;
  const Table* table;
  const Stream* stream;
};

std::vector<Listed> AllStreams(const Core& core, std::string_view only) {
  std::vector<Listed> all;
  const auto add = [&](const Table& table) {
    if (!only.empty() && table.name != only) return;
    for (const Stream& stream : table.streams) {
      if (!IsReadable(core, stream)) continue;
      all.push_back({StreamArn(core, table.name, stream), &table, &stream});
    }
  };
  for (const auto& [name, table] : core.tables) add(*table);
  for (const auto& table : core.departed) add(*table);
  std::sort(all.begin(), all.end(), [](const Listed& a, const Listed& b) { return a.arn < b.arn; });
  return all;
}

Value ShardsOf(const Core& core, const StreamOfTable& where) {
  Value range = Value::Struct({{"StartingSequenceNumber", SequenceText(where.stream->first)}});
  if (where.stream->end) {
    range.Set("EndingSequenceNumber",
              SequenceText(std::max(where.stream->first, *where.stream->end - 1)));
  }
  // A shard of which nothing can be read any more is not listed.
  const bool gone = where.stream->end && HorizonOf(core, where) >= *where.stream->end &&
                    where.stream->first < *where.stream->end;
  Value::List shards;
  if (!gone || IsReadable(core, *where.stream)) {
    shards.push_back(Value::Struct(
        {{"ShardId", ShardIdOf(*where.stream)}, {"SequenceNumberRange", std::move(range)}}));
  }
  return Value(std::move(shards));
}

Outcome<Position> PositionOf(const Core& core, const Json& body, const StreamOfTable& where) {
  const std::string_view type = Text(body, "ShardIteratorType");
  const Json* given = Find(body, "SequenceNumber");
  const bool numbered = type == "AT_SEQUENCE_NUMBER" || type == "AFTER_SEQUENCE_NUMBER";
  Position position{std::string(Text(body, "StreamArn")), 0, core.Now()};
  const std::uint64_t end = where.stream->end.value_or(core.sequence + 1);
  if (type == "TRIM_HORIZON") position.next = std::min(HorizonOf(core, where), end);
  if (type == "LATEST") position.next = end;
  if (!numbered) return position;
  if (given == nullptr) {
    return ValidationError(
        fmt::format("SequenceNumber is required when ShardIteratorType is {}", type));
  }
  const auto sequence = SequenceFrom(TextOf(*given));
  if (!sequence) return ValidationError("Invalid SequenceNumber");
  if (*sequence < where.stream->first || *sequence > end) {
    return ValidationError("Invalid SequenceNumber: it is not of this shard");
  }
  if (*sequence < HorizonOf(core, where) && *sequence + 1 < end) {
    return ApiError{"TrimmedDataAccessException",
                    "The operation attempted to read past the oldest stream record in a shard.",
                    400,
                    {}};
  }
  position.next = *sequence + (type == "AFTER_SEQUENCE_NUMBER" ? 1 : 0);
  return position;
}

Outcome<std::string> IteratorFor(const Request& request) {
  const Json& body = request.body;
  ASSIGN_OR_RETURN(const StreamOfTable where, FindStream(request.core, Text(body, "StreamArn")));
  const std::string_view shard = Text(body, "ShardId");
  if (shard != ShardIdOf(*where.stream)) {
    return NotFound(fmt::format("Requested resource not found: Shard: {} in Stream: {} not found",
                                shard, Text(body, "StreamArn")));
  }
  ASSIGN_OR_RETURN(const Position position, PositionOf(request.core, body, where));
  return IteratorText(position);
}

}  // namespace

WireAnswer ListStreams(const Request& request) {
  const auto name = NameFrom(request.core, Text(request.body, "TableName"));
  if (!name.ok()) return ErrorAnswer(name.error());
  const std::vector<Listed> all = AllStreams(request.core, *name);
  const std::int64_t limit = std::min(Whole(request.body, "Limit", kMaxStreams), kMaxStreams);
  const std::string_view after = Text(request.body, "ExclusiveStartStreamArn");
  Value::List streams;
  std::string last;
  bool more = false;
  for (const Listed& listed : all) {
    if (listed.arn <= after) continue;
    more = static_cast<std::int64_t>(streams.size()) == limit;
    if (more) break;
    last = listed.arn;
    streams.push_back(Value::Struct({{"StreamArn", listed.arn},
                                     {"TableName", listed.table->name},
                                     {"StreamLabel", listed.stream->label}}));
  }
  Value out = Value::Struct({{"Streams", Value(std::move(streams))}});
  if (more) out.Set("LastEvaluatedStreamArn", last);
  return Encoded(request, out);
}

WireAnswer DescribeStream(const Request& request) {
  const auto where = FindStream(request.core, Text(request.body, "StreamArn"));
  if (!where.ok()) return ErrorAnswer(where.error());
  const Stream& stream = *where->stream;
  Value description = Value::Struct({{"StreamArn", std::string(Text(request.body, "StreamArn"))},
                                     {"StreamLabel", stream.label},
                                     {"StreamStatus", stream.end ? "DISABLED" : "ENABLED"},
                                     {"StreamViewType", std::string(Name(stream.view))},
                                     {"CreationRequestDateTime", stream.created},
                                     {"TableName", where->table->name},
                                     {"KeySchema", SchemaOf(where->table->keys)}});
  // Its one shard has no children, and nothing stands behind it.
  const bool none = Find(request.body, "ExclusiveStartShardId") != nullptr ||
                    Find(request.body, "ShardFilter") != nullptr;
  description.Set("Shards", none ? Value::EmptyList() : ShardsOf(request.core, *where));
  return Encoded(request, Value::Struct({{"StreamDescription", std::move(description)}}));
}

WireAnswer GetShardIterator(const Request& request) {
  const Outcome<std::string> iterator = IteratorFor(request);
  if (!iterator.ok()) return ErrorAnswer(iterator.error());
  return Encoded(request, Value::Struct({{"ShardIterator", *iterator}}));
}

}  // namespace leeward::lab::tables
