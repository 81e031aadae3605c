#include <charconv>
#include <map>
#include <optional>

#include "sim/check.h"

namespace leeward::sim {
namespace {

struct Measured {
  std::optional<Duration> at;     // true time of the last measurement
  std::optional<Duration> bound;  // as journalled
};

std::optional<Duration> BoundIn(const model::Event& event) {
  const std::string_view text = event.Field("bound_ns");
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Duration(count);
}

// The last bound that was durable when the promotion was asked for, by any execution, and when its
// step looked.
Measured MeasuredBefore(const History& history, std::size_t promotion) {
  Measured measured;
  std::map<std::string, Duration> looked;  // by step
  std::uint64_t durable = 0;
  for (std::size_t i = 0; i < promotion; ++i) {
    const Fact& fact = history.facts[i];
    if (fact.kind != FactKind::kEffect) continue;
    looked[fact.text] = fact.at;
    if (fact.text.starts_with("rds.promote")) durable = fact.number;
  }
  for (const History::Entry& entry : history.journal) {
    const bool stated = entry.event.kind == model::EventKind::kLossBound;
    if (!stated || entry.end_offset > durable) continue;
    measured.bound = BoundIn(entry.event);
    const auto found = looked.find(entry.event.step.str());
    measured.at = found == looked.end() ? std::optional<Duration>() : found->second;
  }
  return measured;
}

void CheckPromotion(const History& history, std::size_t index, Violations* violations) {
  const Fact& promotion = history.facts[index];
  const Measured measured = MeasuredBefore(history, index);
  const auto report = [&](const Fact& fact, const std::string& what) {
    violations->push_back({"loss", At(fact) + Name(fact.place) + " acknowledged write " +
                                       std::to_string(fact.number) +
                                       ", which the promotion lost: " + what});
  };
  for (const Fact& fact : history.facts) {
    if (fact.kind != FactKind::kAcknowledged || fact.place == promotion.place ||
        fact.number <= promotion.number) {
      continue;
    }
    if (!measured.at || !measured.bound) {
      return report(fact, "no bound was journalled before it");
    }
    if (fact.at > *measured.at) {
      return report(fact, "it is younger than the measurement " +
                              base::HumanDuration(*measured.at) + " into the run");
    }
    if (*measured.at - fact.at > *measured.bound) {
      return report(fact, "the bound of " + base::HumanDuration(*measured.bound) + " measured " +
                              base::HumanDuration(*measured.at) + " into the run did not cover it");
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
