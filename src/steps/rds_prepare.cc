// Putting a replica in place.
#include <algorithm>

#include "model/names.h"
#include "steps/kms_keys.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

// Makes the source keep backups, without which it can have no replica.
Result<Instance> EnsureBackups(const Work& work, const model::Rds& rds, Instance instance) {
  if (instance.retention_days > 0) return instance;
  work.Say(Place(rds.instance, work.region()) + ": turning on backups");
  const Value input = Value::Struct({{"DBInstanceIdentifier", rds.instance},
                                     {"BackupRetentionPeriod", work.limits().backup_retention_days},
                                     {"ApplyImmediately", true}});
  ASSIGN_OR_RETURN(const Value changed, work.Call(work.region(), "rds", "ModifyDBInstance", input));
  return work.Await<Instance>(Place(rds.instance, work.region()) + " to keep backups",
                              work.ApiPace(), [&]() -> Result<std::optional<Instance>> {
                                ASSIGN_OR_RETURN(Instance now,
                                                 NeedInstance(work, work.region(), rds.instance));
                                if (now.retention_days == 0 || now.status != "available")
                                  return std::optional<Instance>();
                                return std::optional<Instance>(std::move(now));
                              });
}

}  // namespace

Result<std::string> SecurityGroup(const Work& work, const std::string& name) {
  if (name.empty()) return std::string();
  const Value filter = Value::Struct({{"Name", "group-name"}, {"Values", Value::List{name}}});
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(work.region(), "ec2", "DescribeSecurityGroups",
                              Value::Struct({{"Filters", Value::List{filter}}})));
  const Value::List& groups = answer.Items("SecurityGroups");
  if (groups.empty()) {
    return base::NotFound("there is no security group '" + name + "' in " + work.region().str() +
                          "; make it there as it is in the home Region");
  }
  if (groups.size() > 1) {
    return base::WrongState("there are " + std::to_string(groups.size()) + " security groups '" +
                            name + "' in " + work.region().str() + "; keep one");
  }
  return std::string(groups.front().String("GroupId"));
}

Status AddCopyKey(const Work& work, const model::Rds& rds, const Instance& source,
                  std::string_view operation, Value& input) {
  const Region& from = work.Other(work.region());
  if (!source.encrypted) {
    if (rds.kms_key.empty()) return base::Ok();
    return base::WrongState(Place(rds.instance, from) +
                            " is not encrypted, and RDS makes no encrypted copy of it; leave "
                            "'kms-key' out, or make it anew of an encrypted copy of a snapshot");
  }
  const std::string key = rds.kms_key.empty() ? "alias/aws/rds" : rds.kms_key;
  if (!rds.kms_key.empty()) RETURN_IF_ERROR(NeedKmsKey(work, work.region(), key));
  input.Set("KmsKeyId", key);
  // Wanted in the GovCloud and China Regions, ignored in all others.
  ASSIGN_OR_RETURN(const std::string url, PresignCopy(work, from, "rds", operation, input));
  input.Set("PreSignedUrl", url);
  return base::Ok();
}

namespace {

Status CreateReplica(const Work& work, const model::Rds& rds, const Instance& source) {
  ASSIGN_OR_RETURN(const std::string group, SecurityGroup(work, rds.security_group));
  Value input =
      Value::Struct({{"DBInstanceIdentifier", rds.instance},
                     {"SourceDBInstanceIdentifier", source.arn},
                     {"DBInstanceClass",
                      rds.instance_class.empty() ? source.instance_class : rds.instance_class}});
  if (!group.empty()) input.Set("VpcSecurityGroupIds", Value::List{group});
  RETURN_IF_ERROR(AddCopyKey(work, rds, source, "CreateDBInstanceReadReplica", input));
  work.Say("creating a replica of " + source.arn + " in " + work.region().str());
  const auto created = work.Call(work.region(), "rds", "CreateDBInstanceReadReplica", input);
  // Made by a run of this step that was cut off: the look that follows finds it.
  if (!created.ok() && created.error().code() != base::ErrorCode::kAlready) return created.error();
  return base::Ok();
}

}  // namespace

Status CheckIsReplicaOf(const Work& work, const model::Rds& rds, const Instance& instance,
                        const Instance& source) {
  if (instance.source == source.arn) return base::Ok();
  const std::string what =
      instance.source.empty() ? "is not a replica" : "is a replica of " + instance.source;
  return base::WrongState(Place(rds.instance, work.region()) + " exists and " + what +
                          "; rename or delete it, so that a replica of " + source.arn +
                          " can be made");
}

Status LeaveCanary(const Work& work, const model::Rds& rds, const Instance& source) {
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  const probe::Canary canary{"protect", 1, work.tools().clock.Now()};
  return work.shared().sessions.With(
      DatabaseAt(work, rds, source.address, source.port), deadline,
      [&] { return work.Cancelled(); },
      [&](probe::SqlSession& session) { return session.WriteCanary(canary, deadline); });
}

