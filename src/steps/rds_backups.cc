// Databases that are restored of replicated backups: putting the copy of the backups in place,
// what it would lose, and the restore.
#include <algorithm>

#include "decide/decide.h"
#include "steps/gates.h"
#include "steps/promoted.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

// A restored instance takes writes as soon as it is there; its first backup may run already.
bool IsUp(const Instance& instance) {
  return instance.status == "available" || instance.status == "backing-up";
}

Status StartCopying(const Work& work, const model::Rds& rds, const Instance& source) {
  work.Say("replicating the backups of " + source.arn + " to " + work.region().str());
  constexpr char kOperation[] = "StartDBInstanceAutomatedBackupsReplication";
  Value input = Value::Struct(
      {{"SourceDBInstanceArn", source.arn}, {"BackupRetentionPeriod", rds.backup_days}});
  RETURN_IF_ERROR(AddCopyKey(work, rds, source, kOperation, input));
  const auto started = work.CallPatiently(work.region(), "rds", kOperation, input);
  return started.ok() ? base::Ok() : Status(started.error());
}

// The copy of this very instance's backups, if it is still added to.
Result<std::optional<BackupCopy>> CopyOf(const Work& work, const Instance& source) {
  ASSIGN_OR_RETURN(const std::vector<BackupCopy> copies, BackupCopies(work, work.region()));
  for (const BackupCopy& copy : copies) {
    if (copy.resource_id == source.resource_id && copy.follows()) return std::optional(copy);
  }
  return std::optional<BackupCopy>();
}

}  // namespace

std::vector<BackupCopy> ReadBackupCopies(const Value& answer, const Region& region) {
  std::vector<BackupCopy> copies;
  for (const Value& one : answer.Items("DBInstanceAutomatedBackups")) {
    BackupCopy copy;
    copy.arn = one.String("DBInstanceAutomatedBackupsArn");
    copy.status = one.String("Status");
    copy.instance = one.String("DBInstanceIdentifier");
    copy.resource_id = one.String("DbiResourceId");
    copy.source_region = one.String("Region");
    const Value* latest = one.Sub("RestoreWindow").Find("LatestTime");
    if (latest != nullptr && latest->is_time()) copy.latest = latest->time();
    if (copy.source_region != region.str()) copies.push_back(std::move(copy));
  }
  return copies;
}

std::optional<BackupCopy> NewestOf(const std::vector<BackupCopy>& copies, const Region& source,
                                   const std::string& instance, std::string_view resource_id) {
  std::optional<BackupCopy> newest;
  for (const BackupCopy& copy : copies) {
    const bool ours = resource_id.empty()
                          ? copy.instance == instance && copy.source_region == source.str()
                          : copy.resource_id == resource_id;
    if (ours && (!newest || newest->latest < copy.latest)) newest = copy;
  }
  return newest;
}

Result<std::vector<BackupCopy>> BackupCopies(const Work& work, const Region& region) {
  ASSIGN_OR_RETURN(
      const Value answer,
      work.Pages(region, "rds", "DescribeDBInstanceAutomatedBackups", Value::Struct()));
  return ReadBackupCopies(answer, region);
}

Result<std::optional<BackupCopy>> NewestCopy(const Work& work, const model::Rds& rds) {
  const Region& other = work.Other(work.region());
  ASSIGN_OR_RETURN(const std::vector<BackupCopy> copies, BackupCopies(work, work.region()));
  return NewestOf(copies, other, rds.instance,
                  work.Fact(work.step().component, other, "instance.resource-id"));
}

Result<StepOutcome> RdsCopyBackups(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const Instance source, NeedInstance(work, Region(source_region), rds->instance));
  ASSIGN_OR_RETURN(const std::optional<Instance> here,
                   DescribeInstance(work, work.region(), rds->instance));
  if (here) {
    return base::WrongState(Place(rds->instance, work.region()) +
                            " exists, and is to be restored only when it is needed; rename or "
                            "delete it, or write recovery: replica in the spec");
  }
  ASSIGN_OR_RETURN(const std::optional<BackupCopy> existing, CopyOf(work, source));
  if (!existing) RETURN_IF_ERROR(StartCopying(work, *rds, source));
  RETURN_IF_ERROR(LeaveCanary(work, *rds, source));
  const base::WallTime wanted = work.tools().clock.Now();
  const auto copied = work.Await<BackupCopy>(
      "a backup of " + Place(rds->instance, Region(source_region)) + " in " + work.region().str() +
          " that is newer than " + base::FormatIso8601(wanted),
      work.ApiPace(), [&]() -> Result<std::optional<BackupCopy>> {
        ASSIGN_OR_RETURN(std::optional<BackupCopy> now, CopyOf(work, source));
        if (!now) {
          return base::WrongState("the replication of " + source.arn + " to " +
                                  work.region().str() + " has ended");
        }
        if (now->latest && *now->latest >= wanted) return now;
        work.Say(now->latest ? "restorable to " + base::FormatIso8601(*now->latest)
                             : "its first backup is on its way");
        return std::optional<BackupCopy>();
      });
  if (!copied.ok()) return copied.error();
  return StepOutcome{std::string(existing ? "was replicated already" : "replicated") +
                         ", restorable to " + base::FormatIso8601(*copied->latest),
                     {{"backup", copied->arn}, {"latest", base::FormatIso8601(*copied->latest)}}};
}

