// Read replicas: made in B from A, promoted in B without A, and what the two Regions tell each
// other.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ask_region.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using enum InstanceStatus;

constexpr base::Duration kPromoteAvailableAws = std::chrono::seconds(10);
constexpr base::Duration kPromoteModifyingAws = std::chrono::seconds(60);
constexpr base::Duration kPromoteRebootingAws = std::chrono::seconds(30);
constexpr std::string_view kInherited[] = {"DBInstanceClass",   "AllocatedStorage",
                                           "StorageType",       "Iops",
                                           "StorageThroughput", "MaxAllocatedStorage"};

std::string SlotFor(std::string_view region, std::string_view random) {
  std::string slot = fmt::format("rds_{}_{}", region, random);
  std::replace(slot.begin(), slot.end(), '-', '_');
  return slot;
}

}  // namespace

Problem Rds::CheckReplicaRequest(const Value& input) const {
  if (auto problem =
          CheckIdentifier("DBInstanceIdentifier", input.String("DBInstanceIdentifier"))) {
    return problem;
  }
  if (auto problem = CheckCommon(input)) return problem;
  if (input.Has("SourceDBClusterIdentifier")) {
    return BadCombination("SourceDBClusterIdentifier is not served by this lab; name an instance.");
  }
  if (!input.Has("SourceDBInstanceIdentifier")) {
    return ApiError{"MissingParameter",
                    "The request must contain the parameter SourceDBInstanceIdentifier",
                    400,
                    {}};
  }
  if (FindInstance(input.String("DBInstanceIdentifier")) != nullptr) {
    return ApiError{"DBInstanceAlreadyExists", "DB instance already exists", 400, {}};
  }
  const std::string_view source = input.String("SourceDBInstanceIdentifier");
  const ArnParts arn = ParseArn(source);
  if (source.starts_with("arn:") && arn.kind != "db") {
    return BadValue(fmt::format("Invalid source ARN: {}", source));
  }
  if (arn.name.empty() && FindInstance(source) == nullptr) return InstanceNotFound(source);
  if (input.Has("KmsKeyId")) {
    if (auto problem = CheckKey(input.String("KmsKeyId"))) return problem;
  }
  return CheckPlacement(input);
}

void Rds::CreateDBInstanceReadReplica(const Value& input, Reply reply) {
  if (auto problem = CheckReplicaRequest(input)) return reply(*problem);
  BeginReplica(input, std::move(reply)).Detach();
}

// AWS, too, calls the source's Region on the caller's behalf: making a replica needs both control
// planes.
Flow<> Rds::BeginReplica(Value input, Reply reply) {
  const std::string_view given = input.String("SourceDBInstanceIdentifier");
  const std::string source =
      ParseArn(given).name.empty() ? Arn(host_, "rds", "db:" + Lower(given)) : std::string(given);
  const std::string region = ParseArn(source).region;
  const std::string slot = SlotFor(host_.region(), host_.random().Hex(8));
  Value ask = Value::Struct();
  ask.Set("Source", source);
  ask.Set("Replica", Arn(host_, "rds", "db:" + Lower(input.String("DBInstanceIdentifier"))));
  ask.Set("Region", host_.region());
  ask.Set("Slot", slot);
  if (const Value* key = input.Find("KmsKeyId")) ask.Set("KmsKeyId", *key);
  ask.Set("HasGroup", input.Has("DBParameterGroupName"));
  const Answer prepared =
      co_await AskRegion(host_, region, "rds", "PrepareReplica", ask, limits.call);
  if (TimedOut(prepared)) {
    reply(ApiError{
        "ServiceUnavailable",
        fmt::format("The source Region {} does not answer; a replica cannot be made now.", region),
        503,
        {}});
    co_return;
  }
  if (IsError(prepared)) {
    reply(prepared);
    co_return;
  }
  // Two requests for one name may have met here.
  if (FindInstance(input.String("DBInstanceIdentifier")) != nullptr) {
    Tell({region, "ReplicaGone", ask});
    reply(ApiError{"DBInstanceAlreadyExists", "DB instance already exists", 400, {}});
    co_return;
  }
  const Value& settings = std::get<Value>(prepared).Sub("Settings");
  if (auto problem = CheckParameterGroup(input, TypeOf(settings))) {
    Tell({region, "ReplicaGone", ask});
    reply(*problem);
    co_return;
  }
  reply(AddReplica(input, std::get<Value>(prepared)));
}

