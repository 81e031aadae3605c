// The recovery line, and what was found of the spec's references.
#include <algorithm>

#include "report/parts.h"

namespace leeward::report {
namespace {

using model::Event;
using model::EventKind;

constexpr std::string_view kConsistencyStep = "app.consistency";

std::string Out(const Event& event, const std::string& name) {
  return std::string(event.Field("out." + name));
}

// Up to where the store has everything, by the bound that was stated last.
std::optional<base::WallTime> PointIn(const Event& event) {
  const auto read_at = base::ParseIso8601(event.Field("read_at"));
  const std::optional<std::int64_t> bound = WholeNumber(event.Field("bound_ns"));
  if (!read_at.ok() || !bound) return std::nullopt;
  return *read_at - base::Duration(*bound);
}

// A store of which nothing was stated has a point that is not known.
model::RecoveryLine LineIn(const std::vector<Event>& events, const model::ExecutionId& execution,
                           const model::Application& application) {
  std::map<model::ComponentName, std::optional<base::WallTime>> stated;
  for (const Event& event : events) {
    if (event.kind == EventKind::kLossBound && event.execution == execution)
      stated[model::ComponentName(std::string(event.Field("component")))] = PointIn(event);
  }
  if (stated.empty()) return {};
  std::vector<model::RecoveryPoint> points;
  for (const model::Component& component : application.components) {
    if (!model::IsStore(component.kind)) continue;
    const auto found = stated.find(component.name);
    points.push_back({component.name, found == stated.end() ? std::nullopt : found->second});
  }
  return model::LineOf(std::move(points));
}

std::optional<base::WallTime> InstantIn(const std::string& text) {
  const auto at = base::ParseIso8601(text);
  return at.ok() ? std::optional(*at) : std::nullopt;
}

// What the step took for the line counts, whatever the bounds say.
void ReadStated(const Event& done, Consistency* consistency) {
  consistency->line.at = InstantIn(Out(done, "line"));
  consistency->line.store = model::ComponentName(Out(done, "line_of"));
  consistency->list = Out(done, "list");
  consistency->list_sha256 = Out(done, "list_sha256");
  consistency->entries = WholeNumber(Out(done, "entries")).value_or(0);
  consistency->complete = Out(done, "complete") == "yes";
  consistency->line.points.clear();
  for (const auto& [field, value] : done.fields) {
    if (field.starts_with("out.point."))
      consistency->line.points.push_back(
          {model::ComponentName(field.substr(std::string_view("out.point.").size())),
           InstantIn(value)});
    if (field.starts_with("out.reference.")) {
      auto counts = model::ReferenceCountsFromJson(value);
      if (counts.ok()) consistency->references.push_back(*std::move(counts));
    }
    if (field.starts_with("out.entry.")) {
      auto entry = model::RepairEntryFromJson(value);
      if (entry.ok()) consistency->first.push_back(*std::move(entry));
    }
  }
}

}  // namespace

std::optional<Consistency> ConsistencyOf(const std::vector<Event>& events,
                                         const model::ExecutionId& execution,
                                         const model::Application& application) {
  Consistency consistency;
  consistency.execution = execution;
  consistency.line = LineIn(events, execution, application);
  const Event* done = nullptr;
  for (const Event& event : events) {
    const bool its = event.kind == EventKind::kStepDone && event.execution == execution &&
                     event.step.str() == kConsistencyStep;
    if (its) done = &event;
  }
  if (done != nullptr) ReadStated(*done, &consistency);
  // One store alone is as it is.
  if (consistency.line.points.size() < 2 && consistency.list.empty()) return std::nullopt;
  return consistency;
}

void ReadConsistency(const Input& input, Report* report) {
  const ExecutionSummary* failover = FailoverOf(*report);
  if (failover == nullptr) return;
  report->consistency = ConsistencyOf(input.events, failover->execution, input.application);
}

void JudgeConsistency(Report* report) {
  const ExecutionSummary* failover = FailoverOf(*report);
  if (failover == nullptr || report->application.references.empty()) return;
  Objective objective{"references are verified", "every row looked at", "not looked at",
                      Verdict::kIncomplete};
  if (report->consistency && !report->consistency->list.empty()) {
    std::int64_t rows = 0, missing = 0, unverified = 0;
    for (const model::ReferenceCounts& counts : report->consistency->references) {
      rows += counts.rows;
      missing += counts.missing;
      unverified += counts.unverified;
      if (!counts.problem.empty())
        report->problems.push_back("reference '" + counts.name + "': " + counts.problem);
    }
    objective.measured = std::to_string(rows) + " rows: " + std::to_string(missing) +
                         " name what is missing, " + std::to_string(unverified) + " not verified";
    if (report->consistency->complete && unverified == 0) objective.verdict = Verdict::kPass;
  }
  report->objectives.push_back(std::move(objective));
}

}  // namespace leeward::report
