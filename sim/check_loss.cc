#include <charconv>
#include <optional>

#include "sim/check.h"

namespace leeward::sim {
namespace {

struct Measured {
  bool known = false;
  Duration at{0};     // true time of the last measurement
  Duration bound{0};  // as journalled
};

std::optional<Duration> NumberIn(const model::Event& event, const char* name) {
  const std::string_view text = event.Field(name);
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Duration(count);
}

// The effect by which a promotion was asked for.
const Fact* AskedBy(const History& history, std::size_t promotion) {
  for (std::size_t i = promotion; i-- > 0;) {
    const Fact& fact = history.facts[i];
    if (fact.kind == FactKind::kEffect && fact.text.starts_with("rds.promote")) return &fact;
  }
  return nullptr;
}

// The last bound that was durable for whoever asked for the promotion, by any execution.
Measured MeasuredBefore(const History& history, const Fact& asked) {
  Measured measured;
  for (const History::Entry& entry :
       history.journals[static_cast<std::size_t>(Index(asked.hand))]) {
    const bool stated = entry.event.kind == model::EventKind::kLossBound;
    if (!stated || entry.end_offset > asked.number) continue;
    const auto bound = NumberIn(entry.event, "bound_ns"), at = NumberIn(entry.event, "read_at");
    measured = {bound && at, at.value_or(Duration(0)), bound.value_or(Duration(0))};
  }
  return measured;
}

// While the Region that is left was the writer, by what was promoted before and after.
struct Era {
  Duration from{0}, until = Duration::max();
};

Era EraOf(const History& history, std::size_t promotion) {
  Era era;
  for (std::size_t i = 0; i < history.facts.size(); ++i) {
    const Fact& fact = history.facts[i];
    if (fact.kind != FactKind::kPromoted || fact.place == history.facts[promotion].place) continue;
    if (i < promotion) era.from = fact.at;
    if (i > promotion) {
      era.until = fact.at;
      break;
    }
  }
  return era;
}

void CheckPromotion(const History& history, std::size_t index, Violations* violations) {
  const Fact& promotion = history.facts[index];
  const Fact* asked = AskedBy(history, index);
  if (asked == nullptr) {
    violations->push_back({"loss", At(promotion) + "nobody asked for this promotion"});
    return;
  }
  const bool unplanned = asked->detail.starts_with("failover");
  const Measured measured = unplanned ? MeasuredBefore(history, *asked) : Measured();
  const Era era = EraOf(history, index);
  const auto report = [&](const Fact& fact, const std::string& what) {
    violations->push_back({"loss", At(fact) + Name(fact.place) + " acknowledged write " +
                                       std::to_string(fact.number) +
                                       ", which the promotion lost: " + what});
  };
  for (const Fact& fact : history.facts) {
    if (fact.kind != FactKind::kAcknowledged || fact.place == promotion.place ||
        fact.number <= promotion.number || fact.at < era.from || fact.at > era.until) {
      continue;
    }
    if (!unplanned) return report(fact, "a planned move loses nothing");
    if (!measured.known) {
      return report(fact, "no bound was journalled before it");
    }
    if (fact.at > measured.at) {
      return report(fact, "it is younger than the measurement " + base::HumanDuration(measured.at) +
                              " into the run");
    }
    if (measured.at - fact.at > measured.bound) {
      return report(fact, "the bound of " + base::HumanDuration(measured.bound) + " measured " +
                              base::HumanDuration(measured.at) + " into the run did not cover it");
    }
  }
}

}  // namespace

void CheckLoss(const History& history, Violations* violations) {
  for (std::size_t i = 0; i < history.facts.size(); ++i) {
    if (history.facts[i].kind == FactKind::kPromoted) CheckPromotion(history, i, violations);
  }
}

}  // namespace leeward::sim
