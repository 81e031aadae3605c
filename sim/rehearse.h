// Rehearse: one loss of the home Region as a drill makes it, gone through by the real loop with
// latencies that drills measured. For forecasts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "forecast/latencies.h"
#include "model/application.h"
#include "report/report.h"

namespace leeward::sim {

struct Rehearsal {
  std::string refused;  // "GATE: reason"; empty: the application recovered
  report::RtoSplit rto;
  base::Duration lost{0};  // age at the fault of the oldest acknowledged write that was lost
  std::optional<base::Duration> bound;
};

// The same latencies and seed give the same rehearsal. kInvalid: a spec that cannot be rehearsed,
// or a step of its plan that the latencies do not have. kWrongState: the loop neither recovered nor
// refused.
base::Result<Rehearsal> Rehearse(const model::Application& application,
                                 const forecast::Latencies& latencies, std::uint64_t seed);

}  // namespace leeward::sim
