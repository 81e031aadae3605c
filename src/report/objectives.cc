// What was required, what was measured, and the verdict.
#include <algorithm>

#include "model/names.h"
#include "report/parts.h"

namespace leeward::report {
namespace {

Verdict Of(bool kept) { return kept ? Verdict::kPass : Verdict::kFail; }

void Add(Report* report, std::string name, std::string required, std::string measured,
         Verdict verdict) {
  report->objectives.push_back(
      {std::move(name), std::move(required), std::move(measured), verdict});
}

bool IsDone(const Report& report, const model::ExecutionId& id) {
  return std::any_of(report.executions.begin(), report.executions.end(),
                     [&](const ExecutionSummary& execution) {
                       return execution.execution == id && execution.outcome == "done";
                     });
}

void JudgeRto(Report* report) {
  const base::Duration objective = report->application.objectives.rto;
  const std::string required = "at most " + base::HumanDuration(objective);
  if (report->rto) {
    Add(report, "rto", required, base::HumanDuration(report->rto->total),
        Of(report->rto->total <= objective));
  } else if (report->fault) {
    Add(report, "rto", required, "never recovered", Verdict::kFail);
  }
}

void JudgeRpo(Report* report) {
  if (!report->fault) return;
  const base::Duration objective = report->application.objectives.rpo;
  const std::string required = "at most " + base::HumanDuration(objective);
  if (!report->rpo) {
    Add(report, "rpo", required, "not measured", Verdict::kIncomplete);
    return;
  }
  const Rpo& rpo = *report->rpo;
  const std::string lost =
      rpo.lost == 0 ? "nothing lost"
                    : std::to_string(rpo.lost) + " writes, " + base::HumanDuration(rpo.lost_span);
  Add(report, "rpo", required, lost, Of(rpo.lost == 0 || rpo.lost_span <= objective));
  if (rpo.bound) {
    Add(report, "loss within the bound stated before promotion",
        "at most " + base::HumanDuration(*rpo.bound), lost,
        Of(rpo.lost == 0 || rpo.lost_span <= *rpo.bound));
  } else {
    Add(report, "loss within the bound stated before promotion", "a stated bound",
        "none was stated", Verdict::kFail);
  }
}

// Where a store has a count of its own it has to keep to its own bound too.
void JudgeStores(Report* report) {
  if (report->components.size() < 2) return;
  for (const auto& [name, store] : report->components) {
    if (!store.writes || !store.bound) continue;
    const Rpo& writes = *store.writes;
    Add(report, "loss of " + name.str() + " within its own bound",
        "at most " + base::HumanDuration(*store.bound),
        writes.lost == 0
            ? "nothing lost"
            : std::to_string(writes.lost) + " writes, " + base::HumanDuration(writes.lost_span),
        Of(writes.lost == 0 || writes.lost_span <= *store.bound));
  }
}

void JudgeFailback(Report* report) {
  if (!report->failback) return;
  const Failback& failback = *report->failback;
  Add(report, "failback lost nothing", "0 lost",
      std::to_string(failback.lost) + " lost of " + std::to_string(failback.acknowledged),
      Of(failback.lost == 0));
}

void JudgeExecutions(Report* report) {
  for (const ExecutionSummary& execution : report->executions) {
    const bool done = execution.outcome == "done";
    const std::string name = std::string(model::Name(execution.action)) + " finished";
    Add(report, name, "done", execution.outcome, Of(done));
    if (!done) {
      report->problems.push_back(
          std::string(model::Name(execution.action)) + " " + execution.execution.str() +
          " ended as " + execution.outcome +
          (execution.outcome_reason.empty() ? "" : ": " + execution.outcome_reason));
    }
  }
  // A best-effort step may fail in an execution that is done; that is in the timeline, not a
  // problem.
  for (const TimelineRow& row : report->timeline) {
    if (row.state != "failed" || IsDone(*report, row.execution)) continue;
    report->problems.push_back(row.step.str() + " failed: " + row.detail);
  }
}

}  // namespace

void Judge(Report* report) {
  JudgeRto(report);
  JudgeRpo(report);
  JudgeStores(report);
  JudgeSessions(report);
  JudgeFailback(report);
  JudgeExecutions(report);
  const auto any = [&](Verdict verdict) {
    return std::any_of(
        report->objectives.begin(), report->objectives.end(),
        [verdict](const Objective& objective) { return objective.verdict == verdict; });
  };
  report->verdict = any(Verdict::kFail)                                       ? Verdict::kFail
                    : any(Verdict::kIncomplete) || report->objectives.empty() ? Verdict::kIncomplete
                                                                              : Verdict::kPass;
}

}  // namespace leeward::report
