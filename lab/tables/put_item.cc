#include <optional>
#include <utility>

#include "lab/items/json.h"
#include "lab/tables/capacity.h"
#include "lab/tables/handlers.h"
#include "lab/tables/item_writes.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

struct Put {
  items::Item item;
  std::optional<items::Condition> condition;
  Returned returned = Returned::kNone;
};

// What can be said of the request without its table.
Outcome<Put> ReadPut(const Json& body) {
  Put put;
  RETURN_IF_ERROR(CheckOneKind(body, {"Expected", "ConditionalOperator"}, {"ConditionExpression"}));
  ASSIGN_OR_RETURN(items::Placeholders placeholders,
                   PlaceholdersOf(body, {"ConditionExpression"}, {"ConditionExpression"}));
  ASSIGN_OR_RETURN(put.item, items::ItemFromJson(*Find(body, "Item")));
  put.returned = ReturnedBy(body);
  if (put.returned != Returned::kNone && put.returned != Returned::kAllOld) {
    return ValidationError("ReturnValues can only be ALL_OLD or NONE");
  }
  RETURN_IF_ERROR(items::CheckItemSize(put.item));
  ASSIGN_OR_RETURN(put.condition, ExpectedOf(body));
  if (!put.condition) {
    ASSIGN_OR_RETURN(put.condition, ConditionOf(body, "ConditionExpression", placeholders));
  }
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  return put;
}

Outcome<WireAnswer> CarryPut(const Request& request) {
  Core& core = request.core;
  const Json& body = request.body;
  ASSIGN_OR_RETURN(const Put put, ReadPut(body));
  ASSIGN_OR_RETURN(Table* const table, TableOfItems(core, body));
  RETURN_IF_ERROR(CheckItem(*table, put.item));
  RETURN_IF_ERROR(CheckScalars(*table, put.condition));
  RETURN_IF_ERROR(AdmitWrite(core, *table));
  const std::string place = ItemPlace(*table, put.item);
  ASSIGN_OR_RETURN(const Found old, ReadItem(core, place));
  if (put.condition && !put.condition->Holds(old.item())) {
    ChargeFailed(*table, old);
    return ConditionFailed(body, old);
  }
  Write write(core);
  const WriteCost cost = write.Put(*table, place, old, put.item);
  RETURN_IF_ERROR(AdmitIndexes(core, *table, cost));
  RETURN_IF_ERROR(write.Commit());
  std::string members;
  if (put.returned == Returned::kAllOld && old.exists()) {
    AppendStoredAttributes("Attributes", old.head().item, members);
  }
  AppendWritten(request, *table, put.item, cost, members);
  return WireAnswer{200, ObjectOf(std::move(members))};
}

}  // namespace

WireAnswer PutItem(const Request& request) { return Flat(CarryPut(request)); }

}  // namespace leeward::lab::tables
