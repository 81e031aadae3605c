// Which items an operation reads or writes, for tables that have to ask other Regions first.
#pragma once

#include <optional>
#include <vector>

#include "lab/tables/core.h"
#include "lab/tables/replication.h"

namespace leeward::lab::tables {

struct StrongPart {
  ReplicaKeeper::Intent intent = ReplicaKeeper::Intent::kRead;
  std::vector<ReplicaKeeper::Touched> touched;
};
// What the operation touches of STRONG tables; nullopt when that is nothing, or when the request
// cannot be read so far: then the operation itself says what is wrong with it. Reads that are not
// consistent ones touch nothing.
std::optional<StrongPart> StrongPartOf(const Request& request);

}  // namespace leeward::lab::tables
