#include <algorithm>

#include "base/check.h"
#include "model/names.h"
#include "report/parts.h"

namespace leeward::report {
namespace {

using model::Event;
using model::EventKind;

std::string OutcomeOf(const Event& event) { return std::string(event.Field("outcome")); }

const model::Step* StepOf(const Input& input, const Event& event) {
  const auto plan = input.plans.find(event.execution);
  return plan == input.plans.end() ? nullptr : plan->second.Find(event.step);
}

// Executions as their own events tell them.
class ExecutionReader {
 public:
  ExecutionReader(const Input& input, Report* report) : input_(input), report_(report) {}

  void Read(const Event& event) {
    switch (event.kind) {
      case EventKind::kExecutionStarted:
        Start(event);
        break;
      case EventKind::kExecutionResumed:
        Mark(event, "gone on with");
        break;
      case EventKind::kExecutionFinished:
        if (ExecutionSummary* execution = Of(event)) {
          execution->ended = event.at;
          execution->outcome = OutcomeOf(event);
          execution->outcome_reason = std::string(event.Field("reason"));
        }
        break;
      case EventKind::kStepIntended:
        Intend(event);
        break;
      case EventKind::kStepDone:
        End(event, "done", "detail");
        break;
      case EventKind::kStepFailed:
        End(event, "failed", "message");
        break;
      case EventKind::kStepSkipped:
        Intend(event, 0), End(event, "skipped", "reason");
        break;
      case EventKind::kGatePassed:
        Mark(event, std::string(event.Field("gate")) + " passed");
        break;
      case EventKind::kGateRefused:
        Mark(event, std::string(event.Field("gate")) + " refused");
        break;
      case EventKind::kVerdict:
        Mark(event, std::string(event.Field("region")) + " " + std::string(event.Field("health")));
        break;
      case EventKind::kFault:
        Mark(event, std::string(event.Field("fault")));
        break;
      case EventKind::kLoad:
        Mark(event, std::string(event.Field("what")));
        break;
      case EventKind::kApproval:
        Mark(event, "approved by " + std::string(event.Field("who")));
        break;
      case EventKind::kLossBound:
      case EventKind::kMeasured:
      case EventKind::kNote:
      case EventKind::kCompensationIntended:
      case EventKind::kCompensationEnded:
        break;
    }
  }

 private:
  ExecutionSummary* Of(const Event& event) {
    for (ExecutionSummary& execution : report_->executions) {
      if (execution.execution == event.execution) return &execution;
    }
    return nullptr;
  }

  void Start(const Event& event) {
    ExecutionSummary execution;
    execution.execution = event.execution;
    model::FromName(event.Field("action"), &execution.action);
    execution.from = model::Region(std::string(event.Field("from")));
    execution.to = model::Region(std::string(event.Field("to")));
    execution.reason = std::string(event.Field("reason"));
    execution.began = execution.ended = event.at;
    execution.outcome = "unfinished";
    report_->executions.push_back(std::move(execution));
  }

  TimelineRow& RowOf(const Event& event) {
    for (TimelineRow& row : report_->timeline) {
      if (row.execution == event.execution && row.step == event.step) return row;
    }
    TimelineRow row;
    row.execution = event.execution;
    row.step = event.step;
    row.began = row.ended = event.at;
    row.state = "unfinished";
    if (const ExecutionSummary* execution = Of(event)) row.action = execution->action;
    if (const model::Step* step = StepOf(input_, event)) {
      row.phase = step->phase;
      row.region = step->region;
      row.title = step->title;
    }
    report_->timeline.push_back(std::move(row));
    return report_->timeline.back();
  }

  void Intend(const Event& event, int attempts = 1) {
    TimelineRow& row = RowOf(event);
    row.attempts += attempts;
    row.state = "unfinished";
    Touch(event);
  }
  void End(const Event& event, const char* state, const char* detail) {
    TimelineRow& row = RowOf(event);
    row.ended = event.at;
    row.state = state;
    row.detail = std::string(event.Field(detail));
    Touch(event);
  }
  // An execution that never finished lasts at least until its last event.
  void Touch(const Event& event) {
    if (ExecutionSummary* execution = Of(event))
      execution->ended = std::max(execution->ended, event.at);
  }
  void Mark(const Event& event, std::string label) {
    report_->marks.push_back({event.at, std::move(label)});
  }

  const Input& input_;
  Report* report_;
};

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "fail";
    case Verdict::kIncomplete:
      return "incomplete";
  }
  CHECK_NEVER("Verdict outside its enum");
}

const ExecutionSummary* FailoverOf(const Report& report) {
  for (const ExecutionSummary& execution : report.executions) {
    const bool after_fault = !report.fault || execution.began >= *report.fault;
    if (execution.action == model::Action::kFailover && after_fault) return &execution;
  }
  return nullptr;
}

void ReadExecutions(const Input& input, Report* report) {
  ExecutionReader reader(input, report);
  for (const Event& event : input.events) reader.Read(event);
}

Report Make(const Input& input) {
  Report report;
  report.application = input.application;
  report.spec_text = input.spec_text;
  report.load = input.load;
  report.journal_path = input.journal_path;
  report.journal_last_hash = input.journal_last_hash;
  report.journal_records = input.journal_records;
  ReadExecutions(input, &report);
  ReadRto(input, &report);
  ReadRpo(input, &report);
  ReadSessions(input, &report);
  ReadConsistency(input, &report);
  if (const ExecutionSummary* failover = FailoverOf(report)) {
    if (const auto plan = input.plans.find(failover->execution); plan != input.plans.end()) {
      report.plan = plan->second;
    }
  }
  ReadChain(&report);
  Judge(&report);
  return report;
}

}  // namespace leeward::report
