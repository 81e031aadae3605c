#include <map>
#include <set>
#include <string>
#include <utility>

#include "sim/check.h"

namespace leeward::sim {
namespace {

using model::EventKind;

// Where in the journal the first intent of each step of each execution ends.
using Intents = std::map<std::pair<std::string, std::string>, std::uint64_t>;

Intents IntentsOf(const History& history) {
  Intents intents;
  for (const History::Entry& entry : history.journal) {
    if (entry.event.kind != EventKind::kStepIntended) continue;
    intents.try_emplace({entry.event.execution.str(), entry.event.step.str()}, entry.end_offset);
  }
  return intents;
}

void CheckEffects(const History& history, Violations* violations) {
  const Intents intents = IntentsOf(history);
  for (const Fact& fact : history.facts) {
    if (fact.kind != FactKind::kEffect) continue;
    const auto found = intents.find({fact.detail, fact.text});
    if (found != intents.end() && found->second <= fact.number) continue;
    violations->push_back({"intent", At(fact) + fact.text + " changed the world; its intent was " +
                                         (found == intents.end() ? "never" : "not yet") +
                                         " durable"});
    return;
  }
}

// What has been recorded so far, in the order of true time.
void CheckPromotions(const History& history, Violations* violations) {
  std::set<std::string> recorded;
  bool promoted = false;
  for (const Fact& fact : history.facts) {
    if (fact.kind == FactKind::kPromoted) promoted = true;
    if (fact.kind == FactKind::kRecorded) {
      recorded.insert(fact.text);
      if (fact.text.starts_with("step-done rds.promote") && !promoted) {
        violations->push_back(
            {"intent", At(fact) + "the journal says that a store is promoted, and it is not"});
      }
    }
    if (fact.kind != FactKind::kEffect || !fact.text.starts_with("rds.promote")) continue;
    for (const char* gate : {"gate-passed gate.loss", "gate-passed gate.fence-proof"}) {
      if (recorded.contains(gate)) continue;
      violations->push_back({"intent", At(fact) + "a store is promoted without " + gate});
    }
  }
}

}  // namespace

void CheckIntent(const History& history, Violations* violations) {
  CheckEffects(history, violations);
  CheckPromotions(history, violations);
}

}  // namespace leeward::sim
