// What has to be done from time to time: expired items, logs that have grown old.
#pragma once

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// Now, and again and again as long as the engine lives.
void Maintain(Core& core);

}  // namespace leeward::lab::tables
