// The parts of Make, one for each section of a report.
#pragma once

#include "report/report.h"

namespace leeward::report {

// Executions, their steps, and the instants worth marking.
void ReadExecutions(const Input& input, Report* report);
// The fault and the split of the time without service; needs the executions.
void ReadRto(const Input& input, Report* report);
// What was acknowledged, lost, and stated before; by component and as a whole.
void ReadRpo(const Input& input, Report* report);
// What became of sessions, by how they were kept.
void ReadSessions(const Input& input, Report* report);
void JudgeSessions(Report* report);
// The counts of a mode, in the order of every form.
struct SessionFigure {
  const char* name;
  std::int64_t Sessions::*member;
};
const std::vector<SessionFigure>& SessionFigures();
// "99.84 %"; 100 only where none is missing.
std::string SharePercent(const Sessions& sessions);

// The recovery line and what rows name beyond it; needs the executions.
void ReadConsistency(const Input& input, Report* report);
void JudgeConsistency(Report* report);

// A whole number from an event's field.
std::optional<std::int64_t> WholeNumber(std::string_view text);

// The longest chain of the failover; needs its plan and the executions.
void ReadChain(Report* report);
// Objectives, problems and the verdict; needs everything else.
void Judge(Report* report);

// The failover of the report; nullptr when there was none.
const ExecutionSummary* FailoverOf(const Report& report);

}  // namespace leeward::report
