#include "cli/going_on.h"

#include <fmt/format.h>

#include <utility>

#include "model/names.h"

namespace leeward::cli {

base::Status CheckTo(const std::string& asked, const model::Plan& plan, const std::string& why) {
  if (asked.empty() || plan.to.str() == asked) return base::Ok();
  return base::WrongState(fmt::format("{} would go to {}, not {}; {}", model::Name(plan.action),
                                      plan.to.str(), asked, why));
}

std::string Vouch(const std::string& by, model::Plan& plan) {
  std::string anew;
  if (by.empty()) return anew;
  for (model::Step& step : plan.steps) {
    if (step.kind.str() != "lease.take" && step.kind.str() != "gate.fence-proof") continue;
    if (std::exchange(step.parameters["override"], by) != by) anew = by;
  }
  return anew;
}

base::Status NoteVouched(const std::string& anew, const Interrupted& interrupted,
                         base::WallTime now, journal::Journal& journal) {
  if (anew.empty()) return base::Ok();
  model::Event note;
  note.at = now;
  note.kind = model::EventKind::kNote;
  note.fields["text"] =
      interrupted.execution.str() + " is gone on with, and its fence is vouched for by " + anew;
  RETURN_IF_ERROR(journal.Append({std::move(note)}));
  return base::Ok();
}

}  // namespace leeward::cli
