#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lab/items/json.h"
#include "lab/tables/handlers.h"
#include "lab/tables/item_writes.h"
#include "lab/tables/parameters.h"

namespace leeward::lab::tables {
namespace {

constexpr std::size_t kMaxRequests = 25;

struct One {
  items::Item item;  // the whole item, or the key of one to delete
  bool put = false;
  std::string place;
};

// What is asked of one table.
struct TableWrites {
  std::string_view name;  // as the request has it
  const Json* asked = nullptr;
  std::vector<One> requests;
  Table* table = nullptr;
};

Outcome<One> ReadWrite(const Json& asked) {
  const Json* put = Find(asked, "PutRequest");
  const Json* deletion = Find(asked, "DeleteRequest");
  if ((put == nullptr) == (deletion == nullptr)) {
    return ValidationError(
        put == nullptr
            ? "Supplied WriteRequest is empty, must contain exactly one of PutRequest or "
              "DeleteRequest"
            : "Supplied WriteRequest has more than one of PutRequest and DeleteRequest set, must "
              "contain exactly one of them");
  }
  One one;
  one.put = put != nullptr;
  ASSIGN_OR_RETURN(one.item,
                   items::ItemFromJson(one.put ? *Find(*put, "Item") : *Find(*deletion, "Key")));
  if (one.put) RETURN_IF_ERROR(items::CheckItemSize(one.item));
  return one;
}

Outcome<std::vector<TableWrites>> ReadWrites(const Json& body) {
  std::vector<TableWrites> parts;
  std::size_t count = 0;
  for (const auto& entry : Find(body, "RequestItems")->GetObject()) {
    if (entry.value.IsNull()) continue;
    TableWrites part;
    part.name = TextOf(entry.name);
    part.asked = &entry.value;
    for (const Json& asked : entry.value.GetArray()) {
      ASSIGN_OR_RETURN(One one, ReadWrite(asked));
      part.requests.push_back(std::move(one));
    }
    count += part.requests.size();
    parts.push_back(std::move(part));
  }
  if (count > kMaxRequests) {
    return ValidationError("Too many items requested for the BatchWriteItem call");
  }
  return parts;
}

// An item of a batch is refused for its key as a key is, not as PutItem refuses it; only what is
// empty is told in the same words.
Verdict CheckPut(const Table& table, const items::Item& item) {
  RETURN_IF_ERROR(items::CheckKey(table.keys, items::KeyOf(table.keys, item)));
  return CheckItem(table, item);
}

Verdict FindTables(const Core& core, std::vector<TableWrites>& parts) {
  std::set<std::string> seen;
  for (TableWrites& part : parts) {
    ASSIGN_OR_RETURN(part.table, TableOfItems(core, part.name));
    for (One& one : part.requests) {
      RETURN_IF_ERROR(one.put ? CheckPut(*part.table, one.item)
                              : items::CheckKey(part.table->keys, one.item));
      one.place = ItemPlace(*part.table, one.item);
      if (!seen.insert(one.place).second) {
        return ValidationError("Provided list of item keys contains duplicates");
      }
    }
  }
  return {};
}

Verdict StagePart(const Core& core, const TableWrites& part, Write& write, Meter& meter) {
  for (const One& one : part.requests) {
    ASSIGN_OR_RETURN(const Found old, ReadItem(core, one.place));
    meter.Wrote(one.put ? write.Put(*part.table, one.place, old, one.item)
                        : write.Delete(*part.table, one.place, old, one.item));
  }
  return {};
}

void AppendUnprocessed(const TableWrites& part, std::string& out) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  part.asked->Accept(writer);
  items::AppendJsonString(part.name, out);
  out += ':';
  out.append(buffer.GetString(), buffer.GetSize());
}

std::string CollectionsOf(const TableWrites& part) {
  std::string out;
  std::set<std::string> seen;
  for (const One& one : part.requests) {
    std::string collection;
    AppendCollection(*part.table, one.item, collection);
    if (!seen.insert(collection).second) continue;
    out += out.empty() ? "" : ",";
    out += collection;
  }
  return out;
}

Outcome<std::string> CarryWrites(const Request& request) {
  Core& core = request.core;
  ASSIGN_OR_RETURN(std::vector<TableWrites> parts, ReadWrites(request.body));
  RETURN_IF_ERROR(FindTables(core, parts));
  const Shown shown = ShownBy(request.body);
  Write write(core);
  std::vector<Meter> meters;
  std::string left;
  std::string collections;
  Verdict refused;
  for (const TableWrites& part : parts) {
    const Verdict admitted = AdmitWrite(core, *part.table);
    meters.emplace_back(*part.table, part.name);
    if (!admitted.ok()) {
      refused = admitted;
      left += left.empty() ? "" : ",";
      AppendUnprocessed(part, left);
      continue;
    }
    RETURN_IF_ERROR(StagePart(core, part, write, meters.back()));
    if (!ShowsCollection(request.body, *part.table)) continue;
    collections += collections.empty() ? "" : ",";
    items::AppendJsonString(part.name, collections);
    collections += fmt::format(":[{}]", CollectionsOf(part));
  }
  double units = 0;
  for (const Meter& meter : meters) units += meter.total();
  if (units == 0 && !refused.ok()) return ApiError(refused.error());
  RETURN_IF_ERROR(write.Commit());
  std::string consumed;
  for (const Meter& meter : meters) {
    meter.Charge();
    consumed += consumed.empty() ? "" : ",";
    meter.Append(shown, Meter::Form::kPlain, consumed);
  }
  std::string out = fmt::format(R"({{"UnprocessedItems":{{{}}})", left);
  if (!collections.empty()) {
    out += fmt::format(R"(,"ItemCollectionMetrics":{{{}}})", collections);
  }
  if (shown != Shown::kNone) out += fmt::format(R"(,"ConsumedCapacity":[{}])", consumed);
  return out + '}';
}

}  // namespace

WireAnswer BatchWriteItem(const Request& request) { return ToAnswer(CarryWrites(request)); }

}  // namespace leeward::lab::tables
