// DB snapshots: real base backups, restored by unpacking and replaying them, copied between Regions
// through the lab's network.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <system_error>

#include "lab/services/ask_region.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/list_page.h"
#include "lab/services/rds.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
namespace fs = std::filesystem;

constexpr base::Duration kSnapshotAws = std::chrono::minutes(3);
// Of a snapshot that only a replica is made of; nobody is shown it.
constexpr std::string_view kForReplica = "replication";

// The snapshot that the replica of this slot is made of.
std::string ReplicaBackup(std::string_view slot) { return fmt::format("replica:{}", slot); }

ApiError SnapshotNotFound(std::string_view id) {
  return {"DBSnapshotNotFound", fmt::format("DBSnapshot not found: {}", id), 404, {}};
}
ApiError SnapshotExists(std::string_view id) {
  return {
      "DBSnapshotAlreadyExists",
      fmt::format(
          "Cannot create the snapshot because a snapshot with the identifier {} already exists.",
          id),
      400,
      {}};
}

// The identifier in "arn:...:snapshot:x", or the text itself. An automated one has a colon of its
// own.
std::string SnapshotName(std::string_view given) {
  const ArnParts arn = ParseArn(given);
  return Lower(arn.name.empty() ? given : std::string_view(arn.name));
}

std::int64_t Gigabytes(const Value& settings) { return settings.Int("AllocatedStorage", 20); }

// What a filter of DescribeDBSnapshots looks at.
std::optional<std::string_view> SnapshotMember(std::string_view filter) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFilters = {
      {{"db-instance-id", "DBInstanceIdentifier"},
       {"db-snapshot-id", "DBSnapshotIdentifier"},
       {"dbi-resource-id", "DbiResourceId"},
       {"snapshot-type", "SnapshotType"},
       {"engine", "Engine"}}};
  for (const auto& [name, member] : kFilters) {
    if (name == filter) return member;
  }
  return std::nullopt;
}

// Identifiers may be given as ARNs.
bool IsFilteredOut(const Value& record, const Value::List& filters) {
  return std::any_of(filters.begin(), filters.end(), [&](const Value& filter) {
    const std::string_view held = record.String(*SnapshotMember(filter.String("Name")));
    const Value::List& values = filter.Items("Values");
    return std::none_of(values.begin(), values.end(), [&](const Value& value) {
      const std::string_view text = value.str();
      return text == held || (text.starts_with("arn:") && ParseArn(text).name == held);
    });
  });
}

}  // namespace

fs::path Rds::SnapshotPath(const Snapshot& snapshot) { return Directory() / snapshot.directory; }

Snapshot& Rds::AddSnapshot(const Instance& instance, const std::string& id, std::string_view type) {
  Snapshot snapshot;
  snapshot.directory = "snapshot-" + host_.random().Hex(8);
  snapshot.secrets = instance.secrets;
  snapshot.settings = instance.settings;
  const Value& from = instance.settings;
  snapshot.record = Value::Struct(
      {{"DBSnapshotIdentifier", id},
       {"DBInstanceIdentifier", instance.id},
       {"DbiResourceId", instance.resource_id},
       {"DBSnapshotArn", Arn(host_, "rds", "snapshot:" + id)},
       {"Engine", from.String("Engine")},
       {"EngineVersion", from.String("EngineVersion")},
       {"AllocatedStorage", Gigabytes(from)},
       {"StorageType", from.String("StorageType", "gp2")},
       {"Status", "creating"},
       {"PercentProgress", 0},
       {"Port", from.Int("DbInstancePort")},
       {"AvailabilityZone", from.String("AvailabilityZone")},
       {"VpcId", DefaultVpcId(host_)},
       {"InstanceCreateTime", from.Sub("InstanceCreateTime")},
       {"MasterUsername", from.String("MasterUsername")},
       {"LicenseModel", from.String("LicenseModel")},
       {"SnapshotType", type},
       {"Encrypted", from.Flag("StorageEncrypted", false)},
       {"IAMDatabaseAuthenticationEnabled", false},
       {"TagList", from.Flag("CopyTagsToSnapshot", false) ? instance.tags : Value::EmptyList()}});
  if (const Value* key = from.Find("KmsKeyId")) snapshot.record.Set("KmsKeyId", *key);
  return snapshots_[id] = std::move(snapshot);
}

