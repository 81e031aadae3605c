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

// What would be lost if the standby were promoted with what it has replayed now, and the old Region
// took writes until `end`, by the clock of who carries it out.
std::map<std::string, std::string> BoundNow(World& world, Work& work, base::WallTime end) {
  const Site& site = SiteOf(world, work);
  const std::size_t replayed = world.Replayed(site.place());
  work.effect();
  model::StoreLag lag;
  lag.component = work.step.component;
  if (replayed > 0) lag.newest_visible = site.database.log[replayed - 1].stamp;
  const decide::LossBound bound = decide::BoundOf(lag, end, kClockMargin);
  if (!bound.bound) return {};
  // The true time is for the checkers alone.
  const Duration at = world.agenda.now() - (work.now - end);
  return {{"bound_ns", std::to_string(bound.bound->count())},
          {"source", "newest commit"},
          {"read_at", std::to_string(at.count())}};
}

// As the real steps: only what the plan knows to have been promoted by a move had its loss decided.
Looked TakesWritesAlready(const Work& work) {
  if (work.step.parameters.contains("promoted-by"))
    return Done("takes writes already", {{"already_promoted", "yes"}});
  return Done("takes writes already, and nobody knows what it lacks");
}

Result<Looked> Measure(World& world, Work& work) {
  world.Replicate();
  if (SiteOf(world, work).database.role == Role::kWriter) return TakesWritesAlready(work);
  return Done("measured", BoundNow(world, work, work.now));
}

std::string Output(const Work& work, const std::string& name) {
  const auto found = work.outputs.find(name);
  return found == work.outputs.end() ? "" : found->second;
}

std::optional<Duration> Nanoseconds(const std::string& text) {
  return text.empty() ? std::optional<Duration>() : Duration(std::stoll(text));
}

constexpr char kNoWritesAfter[] = "gate.fence-proof.no_writes_after_ns";
constexpr char kAcceptedBefore[] = "gate.loss.accepted_loss_ns";
constexpr char kMeasures[] = "measures", kRestates[] = "restates";

// Nothing is written later, by the proof of fence that the journal has; without one: than now.
base::WallTime NoWritesAfter(const Work& work) {
  const auto proven = Nanoseconds(Output(work, kNoWritesAfter));
  return proven ? std::min(base::WallTime{*proven}, work.now) : work.now;
}

// What the steps named by that parameter measured, compared with the RPO.
decide::GateAnswer Judge(World& world, const Work& work, const char* steps,
                         std::optional<Duration> accepted) {
  const model::Application& application = world.scenario().application;
  std::istringstream measures(work.step.parameters.at(steps));
  std::vector<decide::LossBound> bounds;
  for (std::string measure; std::getline(measures, measure, ',');) {
    if (Output(work, measure + ".already_promoted") == "yes") continue;
    bounds.push_back({work.plan->Find(model::StepId(measure))->component,
                      Nanoseconds(Output(work, measure + ".bound_ns"))});
  }
  return decide::LossGate(
      bounds, {application.objectives.rpo, application.failover.when_loss_over_rpo, accepted});
}

Result<Looked> Say(const decide::GateAnswer& answer) {
  if (answer.answer != decide::Answer::kPass) return base::Refused(answer.reason);
  return Done(answer.reason);
}

void Accept(World& world, const Work& work, Duration loss, const char* how) {
  world.history.facts.push_back({world.agenda.now(), FactKind::kAccepted, PlaceOf(world, work), 0,
                                 static_cast<std::uint64_t>(loss.count()), how, work.execution});
}

// As the real gates ask: in so long a time somebody answers, or it is a no. What they say stands in
// the store, so it does not matter who asks.
Result<Looked> AskPeople(World& world, const Work& work, const decide::GateAnswer& answer,
                         Duration accepted) {
  const Scenario& scenario = world.scenario();
  const Duration waited =
      world.agenda.now() - world.AskedAt(work.execution + " " + work.step.id.str());
  const bool said_yes = scenario.people.says == Says::kApprove && waited >= scenario.people.after;
  if (said_yes) {
    Accept(world, work, accepted, kApproved);
    return Done("approved: " + answer.what,
                {{"accepted_loss_ns", std::to_string(accepted.count())}});
  }
  if (waited < scenario.application.failover.approval->within) return Looked();
  return base::Refused("nobody approved of it in time: " + answer.what);
}

