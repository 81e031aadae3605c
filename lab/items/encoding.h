// The stored form of an Item: compact bytes, from which an answer's JSON is written without
// building the Item.
//
//   item        1 (the version), attributes
//   attributes  count, then each: name, type (a byte, items::Type), value; sorted by name, so that
//               equal items have equal bytes
//   text        length, bytes; lengths and counts are LEB128
//   value       S, B and names: a text. N: its canonical text. BOOL: a byte. NULL: nothing.
//               SS, NS, BS: size, count, texts. L: size, count, each: type, value.
//               M: size, attributes
//   size        four bytes, little-endian: how much of the value follows, so that it can be skipped
//
// The bytes trust their store (RocksDB's checksums); still, reading refuses what does not hold
// together as kCorrupt, and never reads outside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/items/attribute.h"

namespace leeward::lab::items {

void AppendStored(const Item& item, std::string& out);
std::string ToStored(const Item& item);

base::Result<Item> ItemFromStored(std::string_view stored);
// Appends what AppendJson(item) would. On an error `out` may have grown.
base::Status AppendJsonFromStored(std::string_view stored, std::string& out);
// SizeOf the item.
base::Result<std::size_t> SizeOfStored(std::string_view stored);
// One top-level attribute without reading the others; nullopt when it is not there.
base::Result<std::optional<Attribute>> FindInStored(std::string_view stored, std::string_view name);

}  // namespace leeward::lab::items