Result<StepOutcome> RdsMeasureBackup(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::optional<Instance> here,
                   DescribeInstance(work, work.region(), rds->instance));
  if (here) return TakesWritesAlready(work, Place(rds->instance, work.region()));
  ASSIGN_OR_RETURN(const std::optional<BackupCopy> copy, NewestCopy(work, *rds));
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = NoWritesAfter(work);
  if (copy) lag.newest_visible = copy->latest;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail = "unknown: no backup of " + work.step().component.str() + " in " +
                     work.region().str() + " can be restored";
    return Measurable(work, std::move(outcome));
  }
  outcome.outputs["backup"] = copy->arn;
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*lag.newest_visible);
  outcome.outputs["source"] = "latest restorable time";
  outcome.detail = "at most " + base::HumanDuration(*bound.bound) +
                   " of writes, by the latest restorable time " + outcome.outputs["newest_visible"];
  return Measurable(work, std::move(outcome));
}

namespace {

class Restoring {
 public:
  Restoring(const Work& work, const model::Rds& rds) : work_(work), rds_(rds) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    ASSIGN_OR_RETURN(const std::optional<Instance> before, Describe());
    if (!before) RETURN_IF_ERROR(Ask());
    ASSIGN_OR_RETURN(const Instance instance, AwaitUp());
    const probe::SqlAddress address = DatabaseAt(work_, rds_, instance.address, instance.port);
    work_.shared().sessions.Forget(address.host);
    ASSIGN_OR_RETURN(const probe::WriterMark mark, AwaitWritable(work_, rds_, address));
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{std::string(before ? "was being restored already" : "restored") + ", " +
                           mark.name + " " + mark.value + ", a write committed, " +
                           base::HumanDuration(took),
                       {{mark.name, mark.value},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"took_ns", std::to_string(took.count())},
                        {"address", instance.address}}};
  }

 private:
  std::string place() const { return Place(rds_.instance, work_.region()); }
  Result<std::optional<Instance>> Describe() const {
    return DescribeInstance(work_, work_.region(), rds_.instance);
  }

  // Made by a run of this step that was cut off: the look that follows finds it.
  Status Ask() {
    ASSIGN_OR_RETURN(const std::optional<BackupCopy> copy, NewestCopy(work_, rds_));
    if (!copy || !copy->latest) {
      return base::NotFound("there is no backup of " + work_.step().component.str() + " in " +
                            work_.region().str() + " that can be restored; look for a snapshot");
    }
    ASSIGN_OR_RETURN(const std::string group, SecurityGroup(work_, rds_.security_group));
    Value input = Value::Struct({{"TargetDBInstanceIdentifier", rds_.instance},
                                 {"SourceDBInstanceAutomatedBackupsArn", copy->arn},
                                 {"UseLatestRestorableTime", true}});
    if (!group.empty()) input.Set("VpcSecurityGroupIds", Value::List{group});
    if (!rds_.instance_class.empty()) input.Set("DBInstanceClass", rds_.instance_class);
    work_.Say("restoring " + copy->arn + " as " + place());
    const auto asked =
        work_.CallPatiently(work_.region(), "rds", "RestoreDBInstanceToPointInTime", input);
    if (!asked.ok() && asked.error().code() != base::ErrorCode::kAlready) return asked.error();
    return base::Ok();
  }

  Result<Instance> AwaitUp() {
    std::string seen;
    return work_.Await<Instance>(
        place() + " to be restored", work_.ApiPace(), [&]() -> Result<std::optional<Instance>> {
          ASSIGN_OR_RETURN(std::optional<Instance> now, Describe());
          const std::string status = now ? now->status : "not there yet";
          if (status != seen) work_.Say(place() + ": " + status);
          seen = status;
          if (status == "failed" || status == "restore-error" ||
              status.starts_with("incompatible-")) {
            return base::WrongState(place() + " is " + status +
                                    "; delete it, then run the same command again");
          }
          if (!now || !IsUp(*now)) return std::optional<Instance>();
          return now;
        });
  }

  const Work& work_;
  const model::Rds& rds_;
};

}  // namespace

Result<StepOutcome> RdsRestore(const Work& work) {
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  return Restoring(work, *rds).Run();
}

}  // namespace leeward::steps
