#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/check.h"

namespace leeward::sim {
namespace {

using model::EventKind;

using Journal = std::vector<History::Entry>;

const Journal& JournalOf(const History& history, const Fact& fact) {
  return history.journals[static_cast<std::size_t>(Index(fact.hand))];
}

// Where in the journal the first intent of each step of each execution ends.
using Intents = std::map<std::pair<std::string, std::string>, std::uint64_t>;

Intents IntentsOf(const Journal& journal) {
  Intents intents;
  for (const History::Entry& entry : journal) {
    if (entry.event.kind != EventKind::kStepIntended) continue;
    intents.try_emplace({entry.event.execution.str(), entry.event.step.str()}, entry.end_offset);
  }
  return intents;
}

void CheckEffects(const History& history, Violations* violations) {
  std::array<Intents, kHands> all;
  for (std::size_t hand = 0; hand < all.size(); ++hand) {
    all[hand] = IntentsOf(history.journals[hand]);
  }
  for (const Fact& fact : history.facts) {
    if (fact.kind != FactKind::kEffect) continue;
    const Intents& intents = all[static_cast<std::size_t>(Index(fact.hand))];
    const auto found = intents.find({fact.detail, fact.text});
    if (found != intents.end() && found->second <= fact.number) continue;
    violations->push_back({"intent", At(fact) + fact.text + " changed the world; its intent was " +
                                         (found == intents.end() ? "never" : "not yet") +
                                         " durable"});
    return;
  }
}

// Gates that had passed in what of the journal was durable then.
std::set<std::string> GatesBefore(const History& history, const Fact& effect) {
  std::set<std::string> gates;
  for (const History::Entry& entry : JournalOf(history, effect)) {
    const bool passed =
        entry.event.kind == EventKind::kGatePassed && entry.event.execution.str() == effect.detail;
    if (passed && entry.end_offset <= effect.number) gates.insert(entry.event.step.str());
  }
  return gates;
}

void CheckPromotions(const History& history, Violations* violations) {
  std::set<std::string> promoted;  // by which executions something may have been, until now
  std::string asking;
  for (const Fact& fact : history.facts) {
    if (fact.kind == FactKind::kPromoted) promoted.insert(asking);
    if (fact.kind == FactKind::kRecorded && fact.text.starts_with("step-done rds.promote") &&
        !promoted.contains(fact.detail)) {
      violations->push_back(
          {"intent", At(fact) + "the journal says that a store is promoted, and it is not"});
    }
    if (fact.kind != FactKind::kEffect || !fact.text.starts_with("rds.promote")) continue;
    asking = fact.detail;
    if (!asking.starts_with("failover")) continue;
    const std::set<std::string> gates = GatesBefore(history, fact);
    for (const char* gate : {"gate.loss", "gate.fence-proof", "gate.final-loss"}) {
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
