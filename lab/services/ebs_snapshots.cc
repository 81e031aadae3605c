// Snapshots: what volumes held at one instant. The request is answered when that has been read, so
// whoever writes after the answer is not in it; the rest goes on while it is pending.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ebs.h"
#include "lab/services/ebs_checks.h"
#include "lab/services/recovery_points.h"
#include "lab/services/region_links.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;

bool IsOneOf(const Value::List& ids, std::string_view id) {
  return std::any_of(ids.begin(), ids.end(), [&](const Value& v) { return v.str() == id; });
}

// What CreateSnapshots tells of one: another shape than DescribeSnapshots's.
Value InfoOf(const Value& snapshot) {
  Value info = Value::Struct();
  for (const std::string_view name :
       {"Description", "Tags", "Encrypted", "VolumeId", "State", "VolumeSize", "StartTime",
        "Progress", "OwnerId", "SnapshotId"}) {
    if (const Value* member = snapshot.Find(name)) info.Set(name, *member);
  }
  return info;
}

}  // namespace

std::optional<ApiError> Ebs::CheckSnapshotable(const std::string& id) const {
  const auto volume = volumes_.find(id);
  if (volume == volumes_.end()) return VolumeNotFound(id);
  const std::string_view state = volume->second.String("State");
  if (state != "available" && state != "in-use")
    return WrongState(fmt::format("Volume '{}' is in the '{}' state.", id, state));
  if (snapshots_.size() >= limits.snapshots) {
    return ApiError{"SnapshotLimitExceeded", "Maximum allowed snapshots limit exceeded.", 400, {}};
  }
  for (const auto& [other, snapshot] : snapshots_) {
    if (snapshot.String("VolumeId") != id || snapshot.String("State") != "pending") continue;
    if (copying_.contains(other)) continue;
    if (host_.clock().Now() - snapshot.Sub("StartTime").time() >= limits.between_snapshots)
      continue;
    return ApiError{"SnapshotCreationPerVolumeRateExceeded",
                    "The maximum per volume CreateSnapshot request rate has been exceeded. Use an "
                    "increasing or variable sleep interval between requests.",
                    400,
                    {}};
  }
  return std::nullopt;
}

void Ebs::CreateSnapshot(const Value& input, Reply reply) {
  const std::string id(input.String("VolumeId"));
  if (auto error = CheckId(id, "vol-")) return reply(*error);
  if (auto refused = RefuseMembers(input, {"OutpostArn", "Location"})) return reply(*refused);
  if (auto error = CheckSnapshotable(id)) return reply(*error);
  const auto tags = TagsFor(input, "snapshot");
  if (const auto* error = std::get_if<ApiError>(&tags)) return reply(*error);
  Wanted wanted;
  wanted.volumes = {id};
  wanted.input = input;
  wanted.tags = std::get<Value>(tags);
  TakeSet(std::move(wanted), std::move(reply)).Detach();
}

// An instance of the lab boots from no volume, so all that are attached are data volumes.
void Ebs::CreateSnapshots(const Value& input, Reply reply) {
  const Value& specification = input.Sub("InstanceSpecification");
  const std::string instance(specification.String("InstanceId"));
  if (auto error = CheckId(instance, "i-")) return reply(*error);
  if (!instances_.contains(instance)) return reply(InstanceNotFound(instance));
  if (auto refused = RefuseMembers(input, {"OutpostArn", "Location"})) return reply(*refused);
  const Value::List& excluded = specification.Items("ExcludeDataVolumeIds");
  const std::vector<std::string> attached = AttachedTo(instance);
  for (const Value& id : excluded) {
    if (std::find(attached.begin(), attached.end(), id.str()) != attached.end()) continue;
    return reply(
        BadValue(fmt::format("The volume '{}' is not attached to the instance '{}' as a "
                             "data volume.",
                             id.str(), instance)));
  }
  const auto tags = TagsFor(input, "snapshot");
  if (const auto* error = std::get_if<ApiError>(&tags)) return reply(*error);
  Wanted wanted;
  for (const std::string& id : attached) {
    if (IsOneOf(excluded, id)) continue;
    if (auto error = CheckSnapshotable(id)) return reply(*error);
    wanted.volumes.push_back(id);
  }
  if (wanted.volumes.empty()) {
    return reply(BadValue(fmt::format(
        "The instance '{}' has no volume attached that the request does not exclude.", instance)));
  }
  wanted.input = input;
  wanted.tags = std::get<Value>(tags);
  wanted.as_set = true;
  TakeSet(std::move(wanted), std::move(reply)).Detach();
}

Value Ebs::NewSnapshot(const Wanted& wanted, const std::string& volume, base::WallTime started) {
  const Value& from = volumes_[volume];
  Value record = Value::Struct({{"SnapshotId", NewId("snap-")},
                                {"VolumeId", volume},
                                {"State", "pending"},
                                {"StartTime", started},
                                {"Progress", "0%"},
                                {"OwnerId", host_.account()},
                                {"Description", wanted.input.String("Description")},
                                {"VolumeSize", from.Int("Size")},
                                {"Encrypted", from.Flag("Encrypted", false)},
                                {"StorageTier", "standard"}});
  if (from.Has("KmsKeyId")) record.Set("KmsKeyId", from.String("KmsKeyId"));
  Value tags = wanted.input.String("CopyTagsFromSource") == "volume" ? from.Sub("Tags") : Value();
  record.Set("Tags", MergedTags(tags, wanted.tags.list()));
  return record;
}

