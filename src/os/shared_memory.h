// What killed processes leave behind in the kernel.
#pragma once

#include <set>

namespace leeward::os {

// Removes System V shared memory that these processes made and that nobody uses any more.
// PostgreSQL keeps a small piece as its lock; killed, it cannot remove it.
void RemoveSharedMemoryOf(const std::set<int>& processes);

}  // namespace leeward::os
