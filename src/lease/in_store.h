// The lease's record where it lies: in a shared store. And a taker run against it on the calling
// thread, for those who have one thread to spare and nothing else to do on it.
#pragma once

#include <optional>
#include <string>

#include "lease/taker.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::lease {

// Absent: there is no record. Errors are the store's, or RecordFromJson's.
base::Result<std::optional<Seen>> ReadFrom(ports::SharedStore& store, const std::string& key,
                                           base::MonotonicTime deadline);

// Gives `event` to the taker, does at the store what the taker asks for and brings the answers
// back, until it asks for nothing more. Blocks no longer than the deadlines of those requests.
// Returns what was taken, in the call that took it.
std::optional<Seen> Give(Taker& taker, const TakerEvent& event, ports::SharedStore& store,
                         const std::string& key, const ports::Clock& clock);

}  // namespace leeward::lease