Answer Rds::CreateDBSnapshot(const Value& input) {
  const InstancePtr instance = FindInstance(input.String("DBInstanceIdentifier"));
  if (instance == nullptr) return InstanceNotFound(input.String("DBInstanceIdentifier"));
  const std::string id = Lower(input.String("DBSnapshotIdentifier"));
  if (auto problem = CheckIdentifier("DBSnapshotIdentifier", id)) return *problem;
  if (snapshots_.contains(id)) return SnapshotExists(id);
  if (!Allows(InstanceAction::kSnapshot, instance->status)) {
    return NotInState(*instance, "available");
  }
  Snapshot& snapshot = AddSnapshot(*instance, id, "manual");
  if (input.Has("Tags")) snapshot.record.Set("TagList", *input.Find("Tags"));
  Value answer = Value::Struct({{"DBSnapshot", snapshot.record}});
  RunSnapshot(instance, id).Detach();
  return answer;
}

Flow<> Rds::RunSnapshot(InstancePtr instance, std::string id) {
  const AtWork at_work(instance);
  const InstanceStatus before = instance->status;
  SetStatus(*instance, InstanceStatus::kBackingUp);
  const base::Status taken = co_await TakeSnapshot(instance, id);
  if (!taken.ok()) {
    AddEvent(id, "db-snapshot", "Snapshot failed: " + taken.error().message(), "notification");
  }
  if (instance->status == InstanceStatus::kBackingUp) SetStatus(*instance, before);
}

Flow<base::Status> Rds::TakeSnapshot(InstancePtr instance, std::string id) {
  if (!snapshots_.contains(id)) AddSnapshot(*instance, id, "manual");
  Save();
  const fs::path path = SnapshotPath(snapshots_[id]);
  const base::Status taken = co_await instance->engine->BackUpTo(path);
  co_await Sleep(host_, Paced(kSnapshotAws));
  const auto snapshot = snapshots_.find(id);
  if (snapshot == snapshots_.end()) co_return base::Cancelled("the snapshot was deleted");
  snapshot->second.record.Set("Status", taken.ok() ? "available" : "failed");
  if (taken.ok()) {
    const base::WallTime now = host_.clock().Now();
    for (const std::string_view when :
         {"SnapshotCreateTime", "OriginalSnapshotCreateTime", "SnapshotDatabaseTime"}) {
      snapshot->second.record.Set(when, now);
    }
    snapshot->second.record.Set("PercentProgress", 100);
    const std::string_view type = snapshot->second.record.String("SnapshotType");
    if (type != kForReplica) {
      AddEvent(id, "db-snapshot",
               type == "automated" ? "Automated snapshot created" : "Manual snapshot created",
               "creation");
    }
  }
  Save();
  co_return taken;
}

Answer Rds::DescribeDBSnapshots(const Value& input) {
  for (const Value& filter : input.Items("Filters")) {
    if (!SnapshotMember(filter.String("Name")))
      return BadValue(fmt::format("Unrecognized filter name: {}", filter.String("Name")));
  }
  const std::string id = SnapshotName(input.String("DBSnapshotIdentifier"));
  const std::string instance = Lower(input.String("DBInstanceIdentifier"));
  Value::List found;
  for (const auto& [name, snapshot] : snapshots_) {
    if (snapshot.record.String("SnapshotType") == kForReplica) continue;
    if (!id.empty() && name != id) continue;
    if (!instance.empty() && snapshot.record.String("DBInstanceIdentifier") != instance) continue;
    if (input.Has("SnapshotType") &&
        snapshot.record.String("SnapshotType") != input.String("SnapshotType")) {
      continue;
    }
    if (input.Has("DbiResourceId") &&
        snapshot.record.String("DbiResourceId") != input.String("DbiResourceId")) {
      continue;
    }
    if (IsFilteredOut(snapshot.record, input.Items("Filters"))) continue;
    found.push_back(snapshot.record);
  }
  if (!id.empty() && found.empty()) return SnapshotNotFound(id);
  return ListPage(input, "DBSnapshots", found);
}

