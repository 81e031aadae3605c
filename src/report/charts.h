// The report's pictures, each as one SVG.
#pragma once

#include <string>

#include "report/report.h"

namespace leeward::report {

// The time without service as one bar of its parts.
std::string RtoBar(const RtoSplit& rto);

// Writes per second over a span of time, with the outage shaded and lost writes marked.
struct Span {
  base::WallTime from, to;
};
std::string WritesChart(const Report& report, const Span& span);
// All of the load; the surroundings of the outage.
Span WholeLoad(const Report& report);
Span AroundOutage(const Report& report);

// One execution's steps as bars, coloured by phase.
std::string TimelineChart(const Report& report, const ExecutionSummary& execution);

}  // namespace leeward::report
