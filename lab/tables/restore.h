// Tables made from backups and from the history of others.
#pragma once

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// Goes on with restores that were under way when the last process was stopped: from the beginning.
void GoOnWithRestores(Core& core);

}  // namespace leeward::lab::tables
