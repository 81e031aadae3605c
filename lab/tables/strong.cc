#include "lab/tables/strong.h"

#include <array>
#include <string>
#include <utility>

#include "lab/items/encoding.h"
#include "lab/items/json.h"

namespace leeward::lab::tables {
namespace {

using Intent = ReplicaKeeper::Intent;

struct Operation {
  std::string_view operation;
  Intent intent;
  std::string_view item;  // the member that holds the key, or an item with it; empty: all of it
};
constexpr std::array kOperations = {
    Operation{"PutItem", Intent::kWrite, "Item"},   Operation{"UpdateItem", Intent::kWrite, "Key"},
    Operation{"DeleteItem", Intent::kWrite, "Key"}, Operation{"GetItem", Intent::kRead, "Key"},
    Operation{"Query", Intent::kRead, ""},          Operation{"Scan", Intent::kRead, ""},
};

class Finder {
 public:
  explicit Finder(const Request& request) : request_(request) {}

  std::optional<StrongPart> Find() {
    const std::string_view operation = request_.operation.name;
    if (operation == "BatchWriteItem") BatchWrite();
    if (operation == "BatchGetItem") BatchGet();
    for (const Operation& kind : kOperations) {
      if (kind.operation == operation) One(kind);
    }
    if (part_.touched.empty()) return std::nullopt;
    return std::move(part_);
  }

 private:
  const Table* Strong(std::string_view name_or_arn) const {
    const auto table = TableOfItems(request_.core, name_or_arn);
    if (!table.ok() || !request_.core.options.replicas->IsStrong((*table)->name)) return nullptr;
    return *table;
  }

  void Add(const Table& table, const Json* item) {
    if (item == nullptr) return part_.touched.push_back({table.name, ""});
    const auto read = items::ItemFromJson(*item);
    if (!read.ok()) return;
    const items::Item key = items::KeyOf(table.keys, *read);
    if (!items::CheckKey(table.keys, key).ok()) return;
    part_.touched.push_back({table.name, items::ToStored(key)});
  }

  void One(const Operation& kind) {
    const Json& body = request_.body;
    const bool weak = kind.intent == Intent::kRead && FlagOf(body, "ConsistentRead") == Flag::kOff;
    const Table* table = weak ? nullptr : Strong(Text(body, "TableName"));
    if (table == nullptr) return;
    part_.intent = kind.intent;
    Add(*table, kind.item.empty() ? nullptr : tables::Find(body, kind.item));
  }

  void BatchWrite() {
    part_.intent = Intent::kWrite;
    for (const auto& entry : tables::Find(request_.body, "RequestItems")->GetObject()) {
      const Table* table = Strong(TextOf(entry.name));
      if (table == nullptr || !entry.value.IsArray()) continue;
      for (const Json& asked : entry.value.GetArray()) {
        if (const Json* put = tables::Find(asked, "PutRequest")) {
          Add(*table, tables::Find(*put, "Item"));
        } else if (const Json* deletion = tables::Find(asked, "DeleteRequest")) {
          Add(*table, tables::Find(*deletion, "Key"));
        }
      }
    }
  }

  void BatchGet() {
    for (const auto& entry : tables::Find(request_.body, "RequestItems")->GetObject()) {
      if (FlagOf(entry.value, "ConsistentRead") == Flag::kOff) continue;
      const Table* table = Strong(TextOf(entry.name));
      const Json* keys = tables::Find(entry.value, "Keys");
      if (table == nullptr || keys == nullptr) continue;
      for (const Json& key : keys->GetArray()) Add(*table, &key);
    }
  }

  const Request& request_;
  StrongPart part_;
};

}  // namespace

std::optional<StrongPart> StrongPartOf(const Request& request) {
  if (request.core.options.replicas == nullptr) return std::nullopt;
  return Finder(request).Find();
}

}  // namespace leeward::lab::tables
