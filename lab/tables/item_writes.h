// What PutItem, UpdateItem and DeleteItem have in common, and transactions and batches with them.
#pragma once

#include <string>
#include <string_view>

#include "lab/tables/capacity.h"
#include "lab/tables/core.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {

// Whether the table can hold the item: its key, and the keys of its indexes.
Verdict CheckItem(const Table& table, const items::Item& item);
Verdict CheckIndexKeys(const Table& table, const items::Item& item);

// A condition that did not hold costs what a write of the item would have.
void ChargeFailed(Table& table, const Found& old);
// Charges, and appends ConsumedCapacity and ItemCollectionMetrics as the request wants them.
void AppendWritten(const Request& request, Table& table, const items::Item& key,
                   const WriteCost& cost, std::string& members);

WireAnswer Flat(Outcome<WireAnswer> outcome);

}  // namespace leeward::lab::tables
