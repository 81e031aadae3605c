// Passes `names`, `order`, `sort` and `reduce`: unique ids, what waits for what, and a readable
// order.
#include <algorithm>
#include <set>

#include "base/check.h"
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::Action;
using model::Component;
using model::ComponentName;
using model::Step;
using model::StepId;

// Steps that an order rule's side means: "rds.replicate@to", ":replicates@to".
std::vector<Step*> StepsOf(Draft& draft, std::string_view pattern) {
  const auto at = pattern.find('@');
  const std::string_view kind = pattern.substr(0, at);
  if (kind.empty()) return {};
  std::vector<Step*> found;
  for (Step& step : draft.plan.steps) {
    if (!IsMeant(kind, step.kind)) continue;
    if (at != std::string_view::npos) {
      const bool to = pattern.substr(at + 1) == "to";
      if (step.region != (to ? draft.plan.to : draft.plan.from)) continue;
    }
    found.push_back(&step);
  }
  return found;
}

void After(Step* step, const StepId& before) {
  if (std::find(step->after.begin(), step->after.end(), before) == step->after.end())
    step->after.push_back(before);
}

void Apply(const OrderRule& rule, Draft& draft) {
  for (Step* later : StepsOf(draft, rule.after)) {
    for (const Step* earlier : StepsOf(draft, rule.before)) {
      if (earlier == later) continue;
      if (rule.scope == Scope::kSame && earlier->component != later->component) continue;
      After(later, earlier->id);
    }
  }
}

// Nothing waits for what a component needs: the Region served before.
constexpr Recipe::Ends kNothing{"", ""};

const Recipe::Ends& EndsOf(const Draft& draft, const Component& component) {
  const Recipe& recipe = RecipeOf(component);
  switch (draft.plan.action) {
    case Action::kProtect:
      return recipe.in_protect;
    case Action::kFailover:
      return recipe.in_failover;
    case Action::kSwitchover:
    case Action::kFailback:
      return recipe.in_move;
    case Action::kCallOff:
      return kNothing;
  }
  CHECK_NEVER("Action outside its enum");
}

// What a component needs is ready before the component relies on it.
void ApplyNeeds(const Component& component, Draft& draft) {
  for (const ComponentName& name : component.needs) {
    const Component* needed = draft.application.Find(name);
    CHECK_MSG(needed != nullptr, name.str().c_str());  // the spec is checked
    for (Step* later : StepsOf(draft, EndsOf(draft, component).waits)) {
      if (later->component != component.name) continue;
      for (const Step* earlier : StepsOf(draft, EndsOf(draft, *needed).ready)) {
        if (earlier->component == name) After(later, earlier->id);
      }
    }
  }
}

// Steps in an order in which each comes after what it waits for; ties stay in recipe order.
std::vector<Step> Sorted(std::vector<Step> steps) {
  std::vector<Step> sorted;
  std::set<StepId> placed;
  while (sorted.size() < steps.size()) {
    const auto next = std::find_if(steps.begin(), steps.end(), [&](const Step& step) {
      return !placed.contains(step.id) &&
             std::all_of(step.after.begin(), step.after.end(),
                         [&](const StepId& id) { return placed.contains(id); });
    });
    CHECK_MSG(next != steps.end(), "the order rules of a plan form a circle");
    placed.insert(next->id);
    sorted.push_back(*next);
  }
  return sorted;
}

}  // namespace

base::Status NameSteps(Draft& draft) {
  std::map<std::string, int> count;
  const auto name = [](const Step& step) {
    return step.component.empty() ? step.kind.str() : step.kind.str() + "/" + step.component.str();
  };
  for (const Step& step : draft.plan.steps) ++count[name(step)];
  for (Step& step : draft.plan.steps) {
    // A kind that acts on one component in both Regions says which.
    step.id = StepId(count[name(step)] > 1 ? name(step) + "@" + step.region.str() : name(step));
  }
  return base::Ok();
}

base::Status OrderSteps(Draft& draft) {
  for (const Recipe* recipe : Recipes()) {
    for (const OrderRule& rule : recipe->order()) Apply(rule, draft);
  }
  for (const OrderRule& rule : CommonOrder()) Apply(rule, draft);
  for (const Component& component : draft.application.components) ApplyNeeds(component, draft);
  return base::Ok();
}

base::Status SortSteps(Draft& draft) {
  draft.plan.steps = Sorted(std::move(draft.plan.steps));
  return base::Ok();
}

// Takes away edges that others imply, so that people see only what a step really waits for.
base::Status ReduceOrder(Draft& draft) {
  std::map<StepId, std::set<StepId>> ancestors;
  for (Step& step : draft.plan.steps) {
    std::set<StepId>& mine = ancestors[step.id];
    for (const StepId& before : step.after)
      mine.insert(ancestors[before].begin(), ancestors[before].end());
    std::erase_if(step.after, [&](const StepId& before) { return mine.contains(before); });
    mine.insert(step.after.begin(), step.after.end());
  }
  return base::Ok();
}

}  // namespace leeward::plan
