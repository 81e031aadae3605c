#include <optional>

#include "sim/check.h"

namespace leeward::sim {

void CheckReturn(const History& history, Violations* violations) {
  std::optional<Place> promoted;
  for (const Fact& fact : history.facts) {
    if (fact.kind == FactKind::kPromoted) promoted = fact.place;
    const bool takes = fact.kind == FactKind::kAcknowledged || fact.kind == FactKind::kOpens;
    if (!takes || !promoted || fact.place == *promoted) continue;
    violations->push_back({"return", At(fact) + Name(fact.place) + " takes writes again, but " +
                                         Name(*promoted) +
                                         " was promoted and nobody sent the "
                                         "application back"});
    return;
  }
}

}  // namespace leeward::sim
