#include <optional>
#include <utility>

#include "lab/items/json.h"
#include "lab/items/legacy.h"
#include "lab/items/update.h"
#include "lab/tables/handlers.h"
#include "lab/tables/item_updates.h"
#include "lab/tables/item_writes.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

struct Change {
  items::Item key;
  std::optional<items::Update> update;  // none: makes the item when it is not there
  std::optional<items::Condition> condition;
  Returned returned = Returned::kNone;
};

Outcome<Change> ReadChange(const Json& body) {
  Change change;
  RETURN_IF_ERROR(CheckOneKind(body, {"AttributeUpdates", "Expected", "ConditionalOperator"},
                               {"UpdateExpression", "ConditionExpression"}));
  ASSIGN_OR_RETURN(items::Placeholders placeholders,
                   PlaceholdersOf(body, {"UpdateExpression", "ConditionExpression"},
                                  {"UpdateExpression", "ConditionExpression"}));
  ASSIGN_OR_RETURN(change.key, items::ItemFromJson(*Find(body, "Key")));
  change.returned = ReturnedBy(body);
  if (const Json* updates = Find(body, "AttributeUpdates")) {
    ASSIGN_OR_RETURN(change.update, items::UpdateFromAttributeUpdates(*updates));
  }
  ASSIGN_OR_RETURN(change.condition, ExpectedOf(body));
  if (const Json* text = Find(body, "UpdateExpression")) {
    ASSIGN_OR_RETURN(change.update, items::Update::Parse(TextOf(*text), placeholders));
  }
  if (!change.condition) {
    ASSIGN_OR_RETURN(change.condition, ConditionOf(body, "ConditionExpression", placeholders));
  }
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  return change;
}

void AppendReturned(const Change& change, const Found& old, const items::Item& updated,
                    std::string& members) {
  const auto append = [&members](const items::Item& item) {
    if (!item.empty()) AppendAttributes("Attributes", item, members);
  };
  switch (change.returned) {
    case Returned::kNone:
      return;
    case Returned::kAllOld:
      if (old.exists()) AppendStoredAttributes("Attributes", old.head().item, members);
      return;
    case Returned::kAllNew:
      return append(updated);
    case Returned::kUpdatedOld:
      if (change.update) append(change.update->TouchedOld(old.item()));
      return;
    case Returned::kUpdatedNew:
      if (change.update) append(change.update->TouchedNew(old.item(), updated));
      return;
  }
}

Outcome<WireAnswer> CarryChange(const Request& request) {
  Core& core = request.core;
  const Json& body = request.body;
  ASSIGN_OR_RETURN(const Change change, ReadChange(body));
  ASSIGN_OR_RETURN(Table* const table, TableOfItems(core, body));
  RETURN_IF_ERROR(items::CheckKey(table->keys, change.key));
  if (change.update) RETURN_IF_ERROR(change.update->CheckKey(table->keys));
  RETURN_IF_ERROR(CheckScalars(*table, change.update));
  RETURN_IF_ERROR(CheckScalars(*table, change.condition));
  RETURN_IF_ERROR(AdmitWrite(core, *table));
  const std::string place = ItemPlace(*table, change.key);
  ASSIGN_OR_RETURN(const Found old, ReadItem(core, place));
  if (change.condition && !change.condition->Holds(old.item())) {
    ChargeFailed(*table, old);
    return ConditionFailed(body, old);
  }
  ASSIGN_OR_RETURN(const items::Item updated, Updated(*table, change.key, change.update, old));
  Write write(core);
  const WriteCost cost = write.Put(*table, place, old, updated);
  RETURN_IF_ERROR(AdmitIndexes(core, *table, cost));
  RETURN_IF_ERROR(write.Commit());
  std::string members;
  AppendReturned(change, old, updated, members);
  AppendWritten(request, *table, change.key, cost, members);
  return WireAnswer{200, ObjectOf(std::move(members))};
}

}  // namespace

Outcome<items::Item> Updated(const Table& table, const items::Item& key,
                             const std::optional<items::Update>& update, const Found& old) {
  const items::Item& before = old.exists() ? old.item() : key;
  if (!update) return before;
  ASSIGN_OR_RETURN(items::Item updated, update->Apply(before));
  RETURN_IF_ERROR(CheckIndexKeys(table, updated));
  RETURN_IF_ERROR(items::CheckNesting(updated));
  RETURN_IF_ERROR(items::CheckUpdatedSize(updated));
  return updated;
}

WireAnswer UpdateItem(const Request& request) { return Flat(CarryChange(request)); }

}  // namespace leeward::lab::tables
