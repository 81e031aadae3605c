#include "steps/promoted.h"

namespace leeward::steps {

StepOutcome TakesWritesAlready(const Work& work, const std::string& place) {
  const auto by = work.step().parameters.find("promoted-by");
  if (by != work.step().parameters.end()) {
    return {
        place + " takes writes already, promoted by " + by->second + ": its loss was decided then",
        {{"already_promoted", "yes"}}};
  }
  const std::string why = "takes writes in " + work.region().str() +
                          " already, and who promoted it is not known here: what it lacks cannot "
                          "be told";
  return {"unknown: " + work.step().component.str() + " " + why, {{kUnknownBecause, why}}};
}

StepOutcome Measurable(const Work& work, StepOutcome outcome) {
  const std::string before = work.Output(work.step().kind.str(), kUnknownBecause);
  if (!before.empty()) outcome.outputs[kUnknownBecause] = "";
  return outcome;
}

}  // namespace leeward::steps
