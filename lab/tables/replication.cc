#include "lab/tables/replication.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "lab/items/encoding.h"
#include "lab/tables/core.h"
#include "lab/tables/describe_table.h"
#include "lab/tables/log.h"
#include "lab/tables/states.h"
#include "lab/tables/table_spec.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {
namespace {

base::Result<Table*> Named(const Core& core, std::string_view name) {
  Table* table = core.FindTable(name);
  if (table == nullptr) return base::NotFound(fmt::format("no table {} in this Region", name));
  return table;
}

base::Result<Table*> KeptTable(const Core& core, std::string_view name) {
  ASSIGN_OR_RETURN(Table* const table, Named(core, name));
  if (!table->replicated) return base::NotFound(fmt::format("table {} has no replicas", name));
  return table;
}

base::Status FromVerdict(const Verdict& verdict) {
  if (verdict.ok()) return base::Ok();
  return base::ServiceBroken(verdict.error().message);
}

// A change that came in, read and held against the table.
struct Incoming {
  const ItemChange* change = nullptr;
  items::Item key;
  std::optional<items::Item> item;
};

base::Result<Incoming> ReadIncoming(const Table& table, const ItemChange& change) {
  Incoming in;
  in.change = &change;
  ASSIGN_OR_RETURN(in.key, items::ItemFromStored(change.key));
  const items::Verdict fits = items::CheckKey(table.keys, in.key);
  if (!fits.ok()) {
    return base::Invalid(fmt::format("a change of table {} from {}: {}", table.name,
                                     change.version.region, fits.error().message));
  }
  if (!change.item) return in;
  ASSIGN_OR_RETURN(items::Item item, items::ItemFromStored(*change.item));
  if (!(items::KeyOf(table.keys, item) == in.key)) {
    return base::Invalid(fmt::format("a change of table {} from {}: its item has another key",
                                     table.name, change.version.region));
  }
  in.item = std::move(item);
  return in;
}

// What lies under a key that came from outside, and where.
struct Located {
  std::string place;
  Found found;
};

base::Result<Located> Locate(const Core& core, std::string_view name, std::string_view key) {
  ASSIGN_OR_RETURN(const Table* const table, KeptTable(core, name));
  ASSIGN_OR_RETURN(const items::Item item, items::ItemFromStored(key));
  const items::Verdict fits = items::CheckKey(table->keys, item);
  if (!fits.ok()) return base::Invalid(fits.error().message);
  std::string place = ItemPlace(*table, item);
  Outcome<Found> found = ReadItem(core, place);
  if (!found.ok()) return base::ServiceBroken(found.error().message);
  return Located{.place = std::move(place), .found = *std::move(found)};
}

base::Result<std::optional<Version>> VersionAt(const Core& core, const std::string& place,
                                               const Found& found) {
  if (found.exists()) return std::optional<Version>(found.head().version);
  Pinned tomb;
  ASSIGN_OR_RETURN(const bool there, core.store->Get(Space::kItems, TombPlace(place), tomb));
  if (!there) return std::optional<Version>();
  return std::optional<Version>(ReadHead(tomb.bytes()).version);
}

shapes::Value UnitsOf(const Units& units) {
  return shapes::Value::Struct(
      {{"ReadCapacityUnits", units.read}, {"WriteCapacityUnits", units.write}});
}

}  // namespace

base::Status Replication::Keep(std::string_view name, Kept kept) {
  ASSIGN_OR_RETURN(Table* const table, Named(core_, name));
  core_.SettleWrites();
  table->replicated = kept == Kept::kYes;
  table->released = core_.sequence;
  return FromVerdict(Save(core_, *table));
}

std::uint64_t Replication::LastSequence() const {
  core_.SettleWrites();
  return core_.sequence;
}

base::Result<Replication::Page> Replication::Changes(std::string_view name, std::uint64_t after,
                                                     std::size_t limit) const {
  ASSIGN_OR_RETURN(const Table* const table, KeptTable(core_, name));
  Page page;
  page.next = after;
  Walk walk = core_.store->Range(Space::kLog, LogPlace(table->number, after + 1),
                                 AfterTable(table->number), Store::Caching::kPassBy);
  for (walk.SeekFirst(); walk.Valid() && page.changes.size() < limit; walk.Next()) {
    const LogRecord record = ReadLogRecord(walk.key(), walk.value());
    page.next = record.sequence;
    if (record.author == Author::kOtherRegion) continue;
    ItemChange change;
    change.sequence = record.sequence;
    change.version = record.version;
    change.key = record.key;
    if (record.new_image) change.item = std::string(*record.new_image);
    change.expired = record.author == Author::kTimeToLive;
    page.changes.push_back(std::move(change));
  }
  RETURN_IF_ERROR(walk.status());
  return page;
}

base::Status Replication::Release(std::string_view name, std::uint64_t up_to) {
  ASSIGN_OR_RETURN(Table* const table, KeptTable(core_, name));
  if (up_to <= table->released) return base::Ok();
  // Written with the description the next time that is: keeping more for a while does no harm.
  table->released = up_to;
  return base::Ok();
}

