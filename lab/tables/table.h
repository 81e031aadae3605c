// Table: one table of this Region, as it stands in memory and in the store.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "lab/items/key.h"
#include "lab/tables/bucket.h"
#include "shapes/value.h"

namespace leeward::lab::tables {

// Names a table's keys in the store; never used twice.
using TableNumber = std::uint32_t;
// One of the key ranges of a table: 0 holds its items, kTombs its tombstones, kExpiries when items
// expire; the others hold one index each.
using Slot = std::uint8_t;
inline constexpr Slot kItemsSlot = 0;
inline constexpr Slot kExpiriesSlot = 0xFE;
inline constexpr Slot kTombsSlot = 0xFF;
inline constexpr Slot kLastIndexSlot = 0xFD;

enum class TableStatus { kCreating, kUpdating, kDeleting, kActive };
std::string_view Name(TableStatus status);
enum class BillingMode { kProvisioned, kPayPerRequest };
enum class IndexScope { kLocal, kGlobal };
enum class ProjectionKind { kAll, kKeysOnly, kInclude };
enum class StreamView { kNewImage, kOldImage, kNewAndOldImages, kKeysOnly };
std::string_view Name(StreamView view);

struct Units {
  std::int64_t read = 0;
  std::int64_t write = 0;
  friend bool operator==(const Units&, const Units&) = default;
};

// ProvisionedThroughputDescription.
struct Throughput {
  Units units;
  std::optional<base::WallTime> increased;
  std::optional<base::WallTime> decreased;
  std::int64_t decreases_today = 0;
};

// OnDemandThroughput: -1, no limit; absent members are nullopt.
struct OnDemandLimits {
  std::optional<std::int64_t> read;
  std::optional<std::int64_t> write;
};

// How much is there; kept exact.
struct Extent {
  std::int64_t items = 0;
  std::int64_t bytes = 0;
};

// What of an item a secondary index holds.
struct IndexProjection {
  ProjectionKind kind = ProjectionKind::kAll;
  std::vector<std::string> names;  // kInclude
};

struct Index {
  std::string name;
  IndexScope scope = IndexScope::kGlobal;
  Slot slot = 1;
  items::KeySchema keys;
  IndexProjection projection;
  TableStatus status = TableStatus::kActive;
  // Global, CREATING: the items up to this key are in it.
  bool backfilling = false;
  std::string filled_to;
  Throughput throughput;
  OnDemandLimits on_demand;
  std::optional<Units> warm;
  Extent extent;
  Bucket reads;
  Bucket writes;

  bool global() const { return scope == IndexScope::kGlobal; }
};

// A stream of the table: the present one, or one that was switched off and can still be read.
struct Stream {
  std::string label;  // "2026-11-27T23:20:47.123"
  StreamView view = StreamView::kNewAndOldImages;
  base::WallTime created;
  std::uint64_t first = 0;           // the first sequence number that can be in it
  std::optional<std::uint64_t> end;  // switched off: the first that cannot
  std::optional<base::WallTime> ended;
};

struct TimeToLive {
  enum class Status { kDisabled, kEnabling, kEnabled, kDisabling };
  Status status = Status::kDisabled;
  std::string attribute;
  std::optional<base::WallTime> changed;
};

struct PointInTime {
  bool enabled = false;
  std::int64_t days = 35;
  base::WallTime since;  // history goes back to here
};

struct Table {
  std::string name;
  std::string id;  // TableId, a UUID
  TableNumber number = 0;
  TableStatus status = TableStatus::kCreating;
  base::WallTime created;
  std::vector<items::KeyPart> attributes;  // AttributeDefinitions, in their order
  items::KeySchema keys;
  std::vector<Index> indexes;  // local ones first
  BillingMode billing = BillingMode::kProvisioned;
  std::optional<base::WallTime> on_demand_since;
  Throughput throughput;
  OnDemandLimits on_demand;
  std::optional<Units> warm;
  std::string table_class = "STANDARD";
  bool table_class_given = false;
  std::optional<base::WallTime> table_class_changed;
  bool deletion_protection = false;
  shapes::Value sse;  // SSEDescription, or absent
  std::vector<std::pair<std::string, std::string>> tags;
  std::string policy;  // resource policy's text; empty: none
  std::string policy_revision;
  std::string stream_policy;
  std::string stream_policy_revision;
  std::vector<Stream> streams;  // the last is the present one, if it has no end
  TimeToLive ttl;
  PointInTime point_in_time;
  shapes::Value restore;  // RestoreSummary, or absent
  // Replicas and the like, as DescribeTable shows them; kept by the global tables part.
  shapes::Value replication;
  // Deletes leave tombstones and every change is kept in the log until it has been shipped.
  bool replicated = false;
  Slot next_slot = 1;
  std::uint64_t trimmed = 0;   // the last sequence number that was cut off its log
  std::uint64_t released = 0;  // replicated: the last one that has reached every replica

  Extent extent;
  Bucket reads;
  Bucket writes;
  double consumed_read = 0;  // since it was last told to CloudWatch
  double consumed_write = 0;

  const Stream* stream() const {
    return streams.empty() || streams.back().end ? nullptr : &streams.back();
  }
  Stream* stream() { return const_cast<Stream*>(std::as_const(*this).stream()); }
  const Index* FindIndex(std::string_view index) const {
    for (const Index& each : indexes) {
      if (each.name == index) return &each;
    }
    return nullptr;
  }
  Index* FindIndex(std::string_view index) {
    return const_cast<Index*>(std::as_const(*this).FindIndex(index));
  }
  bool on_demand_billing() const { return billing == BillingMode::kPayPerRequest; }
  // Whether changes go into the log.
  bool logged() const { return stream() != nullptr || point_in_time.enabled || replicated; }
};

// As one JSON document for the store, without extents, and back. kCorrupt when it is not one.
std::string SavedTable(const Table& table);
base::Result<Table> TableFromSaved(std::string_view saved);

}  // namespace leeward::lab::tables
