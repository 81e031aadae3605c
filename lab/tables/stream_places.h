// Streams, their shards and where in them one reads.
//
// A stream here has one shard, open for as long as the stream is on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

inline constexpr base::Duration kStreamLife = std::chrono::hours(24);

struct StreamOfTable {
  const Table* table = nullptr;
  const Stream* stream = nullptr;
};
// Of tables that are there and those that are gone. ResourceNotFoundException also for one that was
// switched off more than a day ago.
Outcome<StreamOfTable> FindStream(const Core& core, std::string_view arn);
bool IsReadable(const Core& core, const Stream& stream);

std::string ShardIdOf(const Stream& stream);
// "100000000000000000000000123" and back; nullopt for what is no such number.
std::string SequenceText(std::uint64_t sequence);
std::optional<std::uint64_t> SequenceFrom(std::string_view text);

// The first sequence number of the table that is not older than `age`, or the one behind the last.
std::uint64_t FirstSince(const Core& core, TableNumber table, base::WallTime since);
// The first that the stream still shows.
std::uint64_t HorizonOf(const Core& core, const StreamOfTable& where);

// Iterators: where to go on, and since when.
struct Position {
  std::string arn;
  std::uint64_t next = 0;
  base::WallTime given;
};
std::string IteratorText(const Position& position);
std::optional<Position> PositionFrom(std::string_view iterator);

}  // namespace leeward::lab::tables
