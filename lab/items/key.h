// Keys: a table's or an index's key schema, the checks of key values, and key bytes that sort as
// DynamoDB sorts.
//
// A part of a key is an S, N or B. Its bytes sort as the values do and end by themselves, so parts
// can stand behind each other in a RocksDB key: prefix, partition value, sort value, and for an
// index the table's own key behind.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/items/attribute.h"
#include "lab/items/outcome.h"

namespace leeward::lab::items {

struct KeyPart {
  std::string name;
  Type type = Type::kS;  // kS, kN or kB
};
struct KeySchema {
  KeyPart hash;
  std::optional<KeyPart> range;
  bool Has(std::string_view name) const {
    return name == hash.name || (range && name == range->name);
  }
};

// Checks a Key parameter (GetItem, UpdateItem, DeleteItem, batch and transaction keys). Order:
// number, names and types of its elements ("The provided key element does not match the schema"),
// then hash and range, each: an empty value ("One or more parameter values are not valid. The
// AttributeValue for a key attribute cannot contain an empty string value. Key: pk"), its size
// ("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit
// of2048 bytes", "... Aggregated size of all range keys has exceeded the size limit of 1024
// bytes").
Verdict CheckKey(const KeySchema& schema, const Item& key);
// Checks that an item to be put has the key. Order: hash then range, each: "One or more parameter
// values were invalid: Missing the key pk in the item", "... Type mismatch for key pk expected: S
// actual: N", empty, then sizes as above.
Verdict CheckItemKey(const KeySchema& schema, const Item& item);
// Checks an item's attributes that are keys of a secondary index; they may be missing. "One or more
// parameter values were invalid: Type mismatch for Index Key a Expected: S Actual: N IndexName: i";
// "One or more parameter values are not valid. A value specified for a secondary index key is not
// supported. The AttributeValue for a key attribute cannot contain an empty string value.
// IndexName: i, IndexKey: a"; sizes.
Verdict CheckIndexKey(const KeySchema& schema, std::string_view index, const Item& item);

// The same for one value: "One or more parameter values are not valid. The AttributeValue for a key
// attribute cannot contain an empty string value. Key: pk".
Verdict CheckKeyNotEmpty(std::string_view name, const Attribute& value);

// The attributes of the schema that the item has: its key, as LastEvaluatedKey wants it.
Item KeyOf(const KeySchema& schema, const Item& item);

// Appends the part's bytes: strings and binaries with zero bytes escaped and an end mark, numbers
// by Number::AppendKey. CHECKs that it is S, N or B.
void AppendKeyPart(const Attribute& value, std::string& out);
// Appends hash and, if the schema has one, range. CHECKs that the item has them.
void AppendKey(const KeySchema& schema, const Item& item, std::string& out);
// Appends the bytes with which the bytes of every S (or B) begin that begins with the value's text.
void AppendKeyPrefix(const Attribute& value, std::string& out);
// Reads a part off the front of `in`; kCorrupt when it is not one.
base::Result<Attribute> ReadKeyPart(Type type, std::string_view& in);

// The smallest bytes that are greater than all that begin with `prefix`; empty when there are none.
std::string AfterPrefix(std::string_view prefix);

}  // namespace leeward::lab::items
