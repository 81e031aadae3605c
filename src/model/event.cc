#include "model/event.h"

#include <array>
#include <utility>

#include "base/check.h"

namespace leeward::model {
namespace {

constexpr std::array<std::pair<EventKind, std::string_view>, 18> kNames = {{
    {EventKind::kExecutionStarted, "execution-started"},
    {EventKind::kExecutionResumed, "execution-resumed"},
    {EventKind::kExecutionFinished, "execution-finished"},
    {EventKind::kStepIntended, "step-intended"},
    {EventKind::kStepDone, "step-done"},
    {EventKind::kStepFailed, "step-failed"},
    {EventKind::kStepSkipped, "step-skipped"},
    {EventKind::kGatePassed, "gate-passed"},
    {EventKind::kGateRefused, "gate-refused"},
    {EventKind::kLossBound, "loss-bound"},
    {EventKind::kVerdict, "verdict"},
    {EventKind::kFault, "fault"},
    {EventKind::kLoad, "load"},
    {EventKind::kMeasured, "measured"},
    {EventKind::kApproval, "approval"},
    {EventKind::kNote, "note"},
    {EventKind::kCompensationIntended, "compensation-intended"},
    {EventKind::kCompensationEnded, "compensation-ended"},
}};

}  // namespace

std::string_view Name(EventKind kind) {
  for (const auto& [value, name] : kNames) {
    if (value == kind) return name;
  }
  CHECK_NEVER("EventKind outside its enum");
}

bool FromName(std::string_view name, EventKind* kind) {
  for (const auto& [value, text] : kNames) {
    if (text == name) {
      *kind = value;
      return true;
    }
  }
  return false;
}

}  // namespace leeward::model
