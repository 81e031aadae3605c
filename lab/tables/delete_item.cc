#include <optional>
#include <utility>

#include "lab/items/json.h"
#include "lab/tables/handlers.h"
#include "lab/tables/item_writes.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

struct Deletion {
  items::Item key;
  std::optional<items::Condition> condition;
  Returned returned = Returned::kNone;
};

Outcome<Deletion> ReadDeletion(const Json& body) {
  Deletion deletion;
  RETURN_IF_ERROR(CheckOneKind(body, {"Expected", "ConditionalOperator"}, {"ConditionExpression"}));
  ASSIGN_OR_RETURN(items::Placeholders placeholders,
                   PlaceholdersOf(body, {"ConditionExpression"}, {"ConditionExpression"}));
  ASSIGN_OR_RETURN(deletion.key, items::ItemFromJson(*Find(body, "Key")));
  deletion.returned = ReturnedBy(body);
  if (deletion.returned != Returned::kNone && deletion.returned != Returned::kAllOld) {
    return ValidationError("ReturnValues can only be ALL_OLD or NONE");
  }
  ASSIGN_OR_RETURN(deletion.condition, ExpectedOf(body));
  if (!deletion.condition) {
    ASSIGN_OR_RETURN(deletion.condition, ConditionOf(body, "ConditionExpression", placeholders));
  }
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  return deletion;
}

Outcome<WireAnswer> CarryDeletion(const Request& request) {
  Core& core = request.core;
  const Json& body = request.body;
  ASSIGN_OR_RETURN(const Deletion deletion, ReadDeletion(body));
  ASSIGN_OR_RETURN(Table* const table, TableOfItems(core, body));
  RETURN_IF_ERROR(items::CheckKey(table->keys, deletion.key));
  RETURN_IF_ERROR(CheckScalars(*table, deletion.condition));
  RETURN_IF_ERROR(AdmitWrite(core, *table));
  const std::string place = ItemPlace(*table, deletion.key);
  ASSIGN_OR_RETURN(const Found old, ReadItem(core, place));
  if (deletion.condition && !deletion.condition->Holds(old.item())) {
    ChargeFailed(*table, old);
    return ConditionFailed(body, old);
  }
  Write write(core);
  const WriteCost cost = write.Delete(*table, place, old, deletion.key);
  RETURN_IF_ERROR(AdmitIndexes(core, *table, cost));
  RETURN_IF_ERROR(write.Commit());
  std::string members;
  if (deletion.returned == Returned::kAllOld && old.exists()) {
    AppendStoredAttributes("Attributes", old.head().item, members);
  }
  AppendWritten(request, *table, deletion.key, cost, members);
  return WireAnswer{200, ObjectOf(std::move(members))};
}

}  // namespace

WireAnswer DeleteItem(const Request& request) { return Flat(CarryDeletion(request)); }

}  // namespace leeward::lab::tables