Answer Rds::AddReplica(const Value& input, const Value& source) {
  const Value& origin = source.Sub("Settings");
  const EngineType& type = TypeOf(origin);
  Value settings = FreshSettings(input, type);
  for (const std::string_view name : kInherited) {
    if (!input.Has(name) && origin.Has(name)) settings.Set(name, *origin.Find(name));
  }
  settings.Set("MasterUsername", origin.String("MasterUsername"));
  if (origin.Has("DBName")) settings.Set("DBName", origin.String("DBName"));
  settings.Set("DbInstancePort", input.Int("Port", origin.Int("DbInstancePort", type.port)));
  settings.Set("BackupRetentionPeriod", 0);  // backups of a replica are off until it is promoted
  InheritKey(settings, origin);
  // In the source's Region it has the source's key; elsewhere the one that was named.
  if (input.Has("KmsKeyId")) Encrypt(settings, input.String("KmsKeyId"));
  const InstancePtr instance = AddInstance(input, std::move(settings));
  instance->source_arn = source.String("Source");
  instance->source = {std::string(source.String("Address")),
                      static_cast<std::uint16_t>(source.Int("Port")),
                      std::string(source.String("Slot"))};
  instance->secrets = {std::string(source.String("Admin")),
                       std::string(source.String("Replication"))};
  MakeEngine(instance);
  Save();
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  RunCreate(instance).Detach();
  return answer;
}

// Where a standby finds its source from here: through the lab's link, or beside us.
Upstream Rds::LocalUpstream(const Instance& instance) {
  const std::string region = ParseArn(instance.source_arn).region;
  Upstream upstream = instance.source;
  if (region == host_.region() && instance.type().local_path == LocalPath::kSocket) {
    const InstancePtr source = FindInstance(instance.source_arn);
    if (source != nullptr) upstream.host = source->engine->directory().string();
  } else {
    std::tie(upstream.host, upstream.port) =
        host_.network().Link(region, instance.source.host, instance.source.port);
  }
  return upstream;
}

// In A: what a new replica in B is to know of its source.
void Rds::PrepareReplica(const Value& input, Reply reply) {
  const Answer listed = ListReplica(input);
  if (IsError(listed)) return reply(listed);
  const InstancePtr source = FindInstance(input.String("Source"));
  AddFollower(source, std::string(input.String("Slot")), std::get<Value>(listed), std::move(reply))
      .Detach();
}

// Checks the source, and puts the new replica on its list.
Answer Rds::ListReplica(const Value& input) {
  const InstancePtr source = FindInstance(input.String("Source"));
  if (source == nullptr) return InstanceNotFound(input.String("Source"));
  if (auto problem = CheckSource(*source, input.String("Region"), host_.region())) return *problem;
  if (input.String("Region") != host_.region()) {
    if (auto problem = CheckEncryptedCopy(input, source->settings)) return *problem;
  }
  if (input.Has("KmsKeyId") && !source->settings.Flag("StorageEncrypted", false)) {
    return BadCombination(
        "Cannot create an encrypted read replica from an unencrypted DB instance.");
  }
  if (input.Flag("HasGroup", false) && !source->type().replica_takes_parameter_group) {
    return BadCombination(
        fmt::format("A DB parameter group can't be specified during Read Replica creation for the "
                    "following DB engine: {}",
                    source->type().name));
  }
  source->replicas.push_back(
      {std::string(input.String("Replica")), std::string(input.String("Slot"))});
  PublishReplication(*source);
  AddEvent(source->id, "db-instance",
           fmt::format("Read replica {} is being created", input.String("Replica")),
           "read replica");
  Save();
  return Value::Struct({{"Source", Arn(host_, "rds", "db:" + source->id)},
                        {"Settings", source->settings},
                        {"Slot", input.String("Slot")},
                        {"Address", host_.network().AddressFor(ReplicationName(*source))},
                        {"Port", static_cast<std::int64_t>(source->type().port)},
                        {"Admin", source->secrets.admin},
                        {"Replication", source->secrets.replication}});
}