Answer Rds::DeleteDBSnapshot(const Value& input) {
  const std::string id = SnapshotName(input.String("DBSnapshotIdentifier"));
  const auto found = snapshots_.find(id);
  if (found == snapshots_.end()) return SnapshotNotFound(id);
  if (found->second.record.String("Status") == "creating") {
    return ApiError{"InvalidDBSnapshotState",
                    fmt::format("Snapshot {} is being created; wait until it is available.", id),
                    400,
                    {}};
  }
  if (found->second.record.String("SnapshotType") == "automated") {
    return ApiError{"InvalidDBSnapshotState", "Automated snapshots cannot be deleted.", 400, {}};
  }
  Value record = found->second.record;
  record.Set("Status", "deleted");
  DropSnapshot(id);
  return Value::Struct({{"DBSnapshot", std::move(record)}});
}

void Rds::DropSnapshot(const std::string& id) {
  const auto found = snapshots_.find(id);
  const fs::path path = SnapshotPath(found->second);
  const bool shown = found->second.record.String("SnapshotType") != kForReplica;
  snapshots_.erase(found);
  if (shown) AddEvent(id, "db-snapshot", "Deleted snapshot", "deletion");
  Save();
  host_.RunBlocking(
      [path] {
        std::error_code ignored;
        fs::remove_all(path, ignored);
      },
      [] {});
}

// They go with their instance's backup; what was asked for by hand stays.
void Rds::DropAutomatedSnapshots(std::string_view resource_id) {
  std::vector<std::string> theirs;
  for (const auto& [id, snapshot] : snapshots_) {
    if (snapshot.record.String("SnapshotType") == "automated" &&
        snapshot.record.String("DbiResourceId") == resource_id)
      theirs.push_back(id);
  }
  for (const std::string& id : theirs) DropSnapshot(id);
}

void Rds::CopyDBSnapshot(const Value& input, Reply reply) {
  const std::string target = Lower(input.String("TargetDBSnapshotIdentifier"));
  if (auto problem = CheckIdentifier("TargetDBSnapshotIdentifier", target)) return reply(*problem);
  if (snapshots_.contains(target)) return reply(SnapshotExists(target));
  if (input.Has("KmsKeyId")) {
    if (auto problem = CheckKey(input.String("KmsKeyId"))) return reply(*problem);
  }
  const std::string_view source = input.String("SourceDBSnapshotIdentifier");
  const ArnParts arn = ParseArn(source);
  if (arn.name.empty() || arn.region == host_.region()) {
    if (!snapshots_.contains(SnapshotName(source))) {
      return reply(SnapshotNotFound(source));
    }
  } else if (arn.kind != "snapshot") {
    return reply(BadValue(fmt::format("Invalid source ARN: {}", source)));
  }
  RunCopy(input, std::move(reply)).Detach();
}

Flow<> Rds::RunCopy(Value input, Reply reply) {
  const std::string target = Lower(input.String("TargetDBSnapshotIdentifier"));
  const std::string given(input.String("SourceDBSnapshotIdentifier"));
  const std::string id = SnapshotName(given);
  const ArnParts arn = ParseArn(given);
  const bool local = arn.name.empty() || arn.region == host_.region();
  Value ask = Value::Struct();
  ask.Set("Snapshot", id);
  Answer described = DescribeSnapshotInternal(ask);
  if (!local)
    described = co_await AskRegion(host_, arn.region, "rds", "DescribeSnapshot", ask, limits.call);
  if (IsError(described)) {
    if (TimedOut(described))
      described = ApiError{"ServiceUnavailable", "The source Region does not answer.", 503, {}};
    reply(described);
    co_return;
  }
  const Value source = std::get<Value>(described);
  if (auto problem = CheckEncryptedCopy(input, source.Sub("Settings")); problem && !local) {
    reply(*problem);
    co_return;
  }
  Snapshot snapshot;
  snapshot.directory = "snapshot-" + host_.random().Hex(8);
  snapshot.secrets = {std::string(source.String("Admin")),
                      std::string(source.String("Replication"))};
  snapshot.settings = source.Sub("Settings");
  snapshot.record = source.Sub("Record");
  if (input.Has("KmsKeyId")) {
    Encrypt(snapshot.settings, input.String("KmsKeyId"));
    snapshot.record.Set("Encrypted", true).Set("KmsKeyId", snapshot.settings.String("KmsKeyId"));
  }
  snapshot.record.Set("DBSnapshotIdentifier", target);
  snapshot.record.Set("DBSnapshotArn", Arn(host_, "rds", "snapshot:" + target));
  snapshot.record.Set("SnapshotType", "manual");
  snapshot.record.Set("Status", "creating");
  snapshot.record.Set("PercentProgress", 0);
  snapshot.record.Set("VpcId", DefaultVpcId(host_));
  snapshot.record.Set("AvailabilityZone", host_.region() + "a");
  snapshot.record.Set("SourceDBSnapshotIdentifier", given);
  if (!local) snapshot.record.Set("SourceRegion", arn.region);
  if (!input.Flag("CopyTags", false)) snapshot.record.Set("TagList", Value(input.Items("Tags")));
  snapshots_[target] = snapshot;
  Save();
  Value answer = Value::Struct();
  answer.Set("DBSnapshot", snapshot.record);
  reply(std::move(answer));

  const fs::path to = SnapshotPath(snapshot);
  std::error_code error;
  fs::create_directories(to, error);
  base::Status copied = host_.GiveToEngine(to);
  const std::string from = local ? std::string() : arn.region;
  for (const Value& file : source.Items("Files")) {
    const fs::path path = to / file.str();
    if (copied.ok()) copied = co_await PullFile(from, id, file.str(), path);
  }
  co_await Sleep(host_, Paced(kSnapshotAws));
  const auto kept = snapshots_.find(target);
  if (kept == snapshots_.end()) co_return;
  kept->second.record.Set("Status", copied.ok() ? "available" : "failed");
  kept->second.record.Set("SnapshotCreateTime", host_.clock().Now());
  if (copied.ok()) kept->second.record.Set("PercentProgress", 100);
  AddEvent(
      target, "db-snapshot",
      copied.ok() ? "Snapshot copy finished" : "Snapshot copy failed: " + copied.error().message(),
      "notification");
  Save();
}

