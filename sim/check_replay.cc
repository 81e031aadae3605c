#include <set>
#include <vector>

#include "execute/execute.h"
#include "plan/plan.h"
#include "sim/check.h"

namespace leeward::sim {
namespace {

using model::Event;
using model::EventKind;

constexpr int kMostRounds = 1000;

// Carries the execution to its end in a world in which every step succeeds at once.
execute::State Finished(const model::Plan& plan, execute::State state, base::WallTime now) {
  const execute::Limits limits;
  for (int round = 0; round < kMostRounds && !state.outcome; ++round) {
    execute::Batch batch = execute::Next(plan, state, {}, now, limits);
    for (const Event& event : batch.records) state = Apply(std::move(state), plan, event);
    for (const execute::Command& command : batch.commands) {
      for (const Event& event : Succeeded(plan, state, command.step, now, "replayed", {})) {
        state = Apply(std::move(state), plan, event);
      }
    }
    if (batch.wake_at) now = *batch.wake_at;
  }
  return state;
}

struct Execution {
  model::ExecutionId id;
  model::Plan plan;
  std::vector<Event> events;
};

// Those that are not checked yet.
std::vector<Execution> ExecutionsOf(const std::vector<History::Entry>& journal,
                                    std::set<model::ExecutionId>* checked, Violations* violations) {
  std::vector<Execution> executions;
  for (const History::Entry& entry : journal) {
    const Event& event = entry.event;
    if (event.kind == EventKind::kExecutionStarted && checked->insert(event.execution).second) {
      base::Result<model::Plan> plan = plan::FromJson(event.Field("plan"));
      if (!plan.ok()) {
        violations->push_back({"replay", "a journalled plan cannot be read"});
        return {};
      }
      executions.push_back({event.execution, *std::move(plan), {}});
    }
    for (Execution& execution : executions) {
      if (event.execution == execution.id) execution.events.push_back(event);
    }
  }
  return executions;
}

void CheckPrefix(const Execution& execution, std::size_t length, Violations* violations) {
  std::vector<Event> prefix(execution.events.begin(),
                            execution.events.begin() + static_cast<std::ptrdiff_t>(length));
  const base::WallTime now = prefix.back().at + std::chrono::minutes(1);
  prefix.push_back(execute::Resumed(execution.plan, execution.id, "checker", now));
  const execute::State end =
      Finished(execution.plan, execute::Replay(execution.plan, execution.id, prefix), now);
  const auto report = [&](const std::string& what) {
    violations->push_back({"replay", execution.id.str() + " gone on with after record " +
                                         std::to_string(prefix[length - 1].sequence) + ": " +
                                         what});
  };
  if (end.outcome != execute::Outcome::kDone) return report("it does not end as done");
  for (const auto& [step, progress] : end.steps) {
    // Best-effort steps that had failed are not tried again without need.
    const bool settled = progress.state == execute::StepState::kDone;
    if (!settled) return report(step.str() + " ends as " + std::string(Name(progress.state)));
  }
}

}  // namespace

void CheckReplay(const History& history, int samples, Violations* violations) {
  std::set<model::ExecutionId> checked;  // one that was gone on with is in several journals
  for (const std::vector<History::Entry>& journal : history.journals) {
    for (const Execution& execution : ExecutionsOf(journal, &checked, violations)) {
      const std::size_t count = execution.events.size();
      const auto wanted = std::min(count, static_cast<std::size_t>(samples));
      for (std::size_t i = 0; i < wanted; ++i) {
        // Spread by the facts themselves, so that another seed looks at other prefixes.
        const std::size_t length = 1 + (history.facts.size() * 7 + i * count / wanted) % count;
        CheckPrefix(execution, length, violations);
      }
    }
  }
}

}  // namespace leeward::sim
