// Sagas: which of the spec's compensations are run for which entry of a repair list, and what the
// journal says became of each. Each is run once: what was begun and whose end nobody wrote down is
// never begun again by itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "model/event.h"
#include "model/repair_list.h"

namespace leeward::decide {

enum class Compensated {
  kWaiting,
  kDone,
  kFailed,   // the program said so, or was ended
  kUnknown,  // it was begun, and nobody wrote down how it ended
  kSettled,  // a person has seen to it
};
std::string_view Name(Compensated state);

struct Compensation {
  model::Saga saga;
  model::RepairEntry entry;
  std::string id;  // of this saga for this entry: the same in every run
  Compensated state = Compensated::kWaiting;
  std::string detail;  // how it ended
};

// In the order in which they are run: by saga as in the spec, then as in the list. Of entries whose
// name is missing and that the recovery Region did not write itself.
std::vector<Compensation> CompensationsOf(const model::Application& application,
                                          const model::RepairList& list,
                                          const std::vector<model::Event>& events);

// The one to be looked at next: waiting, or in the way of all behind it. nullptr: all are done.
const Compensation* NextOf(const std::vector<Compensation>& compensations);

// Records. The intent is durable before the program is begun.
model::Event CompensationIntended(const Compensation& one, const model::ExecutionId& execution,
                                  base::WallTime at);
model::Event CompensationEnded(const Compensation& one, const model::ExecutionId& execution,
                               base::WallTime at);

}  // namespace leeward::decide
