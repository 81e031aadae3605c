// The time without service, split into contiguous parts. docs/formats/report.md defines each.
#include <algorithm>
#include <utility>

#include "report/parts.h"

namespace leeward::report {
namespace {

using model::Event;
using model::EventKind;
using model::Phase;

void FindFault(const Input& input, Report* report) {
  for (const Event& event : input.events) {
    if (event.kind != EventKind::kFault || report->fault) continue;
    report->fault = event.at;
    report->fault_name = std::string(event.Field("fault"));
    report->fault_region = model::Region(std::string(event.Field("region")));
  }
}

std::optional<base::WallTime> FirstRecovered(const Input& input, const Report& report) {
  for (const Event& event : input.events) {
    if (event.kind == EventKind::kLoad && event.Field("what") == kFirstRecovered &&
        event.at >= *report.fault) {
      return event.at;
    }
  }
  return std::nullopt;
}

// When a quorum said that the Region is down; when the failover began, if nobody waited for that.
base::WallTime Detected(const Input& input, const Report& report,
                        const ExecutionSummary& failover) {
  for (const Event& event : input.events) {
    if (event.kind == EventKind::kVerdict && event.at >= *report.fault &&
        event.Field("health") == "down" && event.Field("region") == report.fault_region.str()) {
      return std::min(event.at, failover.began);
    }
  }
  return failover.began;
}

// The last end of the failover's steps of a phase. Steps that only confirm a switch are not waited
// for by clients.
std::optional<base::WallTime> PhaseEnd(const Report& report, const ExecutionSummary& failover,
                                       Phase phase) {
  std::optional<base::WallTime> end;
  for (const TimelineRow& row : report.timeline) {
    if (row.execution != failover.execution || row.phase != phase || row.attempts == 0) continue;
    if (phase == Phase::kTraffic && row.step.str().starts_with("route53.confirm")) continue;
    end = end ? std::max(*end, row.ended) : row.ended;
  }
  return end;
}

// How long each store took that was made of a backup: "rds.restore/orders".
std::map<model::ComponentName, base::Duration> Restores(const Report& report,
                                                        const ExecutionSummary& failover) {
  constexpr std::string_view kRestore = ".restore/";
  std::map<model::ComponentName, base::Duration> restores;
  for (const TimelineRow& row : report.timeline) {
    const std::string& step = row.step.str();
    const std::size_t at = step.find(kRestore);
    if (row.execution != failover.execution || at == std::string::npos || row.state != "done")
      continue;
    const std::string rest = step.substr(at + kRestore.size());
    restores[model::ComponentName(rest.substr(0, rest.find('@')))] = row.ended - row.began;
  }
  return restores;
}

}  // namespace

void ReadRto(const Input& input, Report* report) {
  FindFault(input, report);
  if (!report->fault) return;
  const ExecutionSummary* failover = FailoverOf(*report);
  const std::optional<base::WallTime> recovered = FirstRecovered(input, *report);
  if (failover == nullptr || !recovered) return;

  RtoSplit split;
  base::WallTime at = *report->fault;
  // Moves the boundary forward, never back and never past the recovery: the parts stay contiguous.
  const auto until = [&](std::optional<base::WallTime> end) {
    const base::WallTime next = end ? std::clamp(*end, at, *recovered) : at;
    return next - std::exchange(at, next);
  };
  split.detect = until(Detected(input, *report, *failover));
  split.decide = until(PhaseEnd(*report, *failover, Phase::kDecide));
  split.fence = until(PhaseEnd(*report, *failover, Phase::kFence));
  split.promote = until(PhaseEnd(*report, *failover, Phase::kPromote));
  split.scale = until(PhaseEnd(*report, *failover, Phase::kScale));
  split.traffic = until(PhaseEnd(*report, *failover, Phase::kTraffic));
  split.client_tail = until(recovered);
  split.total = *recovered - *report->fault;
  split.restores = Restores(*report, *failover);
  report->rto = split;
}

}  // namespace leeward::report
