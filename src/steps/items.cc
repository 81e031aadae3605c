#include "steps/items.h"

#include <charconv>

namespace leeward::steps {
namespace {

using shapes::Value;

constexpr std::string_view kPrefix = "leeward#";
constexpr std::string_view kRange = "leeward";
constexpr char kStamp[] = "leeward_stamp";

// A number that no application uses by accident: FNV-1a of the text, negative.
std::string NumberOf(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return "-" + std::to_string(hash) + "7331";
}

Value AttributeOf(const KeyAttribute& attribute, std::string_view text) {
  if (attribute.type == "N") return Value::Struct({{"N", NumberOf(text)}});
  if (attribute.type == "B") return Value::Struct({{"B", Value(shapes::Blob{std::string(text)})}});
  return Value::Struct({{"S", std::string(text)}});
}

Value KeyFor(const TableKey& key, std::string_view what) {
  Value value = Value::Struct(
      {{key.hash.name, AttributeOf(key.hash, std::string(kPrefix) + std::string(what))}});
  if (!key.range.name.empty()) value.Set(key.range.name, AttributeOf(key.range, kRange));
  return value;
}

Value Number(base::WallTime stamp) {
  return Value::Struct({{"N", std::to_string(stamp.since_epoch.count())}});
}

Value PutInput(const ItemTable& table, std::string_view what, base::WallTime stamp) {
  Value item = KeyFor(table.key, what);
  item.Set(kStamp, Number(stamp));
  return Value::Struct({{"TableName", table.name}, {"Item", std::move(item)}});
}

base::Status Put(const ItemTable& table, const Value& input) {
  const auto answer = table.call("PutItem", input);
  return answer.ok() ? base::Ok() : base::Status(answer.error());
}

}  // namespace

TableKey KeyOf(const Value& table) {
  TableKey key;
  for (const Value& element : table.Items("KeySchema")) {
    KeyAttribute& attribute = element.String("KeyType") == "HASH" ? key.hash : key.range;
    attribute.name = element.String("AttributeName");
    for (const Value& definition : table.Items("AttributeDefinitions")) {
      if (definition.String("AttributeName") == attribute.name)
        attribute.type = definition.String("AttributeType");
    }
  }
  return key;
}

std::optional<TableKey> KeyOf(const model::Inventory& inventory,
                              const model::ComponentName& component, const model::Region& region) {
  const auto fact = [&](const char* name) {
    return std::string(inventory.Fact(component, region, name));
  };
  TableKey key{{fact("key.hash.name"), fact("key.hash.type")},
               {fact("key.range.name"), fact("key.range.type")}};
  if (key.hash.name.empty() || key.hash.type.empty()) return std::nullopt;
  return key;
}

void NoteKey(const TableKey& key,
             const std::function<void(const std::string& name, std::string value)>& put) {
  put("key.hash.name", key.hash.name);
  put("key.hash.type", key.hash.type);
  if (key.range.name.empty()) return;
  put("key.range.name", key.range.name);
  put("key.range.type", key.range.type);
}

base::Status PutStamp(const ItemTable& table, std::string_view what, base::WallTime stamp) {
  return Put(table, PutInput(table, what, stamp));
}

base::Status ProbeWrite(const ItemTable& table, std::string_view what, base::WallTime stamp) {
  Value input = PutInput(table, what, stamp);
  input.Set("ConditionExpression", "attribute_not_exists(#s) OR #s <= :now");
  input.Set("ExpressionAttributeNames", Value::Struct({{"#s", kStamp}}));
  input.Set("ExpressionAttributeValues", Value::Struct({{":now", Number(stamp)}}));
  base::Status put = Put(table, input);
  // Another clock, ahead of this one, wrote last: the condition was judged, which is half the
  // proof.
  if (!put.ok() && put.error().service_code() == "ConditionalCheckFailedException")
    return PutStamp(table, what, stamp);
  return put;
}

base::Result<std::optional<base::WallTime>> GetStamp(const ItemTable& table,
                                                     std::string_view what) {
  ASSIGN_OR_RETURN(const Value answer,
                   table.call("GetItem", Value::Struct({{"TableName", table.name},
                                                        {"Key", KeyFor(table.key, what)},
                                                        {"ConsistentRead", true}})));
  const Value* item = answer.Find("Item");
  if (item == nullptr) return std::optional<base::WallTime>();
  const std::string_view text = item->Sub(kStamp).String("N");
  std::int64_t stamp = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, stamp).ptr != end) {
    return base::Corrupt("item " + std::string(kPrefix) + std::string(what) + " of table " +
                         table.name + " holds no stamp; delete it");
  }
  return std::optional<base::WallTime>(base::WallTime{base::Duration(stamp)});
}

bool IsLeewards(const TableKey& key, const Value& item) {
  const Value& hash = item.Sub(key.hash.name);
  if (const Value* bytes = hash.Find("B"); bytes != nullptr && bytes->is_blob())
    return bytes->blob().bytes.starts_with(kPrefix);
  if (hash.Has("N")) return hash.String("N").ends_with("7331") && item.Has(kStamp);
  return hash.String("S").starts_with(kPrefix);
}

}  // namespace leeward::steps
