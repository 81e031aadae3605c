#include "sim/check.h"

namespace leeward::sim {
namespace {

constexpr Duration kLately = std::chrono::seconds(2);

const Fact* LastAcknowledged(const History& history, Place place) {
  const Fact* last = nullptr;
  for (const Fact& fact : history.facts) {
    if (fact.kind == FactKind::kAcknowledged && fact.place == place) last = &fact;
  }
  return last;
}

}  // namespace

void CheckEnd(const History& history, Violations* violations) {
  const Fact* end = nullptr;
  for (const Fact& fact : history.facts) {
    if (fact.kind == FactKind::kEnded) end = &fact;
  }
  if (end == nullptr || end->text == "stuck") {
    violations->push_back({"end", "the run did not end" + (end ? ": " + end->detail : "")});
    return;
  }
  const bool serves = end->text == "moved" || end->text == "home";
  if (!serves) {
    if (end->detail.empty()) {
      violations->push_back({"end", "the run ended as " + end->text + " without a reason"});
    }
    return;
  }
  const Fact* last =
      LastAcknowledged(history, end->text == "home" ? Place::kHome : Place::kRecovery);
  if (last == nullptr || end->at - last->at > kLately) {
    violations->push_back(
        {"end", "the run ended as " + end->text + ", but no write was acknowledged there lately"});
  }
}

}  // namespace leeward::sim
