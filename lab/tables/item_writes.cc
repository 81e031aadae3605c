#include "lab/tables/item_writes.h"

#include <utility>

namespace leeward::lab::tables {

Verdict CheckIndexKeys(const Table& table, const items::Item& item) {
  for (const Index& index : table.indexes) {
    RETURN_IF_ERROR(items::CheckIndexKey(index.keys, index.name, item));
  }
  return {};
}

Verdict CheckItem(const Table& table, const items::Item& item) {
  RETURN_IF_ERROR(items::CheckItemKey(table.keys, item));
  return CheckIndexKeys(table, item);
}

void ChargeFailed(Table& table, const Found& old) { table.writes.Take(WriteUnits(old.size())); }

void AppendWritten(const Request& request, Table& table, const items::Item& key,
                   const WriteCost& cost, std::string& members) {
  Meter meter(table, Text(request.body, "TableName"));
  meter.Wrote(cost);
  meter.Charge();
  AppendConsumed(ShownBy(request.body), meter, members);
  if (ShowsCollection(request.body, table)) {
    members += R"(,"ItemCollectionMetrics":)";
    AppendCollection(table, key, members);
  }
}

WireAnswer Flat(Outcome<WireAnswer> outcome) {
  if (!outcome.ok()) return ErrorAnswer(outcome.error());
  return std::move(outcome).value();
}

}  // namespace leeward::lab::tables
