// Looks at databases that are to be replicated, measured, closed, promoted and opened.
#include "probe/database.h"
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

constexpr std::uint64_t kMostOfARecord = 64u << 10;  // some pages in full; what is more is log

// Runs `read(session, deadline)` on the address, within the bound of one SQL exchange.
template <typename Read>
auto Ask(const Work& work, const probe::SqlAddress& address, base::Duration limit, Read read) {
  const base::MonotonicTime deadline = work.Within(limit);
  return work.shared().sessions.With(
      address, deadline, [&work] { return work.Cancelled(); },
      [&](probe::SqlSession& session) { return read(session, deadline); });
}

// How far `replica` is behind `writer`.
Result<std::string> Behind(const model::Rds& rds, const std::string& replica,
                           const std::string& writer) {
  ASSIGN_OR_RETURN(const probe::LogGap lacking, probe::GapBetween(rds.engine, replica, writer));
  return lacking.Text() + " behind";
}

// How far a replica is behind what it received. A piece of a record whose rest nobody sent can be
// replayed by nobody, and does not move.
Result<std::string> Unreplayed(const Work& work, const model::Rds& rds,
                               const probe::SqlAddress& address, const probe::SqlPosition& at) {
  const bool piece = at.rest == probe::SqlPosition::Rest::kMayBePiece;
  ASSIGN_OR_RETURN(const std::string then, Behind(rds, at.replayed, at.received));
  if (at.rest == probe::SqlPosition::Rest::kStopped) return then + ", and it has stopped";
  if (!piece || at.replayed == at.received) return then;
  RETURN_IF_ERROR(work.Pause(work.limits().drain_still));
  ASSIGN_OR_RETURN(const probe::SqlPosition now, PositionAt(work, probe::ControlOf(address)));
  ASSIGN_OR_RETURN(const std::string behind, Behind(rds, now.replayed, now.received));
  ASSIGN_OR_RETURN(const probe::LogGap lacking,
                   probe::GapBetween(rds.engine, now.replayed, now.received));
  const bool moved = now.replayed != at.replayed || now.received != at.received;
  if (moved || lacking.size > kMostOfARecord) return behind;
  return "0 B behind, but for a piece of a record whose rest was not sent (" + behind + ")";
}

// "128 B behind us-east-1, replayed 0/5000060": how a replica stands to its source now.
Result<std::string> Standing(const Work& work, const model::Rds& rds, const Region& source,
                             const Region& replica) {
  ASSIGN_OR_RETURN(const probe::SqlAddress there, DatabaseIn(work, rds, source));
  ASSIGN_OR_RETURN(const probe::SqlAddress here, DatabaseIn(work, rds, replica));
  ASSIGN_OR_RETURN(const probe::SqlPosition writer, PositionAt(work, probe::ControlOf(there)));
  ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, probe::ControlOf(here)));
  ASSIGN_OR_RETURN(const std::string behind, Behind(rds, at.replayed, writer.replayed));
  return behind + " " + source.str() + ", replayed " + at.replayed;
}

// The same where it is only worth a remark.
std::string StandingNow(const Work& work, const model::Rds& rds, const Region& source,
                        const Region& replica) {
  const Result<std::string> standing = Standing(work, rds, source, replica);
  return standing.ok() ? *standing : "it cannot be told: " + standing.error().message();
}

// The step before this one that decides what there is of the component in its Region.
const model::Step* InstanceNotYetThere(const Look& look) {
  const model::Step& step = look.work().step();
  return look.Pending(
      {{"rds.replicate", "rds.preserve-old", "rds.retire-old"}, step.region, step.component});
}

Result<probe::DoorSeen> DoorIn(const Work& work, const probe::SqlAddress& address,
                               base::Duration limit) {
  return Ask(work, probe::ControlOf(address), limit,
             [&](probe::SqlSession& session, base::MonotonicTime deadline) {
               return session.LookAtDoor(address.database, deadline);
             });
}