namespace {

// Waits until the replica has replayed all that its source had written when the wait began.
Status AwaitCaughtUp(const Work& work, const model::Rds& rds, const Instance& source,
                     const Instance& replica) {
  const probe::SqlAddress from =
      probe::ControlOf(DatabaseAt(work, rds, source.address, source.port));
  const probe::SqlAddress into =
      probe::ControlOf(DatabaseAt(work, rds, replica.address, replica.port));
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  const auto marked = work.shared().sessions.With(
      from, deadline, [&] { return work.Cancelled(); },
      [&](probe::SqlSession& session) { return session.Mark(deadline); });
  if (!marked.ok()) return marked.error();
  const auto caught_up = work.Await<bool>(
      Place(rds.instance, work.region()) + " to catch up with " + *marked, work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const probe::SqlPosition at, PositionAt(work, into));
        if (!at.replica) {
          return base::WrongState(Place(rds.instance, work.region()) + " is no replica");
        }
        if (at.replayed.empty()) return std::optional<bool>();
        ASSIGN_OR_RETURN(const probe::LogGap lacking,
                         probe::GapBetween(rds.engine, at.replayed, *marked));
        if (lacking.size == 0) return std::optional<bool>(true);
        work.Say(lacking.Text() + " of log to go");
        return std::optional<bool>();
      });
  return caught_up.ok() ? base::Ok() : Status(caught_up.error());
}

StepOutcome Endpoint(std::string detail, const Instance& instance) {
  return {std::move(detail),
          {{"address", instance.address},
           {"port", std::to_string(instance.port)},
           {"arn", instance.arn}}};
}

}  // namespace

Status CheckFitsAsSource(const Work& work, const model::Rds& rds, const Instance& instance) {
  if (instance.engine != model::Name(rds.engine)) {
    return base::WrongState(Place(rds.instance, work.region()) + " runs " + instance.engine +
                            ", the spec says " + std::string(model::Name(rds.engine)));
  }
  if (instance.source.empty()) return base::Ok();
  return base::WrongState(Place(rds.instance, work.region()) + " is itself a replica of " +
                          instance.source + "; a cross-Region replica cannot be made from it");
}

Result<StepOutcome> RdsCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(Instance instance, NeedInstance(work, work.region(), rds->instance));
  RETURN_IF_ERROR(CheckFitsAsSource(work, *rds, instance));
  ASSIGN_OR_RETURN(instance, EnsureBackups(work, *rds, std::move(instance)));
  const base::MonotonicTime deadline = work.Within(work.limits().sql);
  const auto prepare = [&](probe::SqlSession& session) -> Status {
    ASSIGN_OR_RETURN(const probe::SqlPosition at, session.Position(deadline));
    if (at.replica)
      return base::WrongState(Place(rds->instance, work.region()) + " takes no writes");
    RETURN_IF_ERROR(session.CheckCanClose(deadline));
    return session.EnsureTables(deadline);
  };
  const probe::SqlAddress address = DatabaseAt(work, *rds, instance.address, instance.port);
  RETURN_IF_ERROR(work.shared().sessions.With(
      address, deadline, [&] { return work.Cancelled(); }, prepare));
  return Endpoint(
      "keeps backups for " + std::to_string(instance.retention_days) + " d, canary table is there",
      instance);
}

Result<StepOutcome> RdsReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const Instance source, NeedInstance(work, Region(source_region), rds->instance));
  ASSIGN_OR_RETURN(const std::optional<Instance> existing,
                   DescribeInstance(work, work.region(), rds->instance));
  if (existing) {
    RETURN_IF_ERROR(CheckIsReplicaOf(work, *rds, *existing, source));
  } else {
    RETURN_IF_ERROR(CreateReplica(work, *rds, source));
  }
  ASSIGN_OR_RETURN(const Instance replica,
                   AwaitStatus(work, work.region(), rds->instance, "available"));
  RETURN_IF_ERROR(CheckIsReplicaOf(work, *rds, replica, source));
  const auto replicating = work.Await<bool>(
      Place(rds->instance, work.region()) + " to be replicating", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Instance now, NeedInstance(work, work.region(), rds->instance));
        if (now.replication_status == "replicating") return std::optional<bool>(true);
        return std::optional<bool>();
      });
  if (!replicating.ok()) return replicating.error();
  // Sessions to an instance that had this address before are of no use.
  work.shared().sessions.Forget(replica.address);
  RETURN_IF_ERROR(LeaveCanary(work, *rds, source));
  RETURN_IF_ERROR(AwaitCaughtUp(work, *rds, source, replica));
  return Endpoint(
      std::string(existing ? "was there already" : "created") + ", replicating and caught up",
      replica);
}

}  // namespace leeward::steps
