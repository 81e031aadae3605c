// Items: what Leeward itself keeps in an application's DynamoDB table: canaries, probe writes and
// markers, each one item whose key begins with "leeward".
//
// The table's key is the application's; what is written fits whatever its attributes are called and
// whichever type they have. Nothing else is ever read or written by name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/inventory.h"
#include "shapes/value.h"

namespace leeward::steps {

struct KeyAttribute {
  std::string name;        // empty: the key has no such attribute
  std::string type = "S";  // S, N or B
};
struct TableKey {
  KeyAttribute hash, range;
};
// Of the member "Table" of DescribeTable.
TableKey KeyOf(const shapes::Value& table);
// As inventory.refresh noted it; absent: it did not.
std::optional<TableKey> KeyOf(const model::Inventory& inventory,
                              const model::ComponentName& component, const model::Region& region);
void NoteKey(const TableKey& key,
             const std::function<void(const std::string& name, std::string value)>& put);

// One operation of the item API in one Region.
using ItemCall = std::function<base::Result<shapes::Value>(std::string_view operation,
                                                           const shapes::Value& input)>;
struct ItemTable {
  std::string name;
  TableKey key;
  ItemCall call;
};

// `what` as in "canary:us-east-1".
base::Status PutStamp(const ItemTable& table, std::string_view what, base::WallTime stamp);
// The same on the condition that no newer stamp is there: proves that conditions are judged.
base::Status ProbeWrite(const ItemTable& table, std::string_view what, base::WallTime stamp);
// Strongly consistent within the Region. nullopt: it is not there.
base::Result<std::optional<base::WallTime>> GetStamp(const ItemTable& table, std::string_view what);

// Whether the item is one of Leeward's own: by its key.
bool IsLeewards(const TableKey& key, const shapes::Value& item);

}  // namespace leeward::steps