Flow<> Rds::AddFollower(InstancePtr source, std::string slot, Value answer, Reply reply) {
  const AtWork at_work(source);
  const base::Status made = co_await source->engine->AddFollower(slot);
  if (!made.ok()) {
    std::erase_if(source->replicas, [&](const ReplicaRef& r) { return r.slot == slot; });
    Save();
    reply(InstanceState("The source cannot be replicated now: " + made.error().message()));
    co_return;
  }
  reply(std::move(answer));
}

Flow<> Rds::DropFollower(InstancePtr source, std::string slot) {
  const AtWork at_work(source);
  const base::Status dropped = co_await source->engine->DropFollower(std::move(slot));
  if (!dropped.ok()) {
    AddEvent(source->id, "db-instance", "A replication slot is left: " + dropped.error().message(),
             "read replica");
  }
}

// Replicas that are gone, told or not while this server was down.
Flow<> Rds::DropStrangers(InstancePtr source) {
  std::vector<std::string> known;
  for (const ReplicaRef& replica : source->replicas) known.push_back(replica.slot);
  const base::Status dropped = co_await source->engine->KeepFollowers(std::move(known));
  if (!dropped.ok()) {
    AddEvent(source->id, "db-instance", "A replication slot is left: " + dropped.error().message(),
             "read replica");
  }
}

Answer Rds::PromoteReadReplica(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  if (auto problem = CheckPromote(*instance)) return *problem;
  if (auto problem = CheckCommon(input)) return *problem;
  instance->promoting = true;
  instance->pending.Set("BackupRetentionPeriod", input.Int("BackupRetentionPeriod", 1));
  if (input.Has("PreferredBackupWindow")) {
    instance->settings.Set("PreferredBackupWindow", input.String("PreferredBackupWindow"));
  }
  Value answer = Value::Struct({{"DBInstance", Shown(*instance)}});
  // The first step is on its way to the server before the state is saved; a promotion cannot be
  // taken back.
  RunPromote(instance).Detach();
  Save();
  return answer;
}

Flow<> Rds::RunPromote(InstancePtr instance) {
  const AtWork at_work(instance);
  const base::MonotonicTime asked = host_.clock().Monotonic();
  const base::Status promoted = co_await instance->engine->Promote();
  if (instance->cancelled) co_return;
  if (!promoted.ok()) {
    instance->promoting = false;
    AddEvent(instance->id, "db-instance", "Promotion failed: " + promoted.error().message(),
             "failure");
    SetStatus(*instance, kAvailable);
    co_return;
  }
  // As on AWS, the old status is still read for a while after the call.
  const base::Duration shown = limits.promote_shown - (host_.clock().Monotonic() - asked);
  co_await Sleep(host_, std::max(Paced(kPromoteAvailableAws), shown));
  SetStatus(*instance, kModifying);
  co_await Sleep(host_, Paced(kPromoteModifyingAws));
  const Notice notice{ParseArn(instance->source_arn).region, "ReplicaGone",
                      Value::Struct({{"Replica", Arn(host_, "rds", "db:" + instance->id)},
                                     {"Slot", instance->source.slot}})};
  instance->source_arn.clear();
  instance->source = {};
  instance->promoting = false;
  instance->settings.Set("BackupRetentionPeriod",
                         instance->pending.Int("BackupRetentionPeriod", 1));
  instance->pending.Erase("BackupRetentionPeriod");
  if (host_.pace() == Pace::kAws) {
    SetStatus(*instance, kRebooting);
    co_await Sleep(host_, kPromoteRebootingAws);
  }
  if (instance->cancelled) co_return;
  co_await Reconfigure(instance);
  AddEvent(instance->id, "db-instance",
           "Promoted Read Replica instance to standalone database instance", "read replica");
  SetStatus(*instance, kAvailable);
  Tell(notice);
  if (instance->retention() > 0) RunBackup(instance).Detach();
}

