// Latencies: how long everything takes in one run of a forecast. Every figure comes from a drill
// that was measured; docs/formats/forecast.md says how.
#pragma once

#include <map>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "model/ids.h"

namespace leeward::forecast {

using base::Duration;

struct Latencies {
  Duration fault_phase{};      // from the beginning of a slot of probes to the fault
  Duration detection_late{};   // of the verdict, beyond what the slots explain; may be negative
  Duration planning{};         // from the verdict to the first step
  Duration client_phase{};     // from the fault to when the client first asks for the name again
  Duration client_late{};      // whole lives of the answer by which it clings to the old address
  Duration replication_lag{};  // age of the oldest write that the recovery Region has not received
  std::map<model::StepId, Duration> steps;
};

// When a probe of a Region that answers nothing ends, counted from the beginning of its slot: it
// leaves a twentieth of the slot free (probe/watcher.cc).
Duration SilentProbe(const model::Detection& detection);

// From the fault to the last probe that the verdict needs, when nothing answers from the fault on.
Duration DetectionBySlots(const model::Detection& detection, Duration fault_phase);

// What a forecast knows of the application beside its plan.
struct Terms {
  Duration ttl{};          // of the public name's records
  Duration write_every{};  // of the load
  int standby = 0;         // tasks that run in the recovery Region
};
// kInvalid: without a database, a service, a public name or a workload there is nothing to
// forecast.
base::Result<Terms> TermsOf(const model::Application& application);

}  // namespace leeward::forecast