// One file of a snapshot, chunk by chunk, through the lab's network.
Flow<base::Status> Rds::PullFile(std::string region, std::string source_id, std::string file,
                                 fs::path to) {
  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  for (std::int64_t offset = 0;;) {
    Value ask = Value::Struct();
    ask.Set("Snapshot", source_id);
    ask.Set("File", file);
    ask.Set("Offset", offset);
    Answer chunk = Value();
    if (region.empty()) {
      chunk = ReadSnapshotChunk(ask);
    } else {
      chunk = co_await AskRegion(host_, region, "rds", "ReadSnapshotChunk", ask, limits.call);
    }
    if (IsError(chunk)) co_return base::Unreachable(std::get<ApiError>(chunk).message);
    const Value& bytes = std::get<Value>(chunk).Sub("Bytes");
    if (!bytes.is_blob() || bytes.blob().bytes.empty()) break;
    out << bytes.blob().bytes;
    offset += static_cast<std::int64_t>(bytes.blob().bytes.size());
    // A long local copy leaves room for others, too.
    co_await Sleep(host_, base::Duration(0));
  }
  out.close();
  if (!out) co_return base::Exhausted("cannot write " + to.string());
  co_return host_.GiveToEngine(to);
}

Answer Rds::DescribeSnapshotInternal(const Value& input) {
  const auto found = snapshots_.find(input.String("Snapshot"));
  if (found == snapshots_.end()) return SnapshotNotFound(input.String("Snapshot"));
  const Snapshot& snapshot = found->second;
  if (snapshot.record.String("Status") != "available") {
    return ApiError{
        "InvalidDBSnapshotState", "The source snapshot is not in available state.", 400, {}};
  }
  return Value::Struct({{"Record", snapshot.record},
                        {"Settings", snapshot.settings},
                        {"Files", FilesOf(snapshot)},
                        {"Admin", snapshot.secrets.admin},
                        {"Replication", snapshot.secrets.replication}});
}

// The data directory's is in every backup; of the others, those that this one needed.
Value Rds::FilesOf(const Snapshot& snapshot) {
  Value files = Value::EmptyList();
  for (const std::string_view file : TypeOf(snapshot.settings).backup_files) {
    std::error_code ignored;
    if (file == kBackupFile || fs::exists(SnapshotPath(snapshot) / file, ignored)) {
      files.list().emplace_back(file);
    }
  }
  return files;
}

