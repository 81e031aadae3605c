// How an update makes a new item of an old one.
#pragma once

#include <optional>

#include "lab/items/update.h"
#include "lab/tables/core.h"
#include "lab/tables/write.h"

namespace leeward::lab::tables {

// The item after the update, checked as the table wants it. `key`: the item's key, all of it that
// there is when nothing was found.
Outcome<items::Item> Updated(const Table& table, const items::Item& key,
                             const std::optional<items::Update>& update, const Found& old);

}  // namespace leeward::lab::tables
