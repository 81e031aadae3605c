#include "sim/steps.h"

#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "decide/decide.h"
#include "sim/observer.h"

namespace leeward::sim {
namespace {

using base::Result;
using ports::StepOutcome;

constexpr Duration kClockMargin = std::chrono::milliseconds(100);  // as the real steps have it

Place PlaceOf(World& world, const Work& work) {
  return sim::PlaceOf(world.scenario().application, work.step.region);
}

Site& SiteOf(World& world, const Work& work) { return world.site(PlaceOf(world, work)); }

Looked Done(std::string detail, std::map<std::string, std::string> outputs = {}) {
  return StepOutcome{std::move(detail), std::move(outputs)};
}

// What would be lost if the standby were promoted with what it has replayed now.
std::map<std::string, std::string> BoundNow(World& world, Work& work) {
  const Site& site = SiteOf(world, work);
  const std::size_t replayed = world.Replayed();
  work.effect();
  model::StoreLag lag;
  lag.component = work.step.component;
  if (replayed > 0) lag.newest_visible = site.database.log[replayed - 1].stamp;
  const decide::LossBound bound = decide::BoundOf(lag, work.now, kClockMargin);
  if (!bound.bound) return {};
  return {{"bound_ns", std::to_string(bound.bound->count())}, {"source", "newest commit"}};
}

Result<Looked> Measure(World& world, Work& work) {
  world.Replicate();
  if (SiteOf(world, work).database.role == Role::kWriter) {
    return Done("takes writes already", {{"already_promoted", "yes"}});
  }
  return Done("measured", BoundNow(world, work));
}

std::string Output(const Work& work, const std::string& name) {
  const auto found = work.outputs.find(name);
  return found == work.outputs.end() ? "" : found->second;
}

Result<Looked> GateLoss(World& world, Work& work) {
  const model::Application& application = world.scenario().application;
  std::istringstream measures(work.step.parameters.at("measures"));
  std::vector<decide::LossBound> bounds;
  for (std::string measure; std::getline(measures, measure, ',');) {
    if (Output(work, measure + ".already_promoted") == "yes") continue;
    const std::string bound = Output(work, measure + ".bound_ns");
    bounds.push_back({work.plan->Find(model::StepId(measure))->component,
                      bound.empty() ? std::optional<Duration>() : Duration(std::stoll(bound))});
  }
  const decide::GateAnswer answer = decide::LossGate(
      bounds, {application.objectives.rpo, application.failover.when_loss_over_rpo, std::nullopt});
  if (answer.answer != decide::Answer::kPass) return base::Refused(answer.reason);
  return Done(answer.reason);
}

// The writer's guard is asked to close the door and to let go; where there is no guard to ask, the
// database is closed under it.
Result<Looked> Fence(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  if (!work.asked) {
    work.asked = true;
    work.effect();
    if (!world.guard(site.place()).Release()) site.door.Shut([] {});
  }
  if (site.door.open()) return Looked();
  return Done("closed", {{"proof", "closed"}});
}

Result<Looked> Scale(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  const int desired = std::stoi(work.step.parameters.at("desired"));
  if (site.tasks == desired) return Done("has that size");
  work.effect();
  site.tasks = desired;
  site.Changed();
  return Done("asked for");
}

Result<Looked> Drain(World& world, Work& work) {
  const Site& site = SiteOf(world, work);
  const std::size_t replayed = world.Replayed();
  if (site.database.role == Role::kWriter) return Done("takes writes already");
  if (!work.asked) work.target = site.database.log.size();
  work.asked = true;
  if (replayed < work.target) return Looked();
  if (world.scenario().bug == Bug::kMeasuredEarly) return Done("replayed");
  // Until the fence was proven the old Region may have taken more; nothing is added from now on.
  return Done("replayed", BoundNow(world, work));
}

// What the API calls the instance. It says so for a while after the call was accepted.
std::string StatusOf(const World& world, const Database& database) {
  constexpr Duration kNoticed = std::chrono::milliseconds(120);
  if (!database.promoting) return "available";
  const Duration began = database.promoting_until - world.scenario().promotion_takes;
  return world.agenda.now() - began < kNoticed ? "available" : "modifying";
}

Result<Looked> Promote(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  world.FinishPromotion(site.place());
  if (site.database.role == Role::kWriter) return Done("promoted, a write committed");
  if (world.scenario().bug == Bug::kPromotionOnStatus && work.asked &&
      StatusOf(world, site.database) == "available") {
    return Done("available");
  }
  work.asked = true;
  if (!site.database.promoting) {
    work.effect();
    world.BeginPromotion(site.place());
  }
  if (world.scenario().promotion_takes > Duration(0)) return Looked();
  world.FinishPromotion(site.place());
  return Done("promoted, a write committed");
}

Result<Looked> Serves(World& world, Work& work) {
  const Site& site = SiteOf(world, work);
  world.FinishPromotion(site.place());
  return site.Accepts() ? Done("serves") : Looked();
}

Result<Looked> Shift(World& world, Work& work) {
  const Place on =
      sim::PlaceOf(world.scenario().application, model::Region(work.step.parameters.at("on")));
  if (world.traffic == on) return Done("was there already");
  work.effect();
  world.traffic = on;
  return Done("shifted");
}

Result<Looked> Confirm(World& world, Work& work) {
  return world.traffic == PlaceOf(world, work) ? Done("answered") : Looked();
}

Result<Looked> Settle(World& world, Work& work) {
  const int desired = std::stoi(work.step.parameters.at("desired"));
  return SiteOf(world, work).tasks == desired ? Done("settled") : Looked();
}

// In a rehearsal the old Region is known to be ended, as in a drill.
Result<Looked> Proven(World&, Work&) { return Done("the rehearsal ended the old Region itself"); }

// Of stores whose working is not simulated: their steps take the time that was measured.
Result<Looked> TakesWrites(World&, Work& work) {
  work.effect();
  return Done("takes writes");
}
Result<Looked> Unreachable(World&, Work&) { return Done("not tried", {{"proof", "unreachable"}}); }

struct Entry {
  std::string_view kind;
  Result<Looked> (*act)(World& world, Work& work);
};
constexpr std::array kActs = {
    Entry{"app.verify", Serves},
    Entry{"ecs.quiesce", Scale},
    Entry{"ecs.ready", Serves},
    Entry{"ecs.scale", Scale},
    Entry{"ecs.settle", Settle},
    Entry{"gate.loss", GateLoss},
    Entry{"gate.fence-proof", Proven},
    Entry{"lease.take", Proven},
    Entry{"rds.drain", Drain},
    Entry{"rds.fence", Fence},
    Entry{"rds.measure", Measure},
    Entry{"rds.promote", Promote},
    Entry{"route53.confirm", Confirm},
    Entry{"route53.shift", Shift},
    Entry{"dynamodb.measure", Measure},
    Entry{"dynamodb.ready", TakesWrites},
    Entry{"dynamodb.fence", Unreachable},
    Entry{"elasticache.measure", Measure},
    Entry{"elasticache.promote", TakesWrites},
    Entry{"elasticache.fence", Unreachable},
};

}  // namespace

Result<Looked> Act(World& world, Work& work) {
  for (const Entry& entry : kActs) {
    if (entry.kind == work.step.kind.str()) return entry.act(world, work);
  }
  return base::Invalid("the simulation knows no step of kind '" + work.step.kind.str() + "'");
}

}  // namespace leeward::sim
