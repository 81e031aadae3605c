#include "lab/tables/stream_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "lab/tables/layout.h"
#include "lab/tables/log.h"

namespace leeward::lab::tables {
namespace {

// Sequence numbers have at least 21 digits.
constexpr std::size_t kSequenceDigits = 26;

const Stream* StreamLabelled(const Table& table, std::string_view label) {
  for (const Stream& stream : table.streams) {
    if (stream.label == label) return &stream;
  }
  return nullptr;
}

}  // namespace

bool IsReadable(const Core& core, const Stream& stream) {
  return !stream.ended || core.Now() - *stream.ended < kStreamLife;
}

Outcome<StreamOfTable> FindStream(const Core& core, std::string_view arn) {
  const std::string prefix = TableArn(core, "");
  const std::size_t slash = arn.find("/stream/");
  if (arn.starts_with(prefix) && slash != std::string_view::npos) {
    const std::string_view name = arn.substr(prefix.size(), slash - prefix.size());
    const std::string_view label = arn.substr(slash + 8);
    std::vector<const Table*> candidates;
    if (const Table* table = core.FindTable(name)) candidates.push_back(table);
    for (const auto& table : core.departed) {
      if (table->name == name) candidates.push_back(table.get());
    }
    for (const Table* table : candidates) {
      const Stream* stream = StreamLabelled(*table, label);
      if (stream != nullptr && IsReadable(core, *stream)) return StreamOfTable{table, stream};
    }
  }
  return NotFound(fmt::format("Requested resource not found: Stream: {} not found", arn));
}

std::string ShardIdOf(const Stream& stream) {
  const std::uint32_t mark = base::Crc32c(stream.label);
  return fmt::format("shardId-{:020}-{:08x}", base::Millis(stream.created.since_epoch), mark);
}

std::string SequenceText(std::uint64_t sequence) { return fmt::format("1{:025}", sequence); }

std::optional<std::uint64_t> SequenceFrom(std::string_view text) {
  if (text.size() != kSequenceDigits || text[0] != '1') return std::nullopt;
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), sequence);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return sequence;
}

std::uint64_t FirstSince(const Core& core, TableNumber table, base::WallTime since) {
  Walk walk = core.store->Range(Space::kLog, TablePrefix(table), AfterTable(table));
  walk.SeekFirst();
  if (!walk.Valid()) return core.sequence + 1;
  const auto at = [&walk] { return ReadLogRecord(walk.key(), walk.value()); };
  std::uint64_t low = at().sequence;
  if (at().when >= since) return low;
  std::uint64_t high = core.sequence + 1;
  // Times grow with sequence numbers: halve until the first that is young enough is found.
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    walk.Seek(LogPlace(table, middle));
    if (!walk.Valid() || at().when >= since) {
      high = middle;
    } else {
      low = at().sequence + 1;
    }
  }
  return low;
}

std::uint64_t HorizonOf(const Core& core, const StreamOfTable& where) {
  const TableNumber number = where.table->number;
  const std::uint64_t young = FirstSince(core, number, core.Now() - kStreamLife);
  // Numbers are shared by all tables: the horizon is behind this table's own last old record.
  Walk walk = core.store->Range(Space::kLog, TablePrefix(number), LogPlace(number, young));
  walk.SeekLast();
  const std::uint64_t old =
      walk.Valid() ? ReadLogRecord(walk.key(), walk.value()).sequence : where.table->trimmed;
  return std::max(where.stream->first, old + 1);
}

std::string IteratorText(const Position& position) {
  std::string bytes;
  AppendBig64(position.next, bytes);
  AppendBig64(static_cast<std::uint64_t>(position.given.since_epoch.count()), bytes);
  return fmt::format("{}|1|{}", position.arn, base::Base64Encode(bytes));
}

std::optional<Position> PositionFrom(std::string_view iterator) {
  const std::size_t bar = iterator.find("|1|");
  if (bar == std::string_view::npos) return std::nullopt;
  const auto bytes = base::Base64Decode(iterator.substr(bar + 3));
  if (!bytes.ok() || bytes->size() != 16) return std::nullopt;
  Position position;
  position.arn = iterator.substr(0, bar);
  position.next = ReadBig64(*bytes);
  position.given = {
      base::Duration(static_cast<std::int64_t>(ReadBig64(std::string_view(*bytes).substr(8))))};
  return position;
}

}  // namespace leeward::lab::tables
