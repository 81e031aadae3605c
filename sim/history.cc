#include "sim/history.h"

#include "base/check.h"
#include "model/event_json.h"

namespace leeward::sim {

const char* Name(Place place) {
  switch (place) {
    case Place::kHome:
      return "home";
    case Place::kRecovery:
      return "recovery";
    case Place::kWitness:
      return "witness";
  }
  CHECK_NEVER("Place outside its enum");
}

const char* Name(Hand hand) {
  switch (hand) {
    case Hand::kNobody:
      return "nobody";
    case Hand::kRecovery:
      return "recovery's controller";
    case Hand::kWitness:
      return "witness's controller";
    case Hand::kPerson:
      return "person";
  }
  CHECK_NEVER("Hand outside its enum");
}

const char* Name(FactKind kind) {
  switch (kind) {
    case FactKind::kAcknowledged:
      return "acknowledged";
    case FactKind::kOpens:
      return "opens";
    case FactKind::kCloses:
      return "closes";
    case FactKind::kLeaseTaken:
      return "lease-taken";
    case FactKind::kPromoted:
      return "promoted";
    case FactKind::kRecorded:
      return "recorded";
    case FactKind::kEffect:
      return "effect";
    case FactKind::kBroken:
      return "broken";
    case FactKind::kAccepted:
      return "accepted";
    case FactKind::kDecided:
      return "decided";
    case FactKind::kFault:
      return "fault";
    case FactKind::kEnded:
      return "ended";
  }
  CHECK_NEVER("FactKind outside its enum");
}

std::string ToText(const Fact& fact) {
  const std::int64_t micros = fact.at.count() / 1000;
  std::string at = std::to_string(micros % 1'000'000);
  at.insert(0, 6 - at.size(), '0');
  std::string line = std::to_string(micros / 1'000'000) + "." + at + " " + Name(fact.kind) + " " +
                     Name(fact.place);
  if (fact.epoch != 0) line += " epoch=" + std::to_string(fact.epoch);
  if (fact.number != 0) line += " number=" + std::to_string(fact.number);
  if (fact.hand != Hand::kNobody) line += std::string(" (") + Name(fact.hand) + ")";
  if (!fact.text.empty()) line += " " + fact.text;
  if (!fact.detail.empty()) line += " | " + fact.detail;
  return line;
}

std::string ToText(const History& history) {
  std::string text;
  for (const Fact& fact : history.facts) text += ToText(fact) + "\n";
  for (int hand = 0; hand < kHands; ++hand) {
    const auto& journal = history.journals[static_cast<std::size_t>(hand)];
    if (journal.empty()) continue;
    text += std::string("the journal of ") + Name(static_cast<Hand>(hand)) + "\n";
    for (const History::Entry& entry : journal) text += ToJson(entry.event) + "\n";
  }
  return text;
}

}  // namespace leeward::sim
