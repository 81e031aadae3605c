// History: what earlier executions in the journal left behind that later ones need.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/ids.h"

namespace leeward::cli {

// Where a store was parted from its old writer by its last failover.
struct Parting {
  std::string at;  // of a database: transaction numbers; of a table: the newest canary's time
  model::Region old_region;  // that the failover left
  std::string kept;  // the old writer's identifier since a failback put it aside; empty: not yet
};

std::map<model::ComponentName, Parting> PartingsOf(const std::vector<model::Event>& events);

// The same as planning takes it.
std::map<model::ComponentName, std::string> PartedOf(const std::vector<model::Event>& events);

// What became of the execution that was begun, gone on with or ended last, for people.
std::string LastTold(const std::vector<model::Event>& events);

// Whether all that became of an execution until now is in these records: not, when they say that
// somebody else went on with it.
bool IsWholeIn(const std::vector<model::Event>& events, const model::ExecutionId& execution);

}  // namespace leeward::cli
