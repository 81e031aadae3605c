// DryRunner: what each step of a plan would do now, and what would stop it, by looking alone.
//
// Nothing is changed: AWS is asked with operations that read, databases through read-only sessions,
// the shared store is not written, and nothing is saved. What rests on a step that is not really
// done is said to rest on it rather than guessed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/application.h"
#include "model/inventory.h"
#include "model/plan.h"
#include "steps/runner.h"

namespace leeward::steps {

enum class Would {
  kNothing,  // it is so already
  kAct,      // it would change something, or wait for something
  kPass,     // it only looks: it was done, and passes
  kLater,    // rests on a step before it that is not done: not looked at
  kStop,     // something is in its way
};
// "nothing-to-do", "act", "pass", "not-looked-at", "stop". Stable.
std::string_view Name(Would would);

struct Finding {
  Would would = Would::kLater;
  std::string detail;                          // one line
  std::optional<base::ErrorCode> stop;         // of kStop: why
  std::map<std::string, std::string> outputs;  // what the step learned; of kAct: is to learn
};
using Findings = std::map<model::StepId, Finding>;

// What a run that was cut off has done of the plan already.
struct DoneBefore {
  std::map<model::StepId, std::string> steps;  // done → what came of it
  std::map<std::string, std::string> outputs;  // "<step id>.<name>" → value
};

class DryRunner {
 public:
  // Of `tools` only what reads is used.
  explicit DryRunner(Tools tools, Limits limits = {});
  ~DryRunner();

  // A finding for every step of the plan, in its order; each look ends by its own bounds.
  Findings Walk(const model::Application& application, const model::Inventory& inventory,
                const model::Plan& plan, const DoneBefore& before,
                const std::function<bool()>& cancelled);

 private:
  const std::unique_ptr<aws::Client> aws_;
  const std::unique_ptr<Shared> shared_;
};

// Every step kind that can be looked at, sorted.
std::vector<model::StepKind> AllLooks();

}  // namespace leeward::steps
