// Sets of snapshots: taken at one instant, copied member by member, and forgotten when newer ones
// are there. Every member carries its set's name in a tag from the moment it is made, so a run that
// was cut off finds what it had made.
#include <algorithm>
#include <set>

#include "steps/ebs.h"
#include "steps/kms_keys.h"

namespace leeward::steps {
namespace {

using model::Ebs;

constexpr base::Duration kUrlLives = std::chrono::hours(1);

Value SetTag(std::string_view key, const std::string& value) {
  return Value::Struct({{"Key", key}, {"Value", value}});
}

Value::List SetTags(const Work& work, const std::string& name, std::size_t size) {
  return {SetTag("Name", work.application().name.str() + " " + work.step().component.str()),
          SetTag(kComponentTag, work.application().name.str() + "/" + work.step().component.str()),
          SetTag(kSetTag, name), SetTag(kSetSizeTag, std::to_string(size))};
}

Value Tagging(const char* type, Value::List tags) {
  return Value::List{Value::Struct({{"ResourceType", type}, {"Tags", std::move(tags)}})};
}

Result<std::optional<SnapshotSet>> SetIn(const Work& work, const Region& region,
                                         const std::string& name) {
  ASSIGN_OR_RETURN(std::vector<SnapshotSet> sets, SetsIn(work, region));
  for (SnapshotSet& set : sets) {
    if (set.name == name) return std::optional<SnapshotSet>(std::move(set));
  }
  return std::optional<SnapshotSet>();
}

const Member* MemberOf(const std::optional<SnapshotSet>& set, const std::string& volume) {
  if (!set) return nullptr;
  for (const Member& member : set->members) {
    if (member.volume == volume) return &member;
  }
  return nullptr;
}

// All that an instance has attached, but what is not of the component.
Result<Value> OthersOf(const Work& work, const Region& region, const std::string& instance,
                       const std::vector<Volume>& volumes) {
  const Value filter =
      Value::Struct({{"Name", "attachment.instance-id"}, {"Values", Value::List{instance}}});
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, "ec2", "DescribeVolumes",
                              Value::Struct({{"Filters", Value::List{filter}}})));
  Value others = Value::EmptyList();
  for (const Value& told : answer.Items("Volumes")) {
    const bool ours = std::any_of(volumes.begin(), volumes.end(), [&](const Volume& one) {
      return one.id == told.String("VolumeId");
    });
    if (!ours) others.list().push_back(told.String("VolumeId"));
  }
  return others;
}

// Of what an instance writes to, EC2 takes all members at one instant.
Status TakeAttached(const Work& work, const Region& region, const std::vector<Volume>& volumes,
                    const std::string& name) {
  const std::string& instance = volumes.front().instance;
  ASSIGN_OR_RETURN(const Value others, OthersOf(work, region, instance, volumes));
  Value specification = Value::Struct({{"InstanceId", instance}});
  if (!others.list().empty()) specification.Set("ExcludeDataVolumeIds", others);
  const auto made = work.CallFor(
      work.limits().take_set, region, "ec2", "CreateSnapshots",
      Value::Struct(
          {{"InstanceSpecification", specification},
           {"Description", "Leeward " + name},
           {"TagSpecifications", Tagging("snapshot", SetTags(work, name, volumes.size()))}}));
  return made.ok() ? base::Ok() : Status(made.error());
}

// To what is attached nowhere nobody writes, so its members fit each other whenever they are taken.
Status TakeDetached(const Work& work, const Region& region, const std::vector<Volume>& volumes,
                    const std::string& name, const std::optional<SnapshotSet>& there) {
  for (const Volume& volume : volumes) {
    if (MemberOf(there, volume.id) != nullptr) continue;
    const auto made = work.CallFor(
        work.limits().take_set, region, "ec2", "CreateSnapshot",
        Value::Struct(
            {{"VolumeId", volume.id},
             {"Description", "Leeward " + name},
             {"TagSpecifications", Tagging("snapshot", SetTags(work, name, volumes.size()))}}));
    if (!made.ok()) return made.error();
  }
  return base::Ok();
}

Result<SnapshotSet> AwaitComplete(const Work& work, const Region& region, const std::string& name) {
  std::size_t seen = 0;
  return work.Await<SnapshotSet>(
      "the set " + name + " in " + region.str() + " to be complete", work.ApiPace(),
      [&]() -> Result<std::optional<SnapshotSet>> {
        ASSIGN_OR_RETURN(std::optional<SnapshotSet> now, SetIn(work, region, name));
        if (!now) return std::optional<SnapshotSet>();
        std::size_t completed = 0;
        for (const Member& member : now->members) {
          completed += member.state == "completed" ? 1 : 0;
          if (member.state != "error") continue;
          return base::WrongState("snapshot " + member.id + " in " + region.str() +
                                  " is in error (" + member.message +
                                  "); the older sets are whole; run the same command again");
        }
        if (completed != seen) {
          work.Say(std::to_string(completed) + " of " + std::to_string(now->size) +
                   " snapshots are completed in " + region.str());
        }
        seen = completed;
        if (!now->Complete()) return std::optional<SnapshotSet>();
        return now;
      });
}