// Whether closing could keep the application out.
Status CanClose(const Work& work, const probe::SqlAddress& address, base::Duration limit) {
  return Ask(work, address, limit, [](probe::SqlSession& session, base::MonotonicTime deadline) {
    return session.CheckCanClose(deadline);
  });
}

// What closing a database would do.
Result<Finding> Closing(const probe::SqlAddress& address, const probe::DoorSeen& door,
                        const std::string& at) {
  if (!door.may_close) return probe::MayNotClose(address);
  Finding act =
      Act("would close " + address.database + " and end " + std::to_string(door.sessions) +
          (door.sessions == 1 ? " session" : " sessions") + "; its log is at " + at + " now");
  act.outputs["proof"] = "closed";
  return act;
}

Result<Finding> Creating(const Look& look, const model::Rds& rds, const Instance& source) {
  const Work& work = look.work();
  if (source.retention_days == 0 && look.Pending({{"rds.check-source"}}) == nullptr) {
    return base::WrongState("instance " + rds.instance +
                            " keeps no backups; RDS makes no replica of such a source");
  }
  ASSIGN_OR_RETURN(const std::string group, SecurityGroup(work, rds.security_group));
  return Act("would create a replica of " + source.arn + " in " + work.region().str() + ", class " +
             (rds.instance_class.empty() ? source.instance_class : rds.instance_class) +
             (group.empty() ? "" : ", security group " + group));
}

}  // namespace

Result<Finding> LookAtCheckSource(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  const model::Step* promote =
      look.Pending({{"rds.promote"}, work.region(), work.step().component});
  if (promote != nullptr) return Later(*promote);
  ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, work.region(), rds->instance));
  RETURN_IF_ERROR(CheckFitsAsSource(work, *rds, instance));
  const probe::SqlAddress address = DatabaseAt(work, *rds, instance.address, instance.port);
  RETURN_IF_ERROR(CanClose(work, address, work.limits().sql));
  ASSIGN_OR_RETURN(const bool tables,
                   Ask(work, address, work.limits().sql,
                       [](probe::SqlSession& session, base::MonotonicTime deadline) {
                         return session.HasTables(deadline);
                       }));
  std::string would;
  if (instance.retention_days == 0) {
    would =
        "would turn on backups for " + std::to_string(work.limits().backup_retention_days) + " d";
  }
  if (!tables) would += std::string(would.empty() ? "would" : " and") + " make the canary table";
  if (!would.empty()) return Act(would);
  return Nothing("keeps backups for " + std::to_string(instance.retention_days) +
                 " d, canary table is there");
}

Result<Finding> LookAtReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  if (const model::Step* behind = InstanceNotYetThere(look)) return Later(*behind);
  ASSIGN_OR_RETURN(const Instance source, NeedInstance(work, Region(from), rds->instance));
  ASSIGN_OR_RETURN(const std::optional<Instance> existing,
                   DescribeInstance(work, work.region(), rds->instance));
  if (!existing) return Creating(look, *rds, source);
  RETURN_IF_ERROR(CheckIsReplicaOf(work, *rds, *existing, source));
  if (existing->status != "available" || existing->replication_status != "replicating") {
    return Act(
        "would wait until it replicates: it is " + existing->status + ", replication is " +
        (existing->replication_status.empty() ? "not told of" : existing->replication_status));
  }
  ASSIGN_OR_RETURN(const std::string standing, Standing(work, *rds, Region(from), work.region()));
  return Nothing("is a replica of " + from + " already, " + standing +
                 "; only a canary would be written");
}

Result<Finding> LookAtMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, RdsMeasure(look.work()));
  return Pass(std::move(measured));
}