Answer Rds::ReadSnapshotChunk(const Value& input) {
  const auto found = snapshots_.find(input.String("Snapshot"));
  if (found == snapshots_.end()) return SnapshotNotFound(input.String("Snapshot"));
  std::ifstream in(SnapshotPath(found->second) / input.String("File"), std::ios::binary);
  std::string bytes(static_cast<std::size_t>(limits.chunk), '\0');
  in.seekg(input.Int("Offset"));
  const bool found_place = in.good();
  in.read(bytes.data(), limits.chunk);
  if (!found_place || in.bad()) {
    return ApiError{"InvalidDBSnapshotState",
                    fmt::format("The snapshot's {} cannot be read.", input.String("File")),
                    400,
                    {}};
  }
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return Value::Struct({{"Bytes", shapes::Blob{std::move(bytes)}}});
}

// In A: a backup that the replica of this slot is made of. Asked until it is there.
Answer Rds::BackUpForReplica(const Value& input) {
  const InstancePtr source = FindSource(input.String("Slot"));
  if (source == nullptr) return InstanceState("The source has no replica by this slot.");
  const std::string slot(input.String("Slot"));
  const std::string id = ReplicaBackup(slot);
  auto snapshot = snapshots_.find(id);
  if (snapshot != snapshots_.end() && snapshot->second.record.String("Status") == "failed") {
    DropSnapshot(id);
    return InstanceState("The source could not be backed up.");
  }
  if (snapshot == snapshots_.end()) {
    AddSnapshot(*source, id, kForReplica);
    RunReplicaBackup(source, slot).Detach();
    snapshot = snapshots_.find(id);
  }
  return Value::Struct({{"Snapshot", id},
                        {"Status", snapshot->second.record.String("Status")},
                        {"Files", FilesOf(snapshot->second)}});
}

Flow<> Rds::RunReplicaBackup(InstancePtr source, std::string slot) {
  const AtWork at_work(source);
  const std::string id = ReplicaBackup(slot);
  const base::Status taken = co_await TakeSnapshot(source, id);
  if (!taken.ok()) {
    AddEvent(source->id, "db-instance",
             "The backup for a replica failed: " + taken.error().message(), "read replica");
  }
  // A replica that went away meanwhile said so when there was nothing to drop yet.
  if (FindSource(slot) == nullptr && snapshots_.contains(id)) DropSnapshot(id);
}

Answer Rds::DropReplicaBackup(const Value& input) {
  const std::string id = ReplicaBackup(input.String("Slot"));
  const auto found = snapshots_.find(id);
  if (found != snapshots_.end() && found->second.record.String("Status") != "creating") {
    DropSnapshot(id);
  }
  return Value::Struct();
}

Flow<base::Result<Value>> Rds::AwaitSourceBackup(InstancePtr instance) {
  const std::string region = ParseArn(instance->source_arn).region;
  Value ask = Value::Struct();
  ask.Set("Slot", instance->source.slot);
  const base::MonotonicTime deadline = host_.clock().Monotonic() + limits.source_backup;
  while (host_.clock().Monotonic() < deadline && !instance->cancelled) {
    const Answer answer =
        co_await AskRegion(host_, region, "rds", "BackUpForReplica", ask, limits.call);
    if (!TimedOut(answer)) {
      if (IsError(answer)) co_return base::ServiceBroken(std::get<ApiError>(answer).message);
      const Value& backup = std::get<Value>(answer);
      if (backup.String("Status") == "available") co_return backup;
    }
    co_await Sleep(host_, limits.source_backup_poll);
  }
  co_return base::Unreachable("the source's Region has not made a backup in time");
}

// AWS, too, makes a replica of a snapshot of its source.
Flow<base::Status> Rds::FetchSourceBackup(InstancePtr instance, fs::path into) {
  const base::Result<Value> backup = co_await AwaitSourceBackup(instance);
  if (!backup.ok()) co_return backup.error();
  const std::string id(backup->String("Snapshot"));
  const std::string region = ParseArn(instance->source_arn).region;
  const std::string from = region == host_.region() ? std::string() : region;
  base::Status copied = base::Ok();
  for (const Value& file : backup->Items("Files")) {
    const fs::path path = into / file.str();
    if (copied.ok()) copied = co_await PullFile(from, id, file.str(), path);
  }
  if (copied.ok()) {
    Tell({region, "DropReplicaBackup", Value::Struct({{"Slot", instance->source.slot}})});
  }
  co_return copied;
}

}  // namespace leeward::lab::rds