bool AsksPeople(World& world, const decide::GateAnswer& answer) {
  return answer.answer == decide::Answer::kAsk && answer.bound &&
         world.scenario().application.failover.approval.has_value();
}

// Their yes to what was measured covers what a fence may take at most on top of it.
Result<Looked> GateLoss(World& world, Work& work) {
  constexpr int kFenceTakes = 3;  // lives of the lease
  const decide::GateAnswer answer = Judge(world, work, kMeasures, std::nullopt);
  if (!AsksPeople(world, answer)) return Say(answer);
  const Duration since =
      world.agenda.now() - world.AskedAt(work.execution + " " + work.step.id.str());
  return AskPeople(world, work, answer,
                   *answer.bound + since + kFenceTakes * world.scenario().terms.ttl);
}

Result<Looked> FinalLoss(World& world, Work& work) {
  const Scenario& scenario = world.scenario();
  if (scenario.bug == Bug::kMeasuredEarly || scenario.bug == Bug::kFinalLossIgnored)
    return Done("not compared");
  std::optional<Duration> accepted = Nanoseconds(Output(work, kAcceptedBefore));
  if (work.accepted) accepted = std::max(*work.accepted, accepted.value_or(Duration(0)));
  const decide::GateAnswer answer = Judge(world, work, kRestates, accepted);
  if (AsksPeople(world, answer)) return AskPeople(world, work, answer, *answer.bound);
  // A rehearsal has nobody.
  const bool yes = scenario.people.says == Says::kYesAtOnce && !scenario.measured;
  if (answer.answer == decide::Answer::kPass || !yes || !answer.bound) return Say(answer);
  Accept(world, work, *answer.bound, kApproved);
  return Done("accepted at once: " + answer.reason);
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
  const std::size_t replayed = world.Replayed(site.place());
  if (site.database.role == Role::kWriter) return TakesWritesAlready(work);
  if (!work.asked) work.target = site.database.log.size();
  work.asked = true;
  if (replayed < work.target) return Looked();
  if (world.scenario().bug == Bug::kMeasuredEarly) return Done("replayed");
  // Until the fence was proven the old Region may have taken more; nothing is added from then on.
  return Done("replayed", BoundNow(world, work, NoWritesAfter(work)));
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
  if (site.database.role == Role::kNone) return base::WrongState("there is no replica here");
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

// As the real gate asks, of what the steps before it learned.
Result<Looked> FenceProof(World& world, Work& work) {
  if (world.scenario().measured) return Done("the rehearsal ended the old Region itself");
  decide::FenceEvidence evidence;
  evidence.old_region = model::Region(work.step.parameters.at("old-region"));
  const std::string& fences = work.step.parameters.at("fences");
  const bool closed = !fences.empty() && Output(work, fences + ".proof") == "closed";
  evidence.stores.push_back({model::ComponentName(work.step.parameters.at("stores")),
                             closed ? decide::OldWriter::kClosed : decide::OldWriter::kNotTried});
  const std::string& take = work.step.parameters.at("lease");
  evidence.lease = decide::LeaseGround{
      Output(work, take + ".ground"), model::Region(Output(work, take + ".from")),
      Output(work, take + ".from_epoch"), Output(work, take + ".epoch")};
  if (const auto ended = Nanoseconds(Output(work, take + ".ended_ns")))
    evidence.lease->ended = base::WallTime{*ended};
  const decide::GateAnswer answer = decide::FenceProof(evidence);
  if (answer.answer != decide::Answer::kPass) return base::Refused(answer.reason);
  const base::WallTime end = decide::NoWritesAfter(evidence, NoWritesAfter(work));
  return Done(answer.reason, {{"no_writes_after_ns", std::to_string(end.since_epoch.count())}});
}

// --- Planned moves

Result<Looked> Nothing(World&, Work&) { return Done("nothing to be done here"); }

// The writer is closed, and how far it came is known.
Result<Looked> Quiesce(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  if (site.door.open()) {
    if (!std::exchange(work.asked, true)) {
      work.effect();
      site.door.Shut([] {});
    }
    return Looked();
  }
  if (site.database.role != Role::kWriter) return base::WrongState("there is no writer here");
  return Done("closed", {{"position", std::to_string(site.database.log.size())}});
}

Result<Looked> DrainTo(World& world, Work& work) {
  const Site& site = SiteOf(world, work);
  const std::size_t replayed = world.Replayed(site.place());
  if (site.database.role == Role::kWriter) return Done("takes writes already");
  if (site.database.role == Role::kNone) return base::WrongState("there is no replica here");
  if (world.scenario().bug == Bug::kDrainUnchecked) return Done("not looked at");
  std::string position;
  for (const auto& [name, value] : work.outputs) {
    if (name.starts_with("rds.quiesce") && name.ends_with(".position")) position = value;
  }
  if (replayed < std::stoull(position)) return Looked();
  return Done("as far as " + position);
}

Result<Looked> OpenStore(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  world.FinishPromotion(site.place());
  const bool open = site.database.role == Role::kWriter && site.door.open();
  return open ? Done("open") : Looked();
}

// What may hold the only copy of a write is renamed, never overwritten.
Result<Looked> PutAside(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  world.Replicate();
  if (site.database.role == Role::kNone) return Done("nothing is in the way");
  if (world.FollowsOther(site.place())) return Done("it follows the writer");
  if (site.door.open()) return base::WrongState("it still takes writes");
  work.effect();
  if (world.scenario().bug == Bug::kOverwritesOld) {
    site.database.log.clear();
    site.database.role = Role::kNone;
    site.Changed();
    return Done("overwritten");
  }
  world.SetAside(site.place());
  return Done("kept");
}

Result<Looked> Replicate(World& world, Work& work) {
  Site& site = SiteOf(world, work);
  if (world.FollowsOther(site.place())) return Done("follows the writer");
  if (site.database.role != Role::kNone) return base::WrongState("another database is in the way");
  if (!std::exchange(work.asked, true)) work.effect();
  world.CreateReplica(site.place());
  return world.FollowsOther(site.place()) ? Done("follows the writer") : Looked();
}

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
    Entry{"app.consistency", Serves},
    Entry{"app.verify", Serves},
    Entry{"datasync.fence", Unreachable},
    Entry{"datasync.measure", Measure},
    Entry{"datasync.promote", TakesWrites},
    Entry{"ebs.fence", Unreachable},
    Entry{"ebs.measure", Measure},
    Entry{"ebs.promote", TakesWrites},
    Entry{"ecs.quiesce", Scale},
    Entry{"ecs.ready", Serves},
    Entry{"dynamodb.fence", Unreachable},
    Entry{"dynamodb.measure", Measure},
    Entry{"dynamodb.ready", TakesWrites},
    Entry{"ecs.replicate", Scale},
    Entry{"ecs.scale", Scale},
    Entry{"ecs.settle", Settle},
    Entry{"efs.fence", Unreachable},
    Entry{"efs.measure", Measure},
    Entry{"efs.promote", TakesWrites},
    Entry{"elasticache.fence", Unreachable},
    Entry{"elasticache.measure", Measure},
    Entry{"elasticache.promote", TakesWrites},
    Entry{"gate.fence-proof", FenceProof},
    Entry{"gate.final-loss", FinalLoss},
    Entry{"gate.loss", GateLoss},
    Entry{"inventory.refresh", Nothing},
    Entry{"kms.ready", Nothing},
    Entry{"lease.take", Nothing},  // of a rehearsal; else the mover's own
    Entry{"rds.check-source", Nothing},
    Entry{"rds.drain", Drain},
    Entry{"rds.drain-to", DrainTo},
    Entry{"rds.fence", Fence},
    Entry{"rds.late-writes", Nothing},
    Entry{"rds.measure", Measure},
    Entry{"rds.open", OpenStore},
    Entry{"rds.preserve-old", PutAside},
    Entry{"rds.promote", Promote},
    Entry{"rds.quiesce", Quiesce},
    Entry{"rds.replicate", Replicate},
    Entry{"rds.retire-old", PutAside},
    Entry{"route53.confirm", Confirm},
    Entry{"route53.shift", Shift},
    Entry{"s3.drain", Measure},
    Entry{"s3.fence", Unreachable},
    Entry{"s3.measure", Measure},
    Entry{"s3.ready", TakesWrites},
    Entry{"secretsmanager.promote", TakesWrites},
    Entry{"secretsmanager.ready", Nothing},
};

}  // namespace

Result<Looked> Act(World& world, Work& work) {
  for (const Entry& entry : kActs) {
    if (entry.kind == work.step.kind.str()) return entry.act(world, work);
  }
  return base::Invalid("the simulation knows no step of kind '" + work.step.kind.str() + "'");
}

}  // namespace leeward::sim
