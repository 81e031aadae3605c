#include "steps/app.h"

#include "steps/rds.h"

namespace leeward::steps {
namespace {

// Where the named component's database answers in the step's Region.
Result<probe::SqlAddress> StoreOf(const Work& work, const model::ComponentName& name) {
  const model::Component* component = work.application().Find(name);
  const auto* rds = component == nullptr ? nullptr : std::get_if<model::Rds>(&component->kind);
  if (rds == nullptr) {
    return base::Invalid("check names '" + name.str() + "', which is no database of the spec");
  }
  ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, work.region(), rds->instance));
  return DatabaseAt(work, *rds, instance.address, instance.port);
}

Status Check(const Work& work, const model::DataCheck& check) {
  ASSIGN_OR_RETURN(const probe::SqlAddress address, StoreOf(work, check.component));
  const base::MonotonicTime deadline = work.context().deadline;
  const auto cancelled = [&] { return work.Cancelled(); };
  auto verdict = work.shared().sessions.With(
      address, deadline, cancelled,
      [&](probe::SqlSession& session) { return session.Verdict(check.sql, deadline, cancelled); });
  if (!verdict.ok()) return std::move(verdict).error().Context("check '" + check.name + "'");
  if (*verdict == "true") return base::Ok();
  return base::Corrupt("check '" + check.name + "' is " + *verdict + " in " + work.region().str() +
                       ": the recovered data is not whole");
}

}  // namespace

Result<StepOutcome> AppVerify(const Work& work) {
  for (const model::DataCheck& check : work.application().checks) {
    work.Say("checking that " + check.name);
    RETURN_IF_ERROR(Check(work, check));
  }
  const std::size_t count = work.application().checks.size();
  if (count == 0) return StepOutcome{"the spec names no checks", {{"checks", "0"}}};
  return StepOutcome{std::to_string(count) + (count == 1 ? " check is true" : " checks are true"),
                     {{"checks", std::to_string(count)}}};
}

}  // namespace leeward::steps
