#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/log.h"
#include "lab/tables/stream_places.h"

namespace leeward::lab::tables {
namespace {

constexpr base::Duration kIteratorLife = std::chrono::minutes(15);
constexpr std::int64_t kMaxRecords = 1000;
constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 20;

bool Shows(StreamView view, StreamView image) {
  return view == StreamView::kNewAndOldImages || view == image;
}

std::size_t SizeOf(std::string_view stored) {
  const auto size = items::SizeOfStored(stored);
  CHECK(size.ok());
  return *size;
}

std::string_view EventName(const LogRecord& record) {
  if (!record.new_image) return "REMOVE";
  return record.old_image ? "MODIFY" : "INSERT";
}

void AppendStored(std::string_view name, std::string_view stored, std::string& out) {
  out += fmt::format(R"("{}":)", name);
  CHECK(items::AppendJsonFromStored(stored, out).ok());
  out += ',';
}

// The record as the stream shows it; the bytes of keys and images that it shows.
std::size_t AppendRecord(const Core& core, const StreamOfTable& where, const LogRecord& record,
                         std::string& out) {
  const StreamView view = where.stream->view;
  const std::string sequence = SequenceText(record.sequence);
  const std::string id =
      base::Sha256Hex(where.table->id + where.stream->label + sequence).substr(0, 32);
  out += fmt::format(
      R"({{"eventID":"{}","eventName":"{}","eventVersion":"1.1","eventSource":"aws:dynamodb",)"
      R"("awsRegion":"{}","dynamodb":{{"ApproximateCreationDateTime":{},)",
      id, EventName(record), core.options.region, base::Millis(record.when.since_epoch) / 1000);
  std::size_t bytes = SizeOf(record.key);
  AppendStored("Keys", record.key, out);
  if (record.new_image && Shows(view, StreamView::kNewImage)) {
    AppendStored("NewImage", *record.new_image, out);
    bytes += SizeOf(*record.new_image);
  }
  if (record.old_image && Shows(view, StreamView::kOldImage)) {
    AppendStored("OldImage", *record.old_image, out);
    bytes += SizeOf(*record.old_image);
  }
  out += fmt::format(R"("SequenceNumber":"{}","SizeBytes":{},"StreamViewType":"{}"}})", sequence,
                     bytes, Name(view));
  if (record.author == Author::kTimeToLive) {
    out += R"(,"userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"})";
  }
  out += '}';
  return bytes;
}

struct Records {
  std::string json;
  std::uint64_t next = 0;
};

Records ReadRecords(const Core& core, const StreamOfTable& where, std::uint64_t from,
                    std::int64_t limit) {
  const std::uint64_t end = where.stream->end.value_or(core.sequence + 1);
  Records records{"", std::max(from, std::min(end, from))};
  if (from >= end) return records;
  const TableNumber table = where.table->number;
  Walk walk = core.store->Range(Space::kLog, LogPlace(table, from), LogPlace(table, end));
  std::size_t bytes = 0;
  std::int64_t count = 0;
  for (walk.SeekFirst(); walk.Valid() && count < limit && bytes < kMaxRecordBytes; walk.Next()) {
    const LogRecord record = ReadLogRecord(walk.key(), walk.value());
    records.next = record.sequence + 1;
    // Nothing has changed for who reads the items.
    const bool shown = record.changed && (record.old_image || record.new_image);
    if (!shown) continue;
    if (count++ > 0) records.json += ',';
    bytes += AppendRecord(core, where, record, records.json);
  }
  if (!walk.Valid()) records.next = end;
  return records;
}

Outcome<std::string> Read(const Request& request) {
  const Core& core = request.core;
  const auto position = PositionFrom(Text(request.body, "ShardIterator"));
  if (!position) return ValidationError("Invalid ShardIterator");
  const std::int64_t limit = Whole(request.body, "Limit", kMaxRecords);
  if (limit > kMaxRecords) {
    return ValidationError(fmt::format(
        "1 validation error detected: Value '{}' at 'limit' failed to satisfy constraint: Member "
        "must have value less than or equal to {}",
        limit, kMaxRecords));
  }
  ASSIGN_OR_RETURN(const StreamOfTable where, FindStream(core, position->arn));
  if (core.Now() - position->given > kIteratorLife) {
    return ApiError{"ExpiredIteratorException",
                    "The provided iterator exceeds the maximum age allowed.",
                    400,
                    {}};
  }
  const std::uint64_t horizon = HorizonOf(core, where);
  const std::uint64_t end = where.stream->end.value_or(core.sequence + 1);
  if (position->next < std::min(horizon, end)) {
    return ApiError{"TrimmedDataAccessException",
                    "The operation attempted to read past the oldest stream record in a shard.",
                    400,
                    {}};
  }
  const Records records = ReadRecords(core, where, position->next, limit);
  std::string out = fmt::format(R"({{"Records":[{}])", records.json);
  // A shard that was closed ends.
  if (!where.stream->end || records.next < *where.stream->end) {
    out += R"(,"NextShardIterator":)";
    items::AppendJsonString(IteratorText({position->arn, records.next, core.Now()}), out);
  }
  return out + '}';
}

}  // namespace

WireAnswer GetRecords(const Request& request) { return ToAnswer(Read(request)); }

}  // namespace leeward::lab::tables