base::Result<std::size_t> Replication::Apply(std::string_view name,
                                             const std::vector<ItemChange>& changes) {
  ASSIGN_OR_RETURN(Table* const table, KeptTable(core_, name));
  // Of several changes of one item the last one stays.
  std::map<std::string, Incoming> newest;
  for (const ItemChange& change : changes) {
    ASSIGN_OR_RETURN(Incoming in, ReadIncoming(*table, change));
    const std::string place = ItemPlace(*table, in.key);
    const auto found = newest.find(place);
    if (found == newest.end()) {
      newest.emplace(place, std::move(in));
    } else if (found->second.change->version < change.version) {
      found->second = std::move(in);
    }
  }
  Write write(core_);
  std::size_t applied = 0;
  // What is staged looks at what was found until it is written.
  std::vector<Found> olds;
  olds.reserve(newest.size());
  for (const auto& [place, in] : newest) {
    Outcome<Found> read = ReadItem(core_, place);
    if (!read.ok()) return base::ServiceBroken(read.error().message);
    olds.push_back(std::move(*read));
    ASSIGN_OR_RETURN(const std::optional<Version> here, VersionAt(core_, place, olds.back()));
    if (here && !(*here < in.change->version)) continue;
    write.Apply(*table, place, olds.back(), in.key, in.item ? &*in.item : nullptr,
                in.change->version, Author::kOtherRegion);
    ++applied;
  }
  RETURN_IF_ERROR(FromVerdict(write.Commit()));
  return applied;
}

base::Result<Replication::Piece> Replication::Ship(std::string_view name, std::string_view from,
                                                   std::size_t max_bytes) const {
  ASSIGN_OR_RETURN(const Table* const table, KeptTable(core_, name));
  const TableNumber number = table->number;
  const std::string items_end = SlotPrefix(number, kItemsSlot + 1);
  const std::string tombs = SlotPrefix(number, kTombsSlot);
  std::string next = from.empty() ? SlotPrefix(number, kItemsSlot) : std::string(from);
  Piece piece;
  std::size_t bytes = 0;
  // Items first, then tombstones.
  while (true) {
    const bool in_tombs = next >= tombs;
    Walk walk = core_.store->Range(Space::kItems, next, in_tombs ? AfterTable(number) : items_end,
                                   Store::Caching::kPassBy);
    for (walk.SeekFirst(); walk.Valid() && bytes < max_bytes; walk.Next()) {
      const Head head = ReadHead(walk.value());
      ItemChange change;
      change.version = head.version;
      ASSIGN_OR_RETURN(const items::Item key, KeyFromPlace(*table, walk.key()));
      change.key = items::ToStored(key);
      if (!in_tombs) change.item = std::string(head.item);
      bytes += walk.key().size() + walk.value().size();
      piece.changes.push_back(std::move(change));
    }
    RETURN_IF_ERROR(walk.status());
    if (walk.Valid()) {
      piece.next = walk.key();
      return piece;
    }
    if (in_tombs) return piece;
    next = tombs;
  }
}

base::Result<std::optional<Version>> Replication::VersionOf(std::string_view name,
                                                            std::string_view key) const {
  ASSIGN_OR_RETURN(const Located it, Locate(core_, name, key));
  return VersionAt(core_, it.place, it.found);
}

base::Result<std::optional<ItemChange>> Replication::Read(std::string_view name,
                                                          std::string_view key) const {
  ASSIGN_OR_RETURN(const Located it, Locate(core_, name, key));
  ASSIGN_OR_RETURN(std::optional<Version> version, VersionAt(core_, it.place, it.found));
  if (!version) return std::optional<ItemChange>();
  ItemChange change;
  change.version = *std::move(version);
  change.key = key;
  if (it.found.exists()) change.item = std::string(it.found.head().item);
  return std::optional<ItemChange>(std::move(change));
}

base::Status Replication::Describe(std::string_view name, shapes::Value description) {
  ASSIGN_OR_RETURN(Table* const table, Named(core_, name));
  table->replication = std::move(description);
  return FromVerdict(Save(core_, *table));
}

base::Result<shapes::Value> Replication::Description(std::string_view name) const {
  ASSIGN_OR_RETURN(const Table* const table, Named(core_, name));
  return table->replication;
}

base::Result<shapes::Value> Replication::Blueprint(std::string_view name) const {
  using shapes::Value;
  ASSIGN_OR_RETURN(const Table* const table, Named(core_, name));
  Value out = Value::Struct({{"TableName", table->name},
                             {"AttributeDefinitions", AttributesOf(*table)},
                             {"KeySchema", SchemaOf(table->keys)}});
  const bool demand = table->on_demand_billing();
  out.Set("BillingMode", demand ? "PAY_PER_REQUEST" : "PROVISIONED");
  if (!demand) out.Set("ProvisionedThroughput", UnitsOf(table->throughput.units));
  Value::List local;
  Value::List global;
  for (const Index& index : table->indexes) {
    Value spec = Value::Struct({{"IndexName", index.name},
                                {"KeySchema", SchemaOf(index.keys)},
                                {"Projection", ProjectionOf(index.projection)}});
    if (index.global() && !demand) {
      spec.Set("ProvisionedThroughput", UnitsOf(index.throughput.units));
    }
    (index.global() ? global : local).push_back(std::move(spec));
  }
  if (!local.empty()) out.Set("LocalSecondaryIndexes", Value(std::move(local)));
  if (!global.empty()) out.Set("GlobalSecondaryIndexes", Value(std::move(global)));
  const Value encryption = SpecOf(table->sse, core_.options);
  if (!encryption.is_null()) out.Set("SSESpecification", encryption);
  if (const Stream* stream = table->stream()) {
    out.Set("StreamSpecification",
            Value::Struct(
                {{"StreamEnabled", true}, {"StreamViewType", std::string(Name(stream->view))}}));
  }
  return out;
}

base::Status Replication::SetBusy(std::string_view name, Busy busy) {
  ASSIGN_OR_RETURN(Table* const table, Named(core_, name));
  table->status = busy == Busy::kYes ? TableStatus::kUpdating : TableStatus::kActive;
  return FromVerdict(Save(core_, *table));
}

}  // namespace leeward::lab::tables
