#include "lab/tables/layout.h"

#include "base/check.h"

namespace leeward::lab::tables {
namespace {

constexpr std::uint64_t kFnvStart = 0xcbf29ce484222325ULL;
constexpr std::uint64_t kFnvPrime = 0x100000001b3ULL;
// Items that were to expire longer ago than this are left alone.
constexpr std::int64_t kMaxSeconds = std::int64_t{1} << 40;

// What was put before the index was there may have a key that an index does not take.
bool CanStand(const items::Attribute* key, items::Type type, std::size_t most) {
  if (key == nullptr || key->type() != type) return false;
  const std::size_t size = items::SizeOf(*key);
  return size > 0 && size <= most;
}

std::string HashAndKey(TableNumber table, Slot slot, std::string_view before,
                       const items::Attribute& hash) {
  std::string part;
  items::AppendKeyPart(hash, part);
  std::string out = SlotPrefix(table, slot);
  out += before;
  AppendBig32(PartitionHash(part), out);
  out += part;
  return out;
}

}  // namespace

void AppendBig32(std::uint32_t number, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}
void AppendBig64(std::uint64_t number, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}
std::uint32_t ReadBig32(std::string_view bytes) {
  CHECK(bytes.size() >= 4);
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}
std::uint64_t ReadBig64(std::string_view bytes) {
  CHECK(bytes.size() >= 8);
  return std::uint64_t{ReadBig32(bytes)} << 32 | ReadBig32(bytes.substr(4));
}

std::uint32_t PartitionHash(std::string_view key_part) {
  std::uint64_t hash = kFnvStart;
  for (const char c : key_part) hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  return static_cast<std::uint32_t>(hash >> 32);
}

std::string TablePrefix(TableNumber table) {
  std::string out;
  out.reserve(64);
  AppendBig32(table, out);
  return out;
}
std::string SlotPrefix(TableNumber table, Slot slot) {
  std::string out = TablePrefix(table);
  out += static_cast<char>(slot);
  return out;
}
std::string PartitionPrefix(TableNumber table, Slot slot, const items::Attribute& hash) {
  std::string part;
  items::AppendKeyPart(hash, part);
  std::string out = SlotPrefix(table, slot);
  AppendBig32(PartitionHash(part), out);
  return out;
}

std::string ItemPlace(const Table& table, const items::Item& item) {
  const items::Attribute* hash = item.Find(table.keys.hash.name);
  CHECK(hash != nullptr);
  std::string out = HashAndKey(table.number, kItemsSlot, "", *hash);
  if (table.keys.range) {
    const items::Attribute* range = item.Find(table.keys.range->name);
    CHECK(range != nullptr);
    items::AppendKeyPart(*range, out);
  }
  return out;
}

std::string TombPlace(std::string_view item_place) {
  std::string out(item_place);
  out[kSlotPrefix - 1] = static_cast<char>(kTombsSlot);
  return out;
}

std::string EntryPlace(const Table& table, const Index& index, const items::Item& item) {
  const items::Attribute* hash = item.Find(index.keys.hash.name);
  if (!CanStand(hash, index.keys.hash.type, items::kMaxHashKeySize)) return "";
  const items::Attribute* range = nullptr;
  if (index.keys.range) {
    range = item.Find(index.keys.range->name);
    if (!CanStand(range, index.keys.range->type, items::kMaxRangeKeySize)) return "";
  }
  std::string out = HashAndKey(table.number, index.slot, "", *hash);
  if (range != nullptr) items::AppendKeyPart(*range, out);
  items::AppendKey(table.keys, item, out);
  return out;
}

std::string ExpiryPlace(const Table& table, const items::Item& item) {
  const items::Attribute* when = item.Find(table.ttl.attribute);
  if (when == nullptr || when->n() == nullptr) return "";
  const std::int64_t seconds = when->n()->ToInteger();
  if (seconds <= 0 || seconds > kMaxSeconds) return "";
  const items::Attribute* hash = item.Find(table.keys.hash.name);
  CHECK(hash != nullptr);
  std::string before;
  AppendBig64(static_cast<std::uint64_t>(seconds), before);
  std::string out = HashAndKey(table.number, kExpiriesSlot, before, *hash);
  if (table.keys.range) items::AppendKeyPart(*item.Find(table.keys.range->name), out);
  return out;
}

std::string ItemPlaceOfExpiry(std::string_view expiry_place) {
  CHECK(expiry_place.size() > kSlotPrefix + 8);
  std::string out(expiry_place.substr(0, kSlotPrefix - 1));
  out += static_cast<char>(kItemsSlot);
  out += expiry_place.substr(kSlotPrefix + 8);
  return out;
}

base::Result<items::Item> KeyFromPlace(const Table& table, std::string_view item_place) {
  if (item_place.size() < kKeyPrefix) return base::Corrupt("an item's key is cut short");
  std::string_view rest = item_place.substr(kKeyPrefix);
  items::Item key;
  ASSIGN_OR_RETURN(items::Attribute hash, items::ReadKeyPart(table.keys.hash.type, rest));
  key.Set(table.keys.hash.name, std::move(hash));
  if (table.keys.range) {
    ASSIGN_OR_RETURN(items::Attribute range, items::ReadKeyPart(table.keys.range->type, rest));
    key.Set(table.keys.range->name, std::move(range));
  }
  return key;
}

std::string LogPlace(TableNumber table, std::uint64_t sequence) {
  std::string out = TablePrefix(table);
  AppendBig64(sequence, out);
  return out;
}
std::string MetaOfTable(std::string_view name) { return "t" + std::string(name); }
std::string MetaOfExtent(TableNumber table) {
  std::string out = "e";
  AppendBig32(table, out);
  return out;
}
std::string MetaOfDeparted(TableNumber table) {
  std::string out = "g";
  AppendBig32(table, out);
  return out;
}
std::string AfterTable(TableNumber table) { return TablePrefix(table + 1); }

void AppendHead(const Version& version, std::uint32_t size, std::string& out) {
  AppendBig64(static_cast<std::uint64_t>(version.micros), out);
  AppendBig32(size, out);
  CHECK(version.region.size() < 256);
  out += static_cast<char>(version.region.size());
  out += version.region;
}

Head ReadHead(std::string_view value) {
  CHECK(value.size() >= 13);
  const auto region = static_cast<unsigned char>(value[12]);
  CHECK(value.size() >= 13U + region);
  Head head;
  head.version.micros = static_cast<std::int64_t>(ReadBig64(value));
  head.version.region = value.substr(13, region);
  head.size = ReadBig32(value.substr(8));
  head.item = value.substr(13U + region);
  return head;
}

}  // namespace leeward::lab::tables
