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

// Gates that had passed in the first `durable` bytes of the journal.
std::set<std::string> GatesIn(const History& history, std::uint64_t durable) {
  std::set<std::string> gates;
  for (const History::Entry& entry : history.journal) {
    if (entry.event.kind != EventKind::kGatePassed || entry.end_offset > durable) continue;
    gates.insert(entry.event.step.str());
  }
  return gates;
}

void CheckPromotions(const History& history, Violations* violations) {
  bool promoted = false;
  for (const Fact& fact : history.facts) {
    if (fact.kind == FactKind::kPromoted) promoted = true;
    if (fact.kind == FactKind::kRecorded && !promoted &&
        fact.text.starts_with("step-done rds.promote")) {
      violations->push_back(
          {"intent", At(fact) + "the journal says that a store is promoted, and it is not"});
    }
    if (fact.kind != FactKind::kEffect || !fact.text.starts_with("rds.promote")) continue;
    const std::set<std::string> gates = GatesIn(history, fact.number);
    for (const char* gate : {"gate.loss", "gate.fence-proof"}) {
      if (gates.contains(gate)) continue;
      violations->push_back(
          {"intent", At(fact) + "a store is promoted before " + gate + " durably passed"});
    }
  }
}

}  // namespace

void CheckIntent(const History& history, Violations* violations) {
  CheckEffects(history, violations);
  CheckPromotions(history, violations);
}

}  // namespace leeward::sim
