#include <fmt/format.h>

#include <optional>
#include <utility>

#include "lab/items/json.h"
#include "lab/items/key_condition.h"
#include "lab/items/legacy.h"
#include "lab/tables/handlers.h"
#include "lab/tables/layout.h"
#include "lab/tables/page.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

struct AskedQuery {
  PagePlan plan;
  std::optional<items::KeyConditionForm> conditions;
  std::optional<items::Item> start;
};

// KeyConditions stand in for KeyConditionExpression alone: they go with the other expressions.
Verdict CheckNoMix(const Json& body) {
  if (Find(body, "KeyConditionExpression") == nullptr) {
    return CheckOneKind(body, {"AttributesToGet", "QueryFilter", "ConditionalOperator"},
                        {"ProjectionExpression", "FilterExpression"});
  }
  return CheckOneKind(body,
                      {"AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"},
                      {"ProjectionExpression", "FilterExpression", "KeyConditionExpression"});
}

Verdict ReadLegacy(const Json& body, AskedQuery& query) {
  if (const Json* filter = Find(body, "QueryFilter")) {
    ASSIGN_OR_RETURN(query.plan.filter,
                     items::ConditionFromFilter(*filter, Text(body, "ConditionalOperator")));
  }
  if (const Json* keys = Find(body, "KeyConditions")) {
    ASSIGN_OR_RETURN(query.conditions, items::KeyConditionsFromJson(*keys));
  }
  return {};
}

Verdict ReadConditions(const Json& body, items::Placeholders& placeholders, AskedQuery& query) {
  if (Find(body, "FilterExpression") != nullptr) {
    ASSIGN_OR_RETURN(query.plan.filter, ConditionOf(body, "FilterExpression", placeholders));
  }
  if (const Json* text = Find(body, "KeyConditionExpression")) {
    ASSIGN_OR_RETURN(query.conditions, items::KeyConditionForm::Parse(TextOf(*text), placeholders));
  }
  ASSIGN_OR_RETURN(query.plan.projection, ProjectionOf(body, placeholders));
  return placeholders.CheckAllUsed();
}

// What can be said of the request without its table.
Outcome<AskedQuery> ReadQuery(const Json& body) {
  AskedQuery query;
  RETURN_IF_ERROR(CheckNoMix(body));
  RETURN_IF_ERROR(
      CheckPlaced(body, {"FilterExpression", "KeyConditionExpression", "ProjectionExpression"},
                  {"FilterExpression", "KeyConditionExpression"}));
  RETURN_IF_ERROR(ReadLegacy(body, query));
  ASSIGN_OR_RETURN(query.start, StartOf(body));
  ASSIGN_OR_RETURN(
      items::Placeholders placeholders,
      PlaceholdersOf(body, {"FilterExpression", "KeyConditionExpression", "ProjectionExpression"},
                     {"FilterExpression", "KeyConditionExpression"}));
  const std::string_view combined = Text(body, "ConditionalOperator");
  if (!combined.empty()) {
    const Json* filter = Find(body, "QueryFilter");
    RETURN_IF_ERROR(
        items::CheckConditionalOperator(combined, filter == nullptr ? 0 : filter->MemberCount()));
  }
  RETURN_IF_ERROR(ReadConditions(body, placeholders, query));
  ASSIGN_OR_RETURN(query.plan.select, SelectOf(body, "Querying"));
  if (!query.conditions) {
    return ValidationError(
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request.");
  }
  if (FlagOf(body, "ConsistentRead") == Flag::kOn) query.plan.consistency = Consistency::kStrong;
  query.plan.limit = Whole(body, "Limit", 0);
  if (FlagOf(body, "ScanIndexForward", Flag::kOn) == Flag::kOff) {
    query.plan.order = PagePlan::Order::kBackward;
  }
  return query;
}

// A filter says what is taken of what the key conditions found: it cannot be on the key.
Verdict CheckFilter(const Json& body, const PagePlan& plan, const items::KeySchema& keys) {
  if (!plan.filter) return {};
  for (const items::Path& path : plan.filter->Paths()) {
    if (!keys.Has(path.top)) continue;
    const std::string_view what =
        Find(body, "QueryFilter") != nullptr ? "QueryFilter" : "Filter Expression";
    return ValidationError(
        fmt::format("{} can only contain non-primary key attributes: Primary key attribute: {}",
                    what, path.top));
  }
  return {};
}

Verdict StartFrom(const items::Item& start, const items::KeyCondition& condition,
                  const items::KeySchema& keys, PagePlan& plan) {
  const bool single =
      plan.index == nullptr &&
      (!keys.range || (condition.range && condition.range->op == items::KeyOperator::kEqual));
  ASSIGN_OR_RETURN(const std::string place, StartPlace(plan, start));
  if (single) {
    return ValidationError("The query can return at most one row and cannot be restarted");
  }
  if (!(*start.Find(keys.hash.name) == condition.hash)) {
    return ValidationError(
        "The provided starting key is outside query boundaries based on provided conditions");
  }
  if (condition.range && !condition.range->Holds(*start.Find(keys.range->name))) {
    return ValidationError("The provided starting key does not match the range key predicate");
  }
  if (plan.order == PagePlan::Order::kForward) {
    plan.begin = std::max(plan.begin, place + '\0');
  } else {
    plan.end = plan.end.empty() ? place : std::min(plan.end, place);
  }
  return {};
}

Outcome<std::string> CarryQuery(const Request& request) {
  const Json& body = request.body;
  ASSIGN_OR_RETURN(AskedQuery query, ReadQuery(body));
  PagePlan& plan = query.plan;
  ASSIGN_OR_RETURN(plan.table, TableOfItems(request.core, body));
  RETURN_IF_ERROR(PickIndex(body, plan));
  const items::KeySchema& keys = plan.index == nullptr ? plan.table->keys : plan.index->keys;
  ASSIGN_OR_RETURN(const items::KeyCondition condition, query.conditions->For(keys));
  RETURN_IF_ERROR(CheckFilter(body, plan, keys));
  RETURN_IF_ERROR(CheckScalars(*plan.table, plan.filter));
  RETURN_IF_ERROR(CheckScalars(*plan.table, plan.projection));
  RETURN_IF_ERROR(CheckProjected(plan));
  const Slot slot = plan.index == nullptr ? kItemsSlot : plan.index->slot;
  const items::KeyCondition::Bytes bytes =
      condition.Range(PartitionPrefix(plan.table->number, slot, condition.hash));
  plan.begin = bytes.begin;
  plan.end = bytes.end;
  if (query.start) RETURN_IF_ERROR(StartFrom(*query.start, condition, keys, plan));
  if (!plan.end.empty() && plan.begin >= plan.end) plan.end = plan.begin;
  return ReadPage(request, plan);
}

}  // namespace

WireAnswer Query(const Request& request) { return ToAnswer(CarryQuery(request)); }

}  // namespace leeward::lab::tables
