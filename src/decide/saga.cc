#include "decide/saga.h"

#include <map>

#include "base/bytes.h"
#include "base/check.h"

namespace leeward::decide {
namespace {

using model::Event;
using model::EventKind;

struct Outcome {
  Compensated state = Compensated::kWaiting;
  std::string detail;
};

Compensated StateNamed(std::string_view name) {
  for (const Compensated state :
       {Compensated::kDone, Compensated::kFailed, Compensated::kSettled}) {
    if (Name(state) == name) return state;
  }
  return Compensated::kUnknown;  // a later version's word
}

std::map<std::string, Outcome> OutcomesIn(const std::vector<Event>& events,
                                          const model::ExecutionId& execution) {
  std::map<std::string, Outcome> outcomes;
  for (const Event& event : events) {
    if (event.execution != execution) continue;
    Outcome outcome;
    if (event.kind == EventKind::kCompensationIntended) {
      outcome = {Compensated::kUnknown, "it was begun at " + base::FormatIso8601(event.at) +
                                            ", and how it ended is not known"};
    } else if (event.kind == EventKind::kCompensationEnded) {
      outcome = {StateNamed(event.Field("outcome")), std::string(event.Field("detail"))};
    } else {
      continue;
    }
    outcomes[std::string(event.Field("compensation"))] = std::move(outcome);
  }
  return outcomes;
}

bool IsCutInHalf(const model::RepairEntry& entry) {
  return entry.found == model::Named::kMissing && entry.place != model::Place::kAfter;
}

Event CompensationRecord(EventKind kind, const Compensation& one,
                         const model::ExecutionId& execution, base::WallTime at) {
  Event event;
  event.at = at;
  event.kind = kind;
  event.execution = execution;
  event.fields = {{"saga", one.saga.name},
                  {"reference", one.entry.reference},
                  {"names", one.entry.names},
                  {"compensation", one.id}};
  return event;
}

}  // namespace

std::string_view Name(Compensated state) {
  switch (state) {
    case Compensated::kWaiting:
      return "waiting";
    case Compensated::kDone:
      return "done";
    case Compensated::kFailed:
      return "failed";
    case Compensated::kUnknown:
      return "unknown";
    case Compensated::kSettled:
      return "settled";
  }
  CHECK_NEVER("Compensated outside its enum");
}

std::vector<Compensation> CompensationsOf(const model::Application& application,
                                          const model::RepairList& list,
                                          const std::vector<Event>& events) {
  const std::map<std::string, Outcome> outcomes = OutcomesIn(events, list.execution);
  std::vector<Compensation> all;
  std::map<std::string, int> seen;
  for (const model::Saga& saga : application.sagas) {
    for (const model::RepairEntry& entry : list.entries) {
      if (entry.reference != saga.of || !IsCutInHalf(entry)) continue;
      // Rows that say the same are told apart by their number.
      const std::string text = saga.name + "\n" + ToJson(entry);
      Compensation one{saga, entry, base::Sha256Hex(text + "\n" + std::to_string(seen[text]++))};
      if (const auto found = outcomes.find(one.id); found != outcomes.end()) {
        one.state = found->second.state;
        one.detail = found->second.detail;
      }
      all.push_back(std::move(one));
    }
  }
  return all;
}

const Compensation* NextOf(const std::vector<Compensation>& compensations) {
  for (const Compensation& one : compensations) {
    if (one.state != Compensated::kDone && one.state != Compensated::kSettled) return &one;
  }
  return nullptr;
}

Event CompensationIntended(const Compensation& one, const model::ExecutionId& execution,
                           base::WallTime at) {
  return CompensationRecord(EventKind::kCompensationIntended, one, execution, at);
}

Event CompensationEnded(const Compensation& one, const model::ExecutionId& execution,
                        base::WallTime at) {
  Event event = CompensationRecord(EventKind::kCompensationEnded, one, execution, at);
  event.fields["outcome"] = Name(one.state);
  event.fields["detail"] = one.detail;
  return event;
}

}  // namespace leeward::decide
