// Paths that lead into an attribute that is a key: it holds a scalar, so they are refused whatever
// the item holds.
#pragma once

#include <optional>
#include <vector>

#include "lab/items/condition.h"
#include "lab/items/projection.h"
#include "lab/items/update.h"
#include "lab/tables/table.h"

namespace leeward::lab::tables {

// "Key attributes must be scalars; ... Key: pk", or IndexKey for the key of an index alone.
items::Verdict CheckScalars(const Table& table, const std::vector<items::Path>& paths);
// The same for all paths of what there is.
items::Verdict CheckScalars(const Table& table, const std::optional<items::Projection>& projection);
items::Verdict CheckScalars(const Table& table, const std::optional<items::Condition>& condition);
items::Verdict CheckScalars(const Table& table, const std::optional<items::Update>& update);

}  // namespace leeward::lab::tables
