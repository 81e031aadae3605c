// Where everything stands in the store: keys, and what goes before an item's bytes.
//
// kItems: table number (4 bytes, big-endian), slot, hash of the partition key (4), then
//   items and tombstones: the item's key
//   index entries: the index's key, then the item's key without its hash
//   expiries: seconds (8) stand before the hash
// so that a table, a slot, a partition or a segment of a scan is one range.
// kLog: table number, sequence number (8).
// kMeta: a letter, then a name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/items/attribute.h"
#include "lab/items/key.h"
#include "lab/tables/table.h"

namespace leeward::lab::tables {

inline constexpr std::size_t kSlotPrefix = 5;               // bytes before the hash
inline constexpr std::size_t kKeyPrefix = kSlotPrefix + 4;  // bytes before the key itself

void AppendBig32(std::uint32_t number, std::string& out);
void AppendBig64(std::uint64_t number, std::string& out);
std::uint32_t ReadBig32(std::string_view bytes);
std::uint64_t ReadBig64(std::string_view bytes);

// Spreads partition keys evenly over 32 bits; the same in every Region and for ever.
std::uint32_t PartitionHash(std::string_view key_part);

// Of the first `slot` on, and of all of the table.
std::string SlotPrefix(TableNumber table, Slot slot);
std::string TablePrefix(TableNumber table);
// SlotPrefix and the hash of the partition value: what all keys of a partition begin with.
std::string PartitionPrefix(TableNumber table, Slot slot, const items::Attribute& hash);

// The item's place; CHECKs that the item has its keys. Also for a Key parameter.
std::string ItemPlace(const Table& table, const items::Item& item);
// The place of a tombstone of the item at `item_place`.
std::string TombPlace(std::string_view item_place);
// The item's entry in the index; empty when it has not the index's keys, or not of its types.
std::string EntryPlace(const Table& table, const Index& index, const items::Item& item);
// Where the item stands among those that expire; empty when it does not.
std::string ExpiryPlace(const Table& table, const items::Item& item);
// The item's key from its place.
base::Result<items::Item> KeyFromPlace(const Table& table, std::string_view item_place);
// The key of the item that an expiry is of.
std::string ItemPlaceOfExpiry(std::string_view expiry_place);

std::string LogPlace(TableNumber table, std::uint64_t sequence);
inline constexpr std::string_view kMetaSequence = "q";   // the last sequence number
inline constexpr std::string_view kMetaNextTable = "n";  // the next table number
std::string MetaOfTable(std::string_view name);          // its description
std::string MetaOfExtent(TableNumber table);             // its and its indexes' extents
std::string MetaOfDeparted(TableNumber table);           // the description of one that is gone

// The least key above all of the table's.
std::string AfterTable(TableNumber table);

// When and where an item was written last. Ordered: the last writer wins.
struct Version {
  std::int64_t micros = 0;  // since 1970, by the writing Region's clock, and later than before
  std::string region;       // "us-east-1"
  friend auto operator<=>(const Version&, const Version&) = default;
};

// What stands in the store for an item: its version, its size by DynamoDB's rules, its bytes.
void AppendHead(const Version& version, std::uint32_t size, std::string& out);
struct Head {
  Version version;
  std::uint32_t size = 0;
  std::string_view item;  // the rest: items::ToStored
};
// CHECKs: what is read was written here, and the store checks its bytes.
Head ReadHead(std::string_view value);

}  // namespace leeward::lab::tables
