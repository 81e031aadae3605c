#include <array>

#include "sim/check.h"

namespace leeward::sim {
namespace {

struct Writer {
  bool open = false;
  std::uint64_t epoch = 0;
};

std::string Named(const Fact& fact) {
  return std::string(Name(fact.place)) + " (epoch " + std::to_string(fact.epoch) + ")";
}

}  // namespace

void CheckWriters(const History& history, Violations* violations) {
  std::array<Writer, kPlaces> writers;
  std::uint64_t lease = 0;
  Place holder = Place::kHome;
  const auto report = [&](const Fact& fact, const std::string& what) {
    violations->push_back({"writers", At(fact) + what});
  };
  for (const Fact& fact : history.facts) {
    Writer& writer = writers[static_cast<std::size_t>(Index(fact.place))];
    switch (fact.kind) {
      case FactKind::kLeaseTaken:
        if (fact.epoch <= lease) report(fact, Named(fact) + " took a lease of an older epoch");
        for (int other = 0; other < kPlaces; ++other) {
          if (other == Index(fact.place) || !writers[static_cast<std::size_t>(other)].open)
            continue;
          report(fact, Named(fact) + " took the lease while " + Name(static_cast<Place>(other)) +
                           " still took writes");
        }
        lease = fact.epoch;
        holder = fact.place;
        break;
      case FactKind::kOpens:
        for (int other = 0; other < kPlaces; ++other) {
          if (other == Index(fact.place) || !writers[static_cast<std::size_t>(other)].open)
            continue;
          report(fact,
                 Named(fact) + " opens while " + Name(static_cast<Place>(other)) + " takes writes");
        }
        if (fact.epoch != lease || fact.place != holder) {
          report(fact, Named(fact) + " opens without the lease");
        }
        writer = {true, fact.epoch};
        break;
      case FactKind::kCloses:
        writer.open = false;
        break;
      case FactKind::kAcknowledged:
        if (fact.epoch != lease || fact.place != holder) {
          report(fact, Named(fact) + " acknowledged write " + std::to_string(fact.number) +
                           " while the lease was " + Name(holder) + "'s with epoch " +
                           std::to_string(lease));
          return;  // one of them tells the story
        }
        break;
      default:
        break;
    }
  }
}

}  // namespace leeward::sim
