// Plans of a shop for tests: what is made of an application in a given state of the world, and what
// has to be done first in it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/testing/golden.h"
#include "model/testing/shop.h"
#include "plan/plan.h"

namespace leeward::plan::testing {

inline const model::Region kHome("us-east-1"), kRecovery("us-west-2");

// `active` has all that writes; the recovery Region is up.
inline model::Plan PlanOf(const model::Application& shop, model::Action action,
                          const model::Region& active, model::Health home) {
  model::Snapshot snapshot;
  snapshot.at = base::WallTime{base::Duration(1'763'887'253'000'000'000)};
  for (const auto& [region, health] :
       {std::pair(kHome, home), std::pair(kRecovery, model::Health::kUp)}) {
    model::Verdict verdict;
    verdict.region = region;
    verdict.health = health;
    snapshot.verdicts.push_back(verdict);
  }
  for (const model::Component& component : shop.components) {
    if (!std::holds_alternative<model::Ecs>(component.kind))
      snapshot.active[component.name] = active;
  }
  base::Result<model::Plan> plan = Make(action, shop, {}, snapshot, {});
  CHECK_MSG(plan.ok(), plan.ok() ? "" : plan.error().message().c_str());
  return *std::move(plan);
}

// Whether `step` has to wait for `before`, maybe by way of others.
inline bool WaitsFor(const model::Plan& plan, const std::string& step, const std::string& before) {
  const model::Step* found = plan.Find(model::StepId(step));
  CHECK_MSG(found != nullptr, step.c_str());
  return std::any_of(found->after.begin(), found->after.end(), [&](const model::StepId& id) {
    return id.str() == before || WaitsFor(plan, id.str(), before);
  });
}

inline bool HasKind(const model::Plan& plan, std::string_view kind) {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [&](const model::Step& step) { return step.kind.str() == kind; });
}

inline void ExpectPlan(const std::string& name, const model::Plan& plan) {
  base::testing::ExpectGolden("src/plan/testdata/" + name, ToText(plan));
}

}  // namespace leeward::plan::testing