// What a restored volume is made like.
Value::List CopyTags(const Work& work, const SnapshotSet& set, const Member& member,
                     const std::vector<Volume>& volumes) {
  Value::List tags = SetTags(work, set.name, set.size);
  tags.push_back(SetTag(kVolumeTag, member.volume));
  tags.push_back(SetTag(kStartedTag, base::FormatIso8601(*set.started)));
  for (const Volume& volume : volumes) {
    if (volume.id != member.volume) continue;
    tags.push_back(SetTag(kTypeTag, volume.type));
    if (!volume.device.empty()) tags.push_back(SetTag(kDeviceTag, volume.device));
  }
  return tags;
}

Status CopyMember(const Work& work, const Region& from, const Ebs& ebs, const SnapshotSet& set,
                  const Member& member, const std::vector<Volume>& volumes) {
  Value input = Value::Struct(
      {{"SourceRegion", from.str()},
       {"SourceSnapshotId", member.id},
       {"Description", "Leeward " + set.name},
       {"TagSpecifications", Tagging("snapshot", CopyTags(work, set, member, volumes))}});
  if (member.encrypted) {
    // Who may read it there is asked for by a call that is signed for there.
    aws::CallOptions options;
    options.region = from.str();
    options.deadline = work.limits().call;
    const Value read = Value::Struct({{"SourceRegion", from.str()},
                                      {"SourceSnapshotId", member.id},
                                      {"DestinationRegion", work.region().str()}});
    ASSIGN_OR_RETURN(const std::string url,
                     work.tools().aws.Presign("ec2", "CopySnapshot", read, options, kUrlLives));
    input.Set("PresignedUrl", url).Set("Encrypted", true);
  }
  if (!ebs.kms_key.empty()) input.Set("KmsKeyId", ebs.kms_key).Set("Encrypted", true);
  const auto copied = work.CallPatiently(work.region(), "ec2", "CopySnapshot", input);
  return copied.ok() ? base::Ok() : Status(copied.error());
}

Status DropMember(const Work& work, const Region& region, const Member& member) {
  const auto dropped = work.CallPatiently(region, "ec2", "DeleteSnapshot",
                                          Value::Struct({{"SnapshotId", member.id}}));
  if (dropped.ok() || dropped.error().code() == base::ErrorCode::kNotFound) return base::Ok();
  return dropped.error();
}

}  // namespace

Result<SnapshotSet> EnsureSet(const Work& work, const Region& region, const Ebs& ebs,
                              const std::string& name) {
  ASSIGN_OR_RETURN(const std::optional<SnapshotSet> there, SetIn(work, region, name));
  if (!there || there->members.size() < there->size) {
    ASSIGN_OR_RETURN(const std::vector<Volume> volumes, NeedVolumes(work, region, ebs));
    RETURN_IF_ERROR(CheckOneSet(ebs, region, volumes));
    const bool attached = !volumes.front().instance.empty();
    // One call takes all of an instance: what is not listed yet is there, and another call would be
    // of another instant.
    if (attached && there) return AwaitComplete(work, region, name);
    work.Say("taking snapshots of " + VolumeList(volumes) + " in " + region.str());
    RETURN_IF_ERROR(attached ? TakeAttached(work, region, volumes, name)
                             : TakeDetached(work, region, volumes, name, there));
  }
  return AwaitComplete(work, region, name);
}

Result<SnapshotSet> CopySet(const Work& work, const Region& from, const Ebs& ebs,
                            const SnapshotSet& set) {
  ASSIGN_OR_RETURN(const std::optional<SnapshotSet> there, SetIn(work, work.region(), set.name));
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, VolumesIn(work, from, ebs));
  if (!ebs.kms_key.empty()) RETURN_IF_ERROR(NeedKmsKey(work, work.region(), ebs.kms_key));
  for (const Member& member : set.members) {
    const Member* copied = MemberOf(there, member.volume);
    if (copied != nullptr && copied->state != "error") continue;
    if (copied != nullptr) RETURN_IF_ERROR(DropMember(work, work.region(), *copied));
    RETURN_IF_ERROR(CopyMember(work, from, ebs, set, member, volumes));
  }
  return AwaitComplete(work, work.region(), set.name);
}

// Only what Leeward made of this component, and never the newest: what is not complete is older
// than that, and will not be.
Result<std::size_t> PruneSets(const Work& work, const Region& region, const Ebs& ebs,
                              const std::string& newest) {
  ASSIGN_OR_RETURN(const std::vector<SnapshotSet> sets, SetsIn(work, region));
  std::size_t kept = 0;
  std::size_t dropped = 0;
  bool older = false;
  for (auto set = sets.rbegin(); set != sets.rend(); ++set) {
    if (set->name == newest) older = true;
    if (set->Complete() && ++kept <= static_cast<std::size_t>(ebs.keep)) continue;
    if (!older || set->name == newest) continue;
    for (const Member& member : set->members) RETURN_IF_ERROR(DropMember(work, region, member));
    ++dropped;
  }
  return dropped;
}

}  // namespace leeward::steps