Flow<> Ebs::TakeSet(Wanted wanted, Reply reply) {
  // Not later than the instant of which the bytes are.
  const base::WallTime started = host_.clock().Now();
  std::vector<std::filesystem::path> files;
  Value::List records;
  for (const std::string& volume : wanted.volumes) {
    files.push_back(VolumePath(volume));
    records.push_back(NewSnapshot(wanted, volume, started));
  }
  const std::function<base::Status()> take = [this, files, records] {
    auto maps = blocks_.Take(files);
    if (!maps.ok()) return base::Status(maps.error());
    base::Status kept = base::Ok();
    for (std::size_t i = 0; i < records.size() && kept.ok(); ++i)
      kept = blocks_.Keep(std::string(records[i].String("SnapshotId")), (*maps)[i]);
    if (kept.ok()) return kept;
    for (const BlockMap& map : *maps) blocks_.Release(map);
    return kept;
  };
  base::Status taken = co_await Offload<base::Status>(host_, take);
  for (int more = limits.more_readings;
       more > 0 && !taken.ok() && taken.error().code() == base::ErrorCode::kWrongState; --more) {
    co_await Sleep(host_, limits.between_readings);
    taken = co_await Offload<base::Status>(host_, take);
  }
  if (!taken.ok()) {
    reply(ApiError{"InternalError",
                   fmt::format("Volume {}: {}", wanted.volumes.front(), taken.error().message()),
                   500,
                   {}});
    co_return;
  }
  Value infos = Value::EmptyList();
  for (const Value& record : records) {
    snapshots_[std::string(record.String("SnapshotId"))] = record;
    infos.list().push_back(InfoOf(record));
  }
  Save();
  if (wanted.as_set) {
    reply(Value::Struct({{"Snapshots", std::move(infos)}}));
  } else {
    reply(records.front());
  }
  for (const Value& record : records) Complete(std::string(record.String("SnapshotId"))).Detach();
}

Flow<> Ebs::Complete(std::string id) {
  co_await Sleep(host_, Paced(limits.snapshot_aws));
  const auto found = snapshots_.find(id);
  if (found == snapshots_.end()) co_return;
  found->second.Set("State", "completed");
  found->second.Set("Progress", "100%");
  found->second.Set("CompletionTime", host_.clock().Now());
  Save();
}

Answer Ebs::DescribeSnapshots(const Value& input) {
  for (const Value& id : input.Items("SnapshotIds")) {
    if (auto error = CheckId(id.str(), "snap-")) return *error;
    if (!snapshots_.contains(id.str())) return SnapshotNotFound(id.str());
  }
  std::vector<Record> found;
  const bool ours = IsListed(input.Items("OwnerIds"), "self") ||
                    IsListed(input.Items("OwnerIds"), host_.account());
  for (const auto& [id, snapshot] : snapshots_) {
    if (!ours || !IsListed(input.Items("SnapshotIds"), id)) continue;
    found.push_back({snapshot,
                     {{"snapshot-id", id},
                      {"volume-id", std::string(snapshot.String("VolumeId"))},
                      {"status", std::string(snapshot.String("State"))},
                      {"progress", std::string(snapshot.String("Progress"))},
                      {"description", std::string(snapshot.String("Description"))},
                      {"owner-id", host_.account()},
                      {"volume-size", std::to_string(snapshot.Int("VolumeSize"))},
                      {"start-time", base::FormatIso8601(snapshot.Sub("StartTime").time())},
                      {"storage-tier", "standard"},
                      {"encrypted", snapshot.Flag("Encrypted", false) ? "true" : "false"}}});
  }
  return PageOf(input, {"SnapshotIds", "Snapshots"}, std::move(found));
}

Answer Ebs::DeleteSnapshot(const Value& input) {
  const std::string id(input.String("SnapshotId"));
  if (auto error = CheckId(id, "snap-")) return *error;
  if (!snapshots_.contains(id)) return SnapshotNotFound(id);
  const auto* points = FindSibling<RecoveryPoints>(host_, "backup");
  if (points != nullptr && points->Holds(SnapshotArn(host_.region(), id))) {
    return BadValue(
        "This snapshot is managed by the AWS Backup service and cannot be deleted via EC2 APIs. If "
        "you wish to delete this snapshot, please do so via the Backup console.");
  }
  snapshots_.erase(id);
  copying_.erase(id);  // whoever copies sees it, and lets its blocks go
  Save();
  host_.RunBlocking([this, id] { blocks_.Drop(id); }, [] {});
  return Value::Struct();
}

}  // namespace leeward::lab::ebs