// As the step itself, a fence that does not succeed is no failure: the gate judges it.
Result<Finding> LookAtFence(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  const std::string place = Place(rds->instance, work.region());
  Finding unreachable{Would::kPass, "", {}, {{"proof", "unreachable"}}};
  if (work.Fact(work.step().component, work.region(), "endpoint.address").empty()) {
    unreachable.detail = place + " has no known address; nothing would be closed";
    return unreachable;
  }
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  const auto door = DoorIn(work, address, work.limits().old_region);
  const Status can = door.ok() ? CanClose(work, probe::ControlOf(address), work.limits().old_region)
                               : Status(door.error());
  const Result<Finding> closing =
      can.ok() ? Closing(address, *door, "an unknown place") : Result<Finding>(can.error());
  if (!closing.ok()) {
    unreachable.detail = place + " could not be closed: " + closing.error().message();
    return unreachable;
  }
  const auto position = PositionAt(work, probe::ControlOf(address));
  return position.ok() ? Closing(address, *door, position->replayed) : closing;
}

Result<Finding> LookAtQuiesce(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  ASSIGN_OR_RETURN(const probe::DoorSeen door, DoorIn(work, address, work.limits().sql));
  RETURN_IF_ERROR(CanClose(work, probe::ControlOf(address), work.limits().sql));
  ASSIGN_OR_RETURN(const probe::SqlPosition position, PositionAt(work, probe::ControlOf(address)));
  return Closing(address, door, position.replayed);
}

Result<Finding> LookAtDrain(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, probe::ControlOf(address)));
  if (!at.replica) return Nothing("takes writes already");
  ASSIGN_OR_RETURN(const std::string behind, Unreplayed(work, *rds, address, at));
  return Act("would wait until all it received, " + at.received + ", is replayed: now " + behind);
}

Result<Finding> LookAtDrainTo(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  if (const model::Step* behind = InstanceNotYetThere(look)) return Later(*behind);
  const Region& source = work.Other(work.region());
  const std::string standing = StandingNow(work, *rds, source, work.region());
  const std::string goal = work.Output("rds.quiesce", "final_lsn");
  if (!goal.empty()) return Act("would wait until " + goal + " is replayed; now " + standing);
  const model::Step* quiesce = look.Pending({{"rds.quiesce"}, {}, work.step().component});
  if (quiesce != nullptr) return Later(*quiesce, standing);
  return base::Invalid("the plan closes no writer whose last write could be waited for");
}

Result<Finding> LookAtPromote(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  if (const model::Step* behind = InstanceNotYetThere(look)) return Later(*behind);
  const std::string place = Place(rds->instance, work.region());
  ASSIGN_OR_RETURN(const Instance instance, NeedInstance(work, work.region(), rds->instance));
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, probe::ControlOf(address)));
  if (!at.replica) {
    if (instance.source.empty()) return Nothing(place + " takes writes already");
    return Act("would wait: " + place + " takes writes and RDS still calls it a replica");
  }
  if (instance.status != "available" && instance.status != "backing-up" &&
      instance.status != "modifying") {
    return base::WrongState(place + " is " + instance.status + "; RDS promotes what is available");
  }
  ASSIGN_OR_RETURN(const std::string behind, Unreplayed(work, *rds, address, at));
  return Act("would promote " + place + ": replica, " + behind + ", received " + at.received);
}

Result<Finding> LookAtOpen(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  if (const model::Step* behind = InstanceNotYetThere(look)) return Later(*behind);
  const model::Step* promote =
      look.Pending({{"rds.promote"}, work.region(), work.step().component});
  if (promote != nullptr) return Later(*promote);
  ASSIGN_OR_RETURN(const probe::SqlAddress address, DatabaseIn(work, *rds, work.region()));
  ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, probe::ControlOf(address)));
  if (at.replica) {
    return base::WrongState(Place(rds->instance, work.region()) +
                            " is a replica: it takes no writes");
  }
  ASSIGN_OR_RETURN(const probe::DoorSeen door, DoorIn(work, address, work.limits().sql));
  if (door.open) return Nothing("is open; only a probe row would be written");
  if (!door.may_close) return probe::MayNotClose(address);
  return Act("would open " + address.database + " for connections");
}

}  // namespace leeward::steps