// Notices name the link by its slot. Names change and are given again while a notice is on its way,
// so that the name it carries may belong to nobody, or to another instance.
InstancePtr Rds::FindSource(std::string_view slot) const {
  for (const auto& [id, instance] : instances_) {
    for (const ReplicaRef& replica : instance->replicas) {
      if (replica.slot == slot) return instance;
    }
  }
  return nullptr;
}

InstancePtr Rds::FindReplica(std::string_view slot) const {
  for (const auto& [id, instance] : instances_) {
    if (instance->is_replica() && instance->source.slot == slot) return instance;
  }
  return nullptr;
}

// In A: the replica was promoted or deleted.
Answer Rds::ReplicaGone(const Value& input) {
  const std::string slot(input.String("Slot"));
  const InstancePtr source = FindSource(slot);
  DropReplicaBackup(input);
  if (source == nullptr) return Value::Struct();
  std::erase_if(source->replicas, [&](const ReplicaRef& r) { return r.slot == slot; });
  if (source->replicas.empty()) host_.network().Withdraw(ReplicationName(*source));
  AddEvent(source->id, "db-instance",
           fmt::format("Read replica {} is no longer replicated to", input.String("Replica")),
           "read replica");
  Save();
  if (source->engine->running()) DropFollower(source, slot).Detach();
  return Value::Struct();
}

// In B: some engines' replicas outlive their source and wait to be promoted by hand, others become
// instances of their own, as RDS does it for each.
Answer Rds::SourceDeleted(const Value& input) {
  const InstancePtr replica = FindReplica(input.String("Slot"));
  if (replica == nullptr) return Value::Struct();
  replica->link = LinkState::kTerminated;
  AddEvent(replica->id, "db-instance", "Replication has been terminated: the source was deleted",
           "read replica");
  if (replica->type().orphans == Orphans::kPromoted && !CheckPromote(*replica)) {
    replica->promoting = true;
    replica->pending.Set("BackupRetentionPeriod", 0);  // nobody has asked for backups of it
    RunPromote(replica).Detach();
  }
  Save();
  return Value::Struct();
}

Answer Rds::SourceRenamed(const Value& input) {
  const InstancePtr replica = FindReplica(input.String("Slot"));
  if (replica == nullptr) return Value::Struct();
  replica->source_arn = input.String("Source");
  Save();
  return Value::Struct();
}

Answer Rds::ReplicaRenamed(const Value& input) {
  const std::string_view slot = input.String("Slot");
  const InstancePtr source = FindSource(slot);
  if (source == nullptr) return Value::Struct();
  for (ReplicaRef& replica : source->replicas) {
    if (replica.slot == slot) replica.arn = input.String("To");
  }
  Save();
  return Value::Struct();
}

void Rds::Tell(Notice notice) {
  notices_.push_back(std::move(notice));
  while (notices_.size() > limits.notices) notices_.pop_front();
  Save();
  if (!sending_) SendNotices().Detach();
}

// Until each Region has answered, however long it is gone; nobody waits for it.
Flow<> Rds::SendNotices() {
  sending_ = true;
  while (!notices_.empty()) {
    bool unanswered = false;
    for (std::size_t left = notices_.size(); left > 0 && !notices_.empty(); --left) {
      const Notice notice = notices_.front();
      const Answer answer = co_await AskRegion(host_, notice.region, "rds", notice.operation,
                                               notice.input, limits.call);
      notices_.pop_front();
      if (TimedOut(answer)) {
        notices_.push_back(notice);
        unanswered = true;
      }
    }
    Save();
    if (unanswered) co_await Sleep(host_, limits.notice_retry);
  }
  sending_ = false;
}

}  // namespace leeward::lab::rds
