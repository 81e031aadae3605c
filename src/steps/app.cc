#include "steps/app.h"

#include <algorithm>

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

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// A guard that runs looks several times in a lease, and has its door open within one of the
// promotion.
constexpr int kLeasesToOpen = 3;

// The sessions that an application has from before stay, so that it may seem well for as long as
// they live although nobody can log in any more.
Status AwaitLogins(const Work& work, const model::Component& component, const model::Rds& rds) {
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, rds, work.region()));
  const base::MonotonicTime deadline = work.Within(
      std::max(kLeasesToOpen * work.application().failover.lease, work.limits().guard_opens));
  const auto cancelled = [&] { return work.Cancelled(); };
  while (true) {
    ASSIGN_OR_RETURN(
        const std::vector<std::string> out,
        work.shared().sessions.With(address, work.Within(work.limits().sql), cancelled,
                                    [&](probe::SqlSession& session) {
                                      return session.LoginsShutOut(work.Within(work.limits().sql));
                                    }));
    if (out.empty()) return base::Ok();
    const std::string who =
        Listed(out) + " may not log in to " + component.name.str() + " in " + work.region().str();
    if (work.tools().clock.Monotonic() >= deadline) {
      return base::WrongState(who +
                              ": no guard has opened there; start `leeward guard SPEC "
                              "--region " +
                              work.region().str() + "` and go on");
    }
    work.Say(who + " yet: its guard has not opened");
    RETURN_IF_ERROR(work.Pause(work.limits().restart_poll));
  }
}

}  // namespace

Result<StepOutcome> AppVerify(const Work& work) {
  if (work.application().failover.store) {
    for (const model::Component& component : work.application().components) {
      const auto* rds = std::get_if<model::Rds>(&component.kind);
      if (rds != nullptr) RETURN_IF_ERROR(AwaitLogins(work, component, *rds));
    }
  }
  return VerifyData(work);
}

Result<StepOutcome> VerifyData(const Work& work) {
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
