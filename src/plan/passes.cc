#include "plan/draft.h"

namespace leeward::plan {

// The order matters:
//   options, roles     refuse first; everything after relies on `from` and `to`
//   components         each kind's recipe adds its steps
//   common             gates and verification stand between and behind them, so they come second
//   names              ids can be made unique only when all steps are there
//   order              edges are between ids
//   sort, reduce       need all edges; reduce walks steps in sorted order
//   limits, calls      fill in what every step has, whoever added it
//   nothing-lost       judges the plan as it will be carried out, so it is last
const std::vector<Pass>& Passes() {
  static const std::vector<Pass> kPasses = {
      {"options", CheckOptions},
      {"roles", AssignRoles},
      {"components", EmitComponents},
      {"common", EmitCommon},
      {"names", NameSteps},
      {"order", OrderSteps},
      {"sort", SortSteps},
      {"reduce", ReduceOrder},
      {"limits", SetLimits},
      {"calls", AnnotateCalls},
      {"nothing-lost", CheckNothingNeedsTheLost},
  };
  return kPasses;
}

base::Result<model::Plan> Make(model::Action action, const model::Application& application,
                               const model::Inventory& inventory, const model::Snapshot& snapshot,
                               const Options& options) {
  Draft draft{application, inventory, snapshot, options, {}};
  draft.plan.action = action;
  draft.plan.application = application.name;
  draft.plan.made = snapshot.at;
  draft.plan.reason = options.reason;
  for (const Pass& pass : Passes()) RETURN_IF_ERROR(pass.run(draft));
  return std::move(draft.plan);
}

}  // namespace leeward::plan
