// The chain of steps that the failover's length was made of.
#include <algorithm>

#include "report/parts.h"

namespace leeward::report {
namespace {

const TimelineRow* RowOf(const Report& report, const ExecutionSummary& execution,
                         const model::StepId& step) {
  for (const TimelineRow& row : report.timeline) {
    if (row.execution == execution.execution && row.step == step && row.attempts > 0) return &row;
  }
  return nullptr;
}

// The step that switches the traffic; where there is none, the last that ended.
const TimelineRow* LastOf(const Report& report, const ExecutionSummary& failover) {
  const TimelineRow* last = nullptr;
  for (const model::Step& step : report.plan.steps) {
    const TimelineRow* row = RowOf(report, failover, step.id);
    if (row == nullptr || row->state != "done") continue;
    if (step.id.str().starts_with("route53.shift")) return row;
    if (last == nullptr || row->ended > last->ended) last = row;
  }
  return last;
}

// The one of the steps before it that ended last.
const TimelineRow* WaitedFor(const Report& report, const ExecutionSummary& failover,
                             const model::StepId& id) {
  const model::Step* step = report.plan.Find(id);
  const TimelineRow* latest = nullptr;
  for (const model::StepId& before : step == nullptr ? std::vector<model::StepId>{} : step->after) {
    const TimelineRow* row = RowOf(report, failover, before);
    if (row != nullptr && (latest == nullptr || row->ended > latest->ended)) latest = row;
  }
  return latest;
}

}  // namespace

void ReadChain(Report* report) {
  const ExecutionSummary* failover = FailoverOf(*report);
  if (failover == nullptr) return;
  const TimelineRow* last = LastOf(*report, *failover);
  if (last == nullptr) return;
  Chain chain;
  for (const TimelineRow* row = last; row != nullptr;
       row = WaitedFor(*report, *failover, row->step)) {
    chain.links.push_back({row->step, row->began, row->ended});
  }
  std::reverse(chain.links.begin(), chain.links.end());
  chain.length = last->ended - chain.links.front().began;
  for (const TimelineRow& row : report->timeline) {
    if (row.execution != failover->execution || row.attempts == 0) continue;
    if (row.ended <= last->ended) chain.in_turn += row.ended - row.began;
  }
  report->chain = std::move(chain);
}

}  // namespace leeward::report
