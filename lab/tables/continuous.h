// Continuous backups: how far back a table can be restored.
#pragma once

#include "lab/tables/core.h"

namespace leeward::lab::tables {

struct RestorableTimes {
  base::WallTime earliest;
  base::WallTime latest;
};
RestorableTimes TimesOf(const Core& core, const Table& table);

}  // namespace leeward::lab::tables
