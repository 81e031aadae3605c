// Copies of whole tables, piece by piece while requests are answered: backups, and what is restored
// from them or from a table's history.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// Items of one table number, as they are at this moment, as bytes to another: no table is needed.
// `done` is told whether all went well.
void CopyItems(Core& core, TableNumber from, TableNumber to, std::function<void(bool)> done);

// Puts items of one table number into a table that is CREATING, with all its indexes. `undo_since`:
// then takes back, from the log, what has changed since that time. The source may go meanwhile.
void FillTable(Core& core, TableNumber from, TableNumber to,
               std::optional<base::WallTime> undo_since, std::function<void(bool)> done);

}  // namespace leeward::lab::tables
