// StepRunner: carries out one step of a plan against the world: look, act, confirm.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "model/inventory.h"
#include "model/plan.h"

namespace leeward::ports {

struct StepContext {
  const model::Application& application;
  const model::Inventory& inventory;
  const model::Plan& plan;
  const model::Step& step;
  // What earlier steps learned: "<step id>.<name>" → value.
  const std::map<std::string, std::string>& outputs;
  int attempt = 1;
  base::MonotonicTime deadline;     // of this attempt
  std::function<bool()> cancelled;  // polled in waits; true: return kCancelled soon
  std::function<void(std::string_view)>
      progress;  // one short line, for people; may be called from any thread
  // The execution that the step is of, and the digest of its whole plan: what is approved for one
  // is approved for no other.
  model::ExecutionId execution = {};
  std::string plan_digest = {};
};

struct StepOutcome {
  std::string detail;                          // "promoted, timeline 2, 61 ms"
  std::map<std::string, std::string> outputs;  // remembered in the journal
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  // Does the step, or finds that it is already done (also success). Safe to run again after a crash
  // at any instant. kRefused from a gate ends the execution as refused. Called from worker threads,
  // steps in parallel; never past `deadline` by more than a second.
  virtual base::Result<StepOutcome> Run(const StepContext& context) = 0;
};

}  // namespace leeward::ports
