// Steps: what each kind of step looks at and does in the simulated world. One call is one exchange
// with the step's Region: it looks, acts if it must, and answers when the step is done; it is asked
// again until then.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/plan.h"
#include "ports/step_runner.h"
#include "sim/world.h"

namespace leeward::sim {

// One attempt of a step, as long as it runs.
struct Work {
  // The request outlives the controller that sent it, so it has its own hold on all of it.
  std::shared_ptr<const model::Plan> plan;
  const model::Step& step;
  std::map<std::string, std::string> outputs;
  std::string execution;
  std::optional<Duration> accepted;  // of a loss, by who had this run go on
  // The clock of who carries it out, at the time of this exchange.
  base::WallTime now;
  // To be called before each change of the world, with its name.
  std::function<void()> effect;
  bool asked = false;      // in this attempt, what only has to be asked once
  std::size_t target = 0;  // of a wait, found at its first look
};

using Looked = std::optional<ports::StepOutcome>;  // absent: not done yet

base::Result<Looked> Act(World& world, Work& work);

}  // namespace leeward::sim
