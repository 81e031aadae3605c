// A service's state on disk, as one JSON document that is replaced in one move. It outlives a kill
// of the process, which is what the lab promises; it is not synced to the disk, so that a
// routing-control change does not wait for one.
#pragma once

#include <cstdint>
#include <string_view>

#include "lab/core/service.h"

namespace leeward::lab {

// What was saved last; an absent Value when nothing was.
base::Result<shapes::Value> LoadState(Host& host, std::string_view service);
enum class StateReaders : std::uint8_t { kAnyone, kOwner };
// A failure is told on standard error, which is the process's log: the answer to the caller stands.
void SaveState(Host& host, std::string_view service, const shapes::Value& state,
               StateReaders readers = StateReaders::kAnyone);

}  // namespace leeward::lab
