#include "sim/check.h"

namespace leeward::sim {

void CheckKept(const History& history, Violations* violations) {
  for (const Fact& fact : history.facts) {
    if (fact.kind != FactKind::kAcknowledged) continue;
    if (fact.number < history.survivors.size() && history.survivors[fact.number]) continue;
    violations->push_back({"kept", At(fact) + Name(fact.place) + " acknowledged write " +
                                       std::to_string(fact.number) +
                                       ", and no database has it any more"});
    return;
  }
}

}  // namespace leeward::sim
