// Time to live: items that go by themselves when their time has come.
#pragma once

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// What DescribeTimeToLive shows.
shapes::Value TimeToLiveOf(const Table& table);
// Goes on with what was being switched on or off.
void GoOnWithTimeToLive(Core& core, const Table& table);
// Deletes some of what has expired, in every table. Whether there may be more.
bool DeleteExpired(Core& core);

}  // namespace leeward::lab::tables
