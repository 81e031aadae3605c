// Reboot, stop, start, delete, and restart after a crash of the server.
#include <fmt/format.h>

#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

constexpr base::Duration kRebootAws = std::chrono::seconds(45);
constexpr base::Duration kStopAws = std::chrono::minutes(4);
constexpr base::Duration kStartAws = std::chrono::minutes(5);
constexpr base::Duration kDeleteAws = std::chrono::minutes(3);
constexpr base::Duration kSettlePoll = std::chrono::milliseconds(20);

}  // namespace

Answer Rds::RebootDBInstance(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  if (!Allows(InstanceAction::kReboot, instance->status)) return NotInState(*instance, "available");
  if (input.Flag("ForceFailover", false)) {
    return BadCombination(
        "ForceFailover cannot be specified since the instance is not configured for MultiAZ.");
  }
  SetStatus(*instance, InstanceStatus::kRebooting);
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunReboot(instance).Detach();
  return answer;
}

Flow<> Rds::RunReboot(InstancePtr instance) {
  const AtWork at_work(instance);
  base::Status outcome = co_await instance->engine->Stop();
  if (outcome.ok() && !instance->cancelled) {
    outcome = instance->engine->Configure(ConfigOf(*instance));
  }
  if (outcome.ok() && !instance->cancelled) outcome = co_await instance->engine->Start();
  co_await Sleep(host_, Paced(kRebootAws));
  if (instance->cancelled) co_return;
  if (!outcome.ok()) {
    Fail(*instance, outcome);
    co_return;
  }
  AddEvent(instance->id, "db-instance", "DB instance restarted", "availability");
  SetStatus(*instance, InstanceStatus::kAvailable);
}

Answer Rds::StopDBInstance(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  if (auto problem = CheckStop(*instance)) return *problem;
  if (input.Has("DBSnapshotIdentifier")) {
    return BadCombination(
        "A snapshot at stop is not served by this lab; call CreateDBSnapshot first.");
  }
  SetStatus(*instance, InstanceStatus::kStopping);
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunStop(instance).Detach();
  return answer;
}

Flow<> Rds::RunStop(InstancePtr instance) {
  const AtWork at_work(instance);
  Withdraw(*instance);
  const base::Status outcome = co_await instance->engine->Stop();
  co_await Sleep(host_, Paced(kStopAws));
  if (instance->cancelled) co_return;
  if (!outcome.ok()) {
    Fail(*instance, outcome);
    co_return;
  }
  AddEvent(instance->id, "db-instance", "DB instance stopped", "notification");
  SetStatus(*instance, InstanceStatus::kStopped);
}

Answer Rds::StartDBInstance(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  if (!Allows(InstanceAction::kStart, instance->status)) return NotInState(*instance, "stopped");
  if (auto problem = CheckOwnKey(instance->settings)) return *problem;
  SetStatus(*instance, InstanceStatus::kStarting);
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunStart(instance).Detach();
  return answer;
}

// Also how an instance comes back after its Region was lost: with crash recovery, and in the role
// it had.
Flow<> Rds::RunStart(InstancePtr instance) {
  const AtWork at_work(instance);
  base::Status outcome = instance->engine->Configure(ConfigOf(*instance));
  if (outcome.ok()) outcome = co_await instance->engine->Start();
  if (instance->cancelled) co_return;
  if (!outcome.ok()) {
    Fail(*instance, outcome);
    co_return;
  }
  Publish(*instance);
  co_await DropStrangers(instance);
  if (instance->cancelled) co_return;
  if (!instance->is_replica() && BackupOf(*instance) == nullptr) {
    // A copy of a stopped server's directory has its slot, too.
    const base::Status gone = co_await instance->engine->LetLogGo();
    if (!gone.ok()) {
      AddEvent(instance->id, "db-instance", "Its log is kept: " + gone.error().message(), "backup");
    }
    if (instance->cancelled) co_return;
  }
  if (instance->promoting) {
    RunPromote(instance).Detach();
    co_return;
  }
  co_await Sleep(host_, Paced(kStartAws));
  if (instance->cancelled) co_return;
  AddEvent(instance->id, "db-instance", "DB instance started", "notification");
  SetStatus(*instance, InstanceStatus::kAvailable);
  GoOnBackingUp(instance);
}

Answer Rds::DeleteDBInstance(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  if (auto problem = CheckDelete(*instance, input)) return *problem;
  const std::string final_snapshot = Lower(input.String("FinalDBSnapshotIdentifier"));
  if (!final_snapshot.empty() && snapshots_.contains(final_snapshot)) {
    return ApiError{
        "DBSnapshotAlreadyExists",
        fmt::format(
            "Cannot create the snapshot because a snapshot with the identifier {} already exists.",
            final_snapshot),
        400,
        {}};
  }
  instance->keeps_backups = !input.Flag("DeleteAutomatedBackups", true);
  instance->cancelled = true;
  SetStatus(*instance, InstanceStatus::kDeleting);
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunDelete(instance, final_snapshot).Detach();
  return answer;
}

Flow<> Rds::RunDelete(InstancePtr instance, std::string final_snapshot) {
  Withdraw(*instance);
  if (!final_snapshot.empty()) {
    const base::Status taken = co_await TakeSnapshot(instance, final_snapshot);
    if (!taken.ok()) {
      // The data are kept: the caller asked for a copy of them, and there is none.
      instance->cancelled = false;
      Fail(*instance, taken);
      co_return;
    }
  }
  if (const BackupPtr backup = BackupOf(*instance);
      backup != nullptr && instance->keeps_backups && instance->engine->running()) {
    // Nobody writes any more: what is kept holds everything.
    const base::Status shipped = co_await ShipOnce(instance, backup);
    if (!shipped.ok()) {
      AddEvent(instance->id, "db-instance",
               "The end of the log is not in its backup: " + shipped.error().message(), "backup");
    }
  }
  base::Status stopped = co_await instance->engine->Stop();
  while (instance->flows > 0) co_await Sleep(host_, kSettlePoll);
  // A job may have started the server between the two.
  stopped = co_await instance->engine->Stop();
  if (stopped.ok()) stopped = co_await instance->engine->Remove();
  co_await Sleep(host_, Paced(kDeleteAws));
  if (!stopped.ok()) {
    Fail(*instance, stopped);
    co_return;
  }
  if (instance->is_replica()) {
    Tell({ParseArn(instance->source_arn).region, "ReplicaGone",
          Value::Struct({{"Replica", Arn(host_, "rds", "db:" + instance->id)},
                         {"Slot", instance->source.slot}})});
  }
  for (const ReplicaRef& replica : instance->replicas) {
    Tell({ParseArn(replica.arn).region, "SourceDeleted", Value::Struct({{"Slot", replica.slot}})});
  }
  Retain(*instance);
  AddEvent(instance->id, "db-instance", "DB instance deleted", "deletion");
  instances_.erase(instance->id);
  Save();
}

Flow<> Rds::RestartCrashed(InstancePtr instance) {
  const AtWork at_work(instance);
  base::Status outcome = base::Ok();
  for (int attempt = 0; attempt < limits.crash_restarts && !instance->cancelled; ++attempt) {
    AddEvent(instance->id, "db-instance", "Recovery of the DB instance has started", "recovery");
    outcome = co_await instance->engine->Start();
    if (outcome.ok()) {
      AddEvent(instance->id, "db-instance", "DB instance restarted", "availability");
      Save();
      co_return;
    }
  }
  if (!instance->cancelled) Fail(*instance, outcome);
}

}  // namespace leeward::lab::rds
