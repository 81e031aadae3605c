#include <optional>
#include <utility>

#include "lab/items/encoding.h"
#include "lab/items/json.h"
#include "lab/tables/capacity.h"
#include "lab/tables/handlers.h"
#include "lab/tables/parameters.h"
#include "lab/tables/scalars.h"

namespace leeward::lab::tables {
namespace {

Outcome<std::string> Get(const Request& request) {
  const Json& body = request.body;
  RETURN_IF_ERROR(CheckOneKind(body, {"AttributesToGet"}, {"ProjectionExpression"}));
  ASSIGN_OR_RETURN(items::Placeholders placeholders,
                   PlaceholdersOf(body, {"ProjectionExpression"}, {}));
  ASSIGN_OR_RETURN(const items::Item key, items::ItemFromJson(*Find(body, "Key")));
  ASSIGN_OR_RETURN(const std::optional<items::Projection> projection,
                   ProjectionOf(body, placeholders));
  RETURN_IF_ERROR(placeholders.CheckAllUsed());
  ASSIGN_OR_RETURN(Table* const table, TableOfItems(request.core, body));
  RETURN_IF_ERROR(items::CheckKey(table->keys, key));
  RETURN_IF_ERROR(CheckScalars(*table, projection));
  RETURN_IF_ERROR(AdmitRead(request.core, *table));
  ASSIGN_OR_RETURN(const Found found, ReadItem(request.core, ItemPlace(*table, key)));

  const Consistency consistency =
      FlagOf(body, "ConsistentRead") == Flag::kOn ? Consistency::kStrong : Consistency::kEventual;
  Meter meter(*table, Text(body, "TableName"));
  meter.Read(ReadUnits(found.size(), consistency));
  meter.Charge();
  std::string members;
  if (found.exists()) {
    members.reserve(found.head().item.size() * 2 + 64);
    if (projection) {
      AppendAttributes("Item", projection->Apply(found.item()), members);
    } else {
      AppendStoredAttributes("Item", found.head().item, members);
    }
  }
  AppendConsumed(ShownBy(body), meter, members);
  return ObjectOf(std::move(members));
}

}  // namespace

WireAnswer GetItem(const Request& request) { return ToAnswer(Get(request)); }

}  // namespace leeward::lab::tables
