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

// "at most 5 s; uploads 15 min"
std::string RequiredLoss(const model::Application& application) {
  std::string text = "at most " + base::HumanDuration(application.objectives.rpo);
  for (const model::Component& one : application.components) {
    if (one.rpo) text += "; " + one.name.str() + " " + base::HumanDuration(*one.rpo);
  }
  return text;
}

// Each store by its own RPO where its writes were counted; what was counted for all together by the
// largest of those that it may be about.
bool KeepsRpo(const Report& report) {
  const auto keeps = [](const Rpo& rpo, base::Duration objective) {
    return rpo.lost == 0 || rpo.lost_span <= objective;
  };
  std::optional<base::Duration> together;
  for (const auto& [name, store] : report.components) {
    const base::Duration objective = report.application.RpoOf(name);
    if (!store.writes)
      together = std::max(objective, together.value_or(objective));
    else if (!keeps(*store.writes, objective))
      return false;
  }
  if (report.components.empty()) together = report.application.objectives.rpo;
  return !together || keeps(*report.rpo, *together);
}

void JudgeRpo(Report* report) {
  if (!report->fault) return;
  const std::string required = RequiredLoss(report->application);
  if (!report->rpo) {
    Add(report, "rpo", required, "not measured", Verdict::kIncomplete);
    return;
  }
  const Rpo& rpo = *report->rpo;
  const std::string lost =
      rpo.lost == 0 ? "nothing lost"
                    : std::to_string(rpo.lost) + " writes, " + base::HumanDuration(rpo.lost_span);
  Add(report, "rpo", required, lost, Of(KeepsRpo(*report)));
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
  JudgeConsistency(report);
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
