#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "sim/check.h"

namespace leeward::sim {
namespace {

using model::EventKind;

std::optional<Duration> BoundIn(const model::Event& event) {
  const std::string_view text = event.Field("bound_ns");
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || text.empty()) return std::nullopt;
  return Duration(count);
}

// What people said yes to, of one execution.
struct Accepted {
  Duration ever{0};      // by anybody, in any way
  Duration lasting{0};   // by approving of it: it stands in the journal
  Duration this_run{0};  // by having it go on: over with the run
  Duration ordered{0};   // the same, as it was said; whoever heard it may have died
};

class Holds {
 public:
  Holds(const History& history, Violations* violations)
      : history_(history), violations_(violations) {}

  void Take(const Fact& fact) {
    switch (fact.kind) {
      case FactKind::kAccepted:
        return Accept(fact);
      case FactKind::kRecorded:
        return Record(fact);
      case FactKind::kEffect:
        return Effect(fact);
      case FactKind::kEnded:
        return End(fact);
      case FactKind::kPromoted:
      case FactKind::kOpens:
      case FactKind::kAcknowledged:
        if (held_.empty()) return;
        return Report(fact, std::string(Name(fact.place)) + " " + Name(fact.kind) + " while " +
                                held_ + " was held: nobody writes until that is decided");
      default:
        return;
    }
  }

 private:
  // The last that the hand's journal says of the execution before this record or offset.
  template <typename Before>
  std::optional<Duration> Bound(const Fact& fact, Before before) const {
    std::optional<Duration> bound;
    for (const History::Entry& entry :
         history_.journals[static_cast<std::size_t>(Index(fact.hand))]) {
      if (!before(entry)) break;
      const bool stated = entry.event.kind == EventKind::kLossBound;
      if (stated && entry.event.execution.str() == fact.detail) bound = BoundIn(entry.event);
    }
    return bound;
  }

  void Accept(const Fact& fact) {
    Accepted& accepted = accepted_[fact.detail];
    const Duration loss(static_cast<std::int64_t>(fact.number));
    Duration& kind = fact.text == kApproved  ? accepted.lasting
                     : fact.text == kOrdered ? accepted.ordered
                                             : accepted.this_run;
    kind = std::max(kind, loss);
    if (fact.text != kOrdered) accepted.ever = std::max(accepted.ever, loss);
  }

  void Record(const Fact& fact) {
    const bool goes_on = fact.text.starts_with("execution-resumed");
    if (goes_on) accepted_[fact.detail].this_run = Duration(0);
    if (fact.text.starts_with("gate-refused")) refused_by_[fact.detail] = fact.text;
    if (fact.text == "execution-finished held") return Hold(fact);
    const bool ends = fact.text.starts_with("execution-finished");
    if ((goes_on || ends) && fact.detail == held_) held_.clear();
  }

  void Hold(const Fact& fact) {
    // Without proof of the fence only what answered is closed, and the rest may write.
    if (refused_by_[fact.detail] == "gate-refused gate.fence-proof") return;
    held_ = fact.detail;
    const auto bound =
        Bound(fact, [&](const auto& entry) { return entry.event.sequence < fact.number; });
    const auto [found, first] = bounds_.try_emplace(held_, bound);
    if (!first && bound && found->second && *bound > *found->second) {
      Report(fact, held_ + " was held over a loss of " + base::HumanDuration(*bound) +
                       ", and over " + base::HumanDuration(*found->second) +
                       " before: nobody writes meanwhile");
    }
    found->second = bound;
    const Accepted& accepted = accepted_[held_];
    if (bound && std::max(accepted.lasting, accepted.this_run) >= *bound)
      Report(fact, held_ + " was held, though the loss of " + base::HumanDuration(*bound) +
                       " had been accepted");
  }

  // What may be lost is within the RPO, or somebody said yes to it, or the spec did.
  void Effect(const Fact& fact) {
    if (!fact.text.starts_with("rds.promote") || !fact.detail.starts_with("failover")) return;
    if (history_.policy == model::OverRpo::kProceed) return;
    const auto bound =
        Bound(fact, [&](const auto& entry) { return entry.end_offset <= fact.number; });
    if (bound && *bound <= std::max(history_.rpo, accepted_[fact.detail].ever)) return;
    Report(fact, fact.detail + " promotes, and nobody accepted the loss of " +
                     (bound ? "up to " + base::HumanDuration(*bound) : "an unknown amount") +
                     ", over the RPO of " + base::HumanDuration(history_.rpo));
  }

  void End(const Fact& fact) {
    if (held_.empty() || !bounds_[held_] || accepted_[held_].ordered < *bounds_[held_]) return;
    Report(fact, held_ + " is held to the end, though its controller was told to go on");
  }

  void Report(const Fact& fact, const std::string& what) {
    if (reported_) return;  // one of them tells the story
    reported_ = true;
    violations_->push_back({"held", At(fact) + what});
  }

  const History& history_;
  Violations* violations_;
  std::map<std::string, Accepted> accepted_;
  std::map<std::string, std::string> refused_by_;          // of each execution, the gate
  std::map<std::string, std::optional<Duration>> bounds_;  // at which each was held last
  std::string held_;                                       // now
  bool reported_ = false;
};

}  // namespace

void CheckHeld(const History& history, Violations* violations) {
  Holds holds(history, violations);
  for (const Fact& fact : history.facts) holds.Take(fact);
}

}  // namespace leeward::sim
