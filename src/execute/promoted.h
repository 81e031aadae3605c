// Which stores were promoted by moves that did not come to be done.
//
// A store that takes writes where a failover is to go was promoted by such a move, which had its
// loss accepted or had nothing to lose, or by somebody else: then nobody knows what it lacks.
#pragma once

#include <map>
#include <vector>

#include "model/event.h"
#include "model/ids.h"
#include "model/plan.h"

namespace leeward::execute {

// The last of each store. A promotion counts from its intent on: what was cut off may have
// happened. Not behind an execution that was done: from there on the application was whole, and
// what became of a store since is not in the journal.
std::map<model::ComponentName, model::Promotion> PromotionsNotDone(
    const std::vector<model::Event>& events);

}  // namespace leeward::execute
