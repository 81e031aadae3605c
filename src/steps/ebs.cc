#include "steps/ebs.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace leeward::steps {
namespace {

// As many copies as AWS makes at once into a Region.
constexpr std::size_t kMostMembers = 20;
// What can be made again by type, size and snapshot alone.
constexpr std::string_view kPlainTypes[] = {"gp2", "gp3", "standard"};

Value VolumeFilter(const std::string& name, const std::string& value) {
  return Value::Struct(
      {{"Filters", Value::List{Value::Struct({{"Name", name}, {"Values", Value::List{value}}})}}});
}

std::size_t SizeFrom(const std::string& text) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  return error == std::errc() && end == text.data() + text.size() ? size : 0;
}

Member ReadMember(const Value& told) {
  Member member;
  member.id = told.String("SnapshotId");
  member.state = told.String("State");
  member.message = told.String("StateMessage");
  member.volume = TagOf(told, kVolumeTag);
  if (member.volume.empty()) member.volume = told.String("VolumeId");
  member.gigabytes = told.Int("VolumeSize");
  member.encrypted = told.Flag("Encrypted", false);
  member.device = TagOf(told, kDeviceTag);
  member.type = TagOf(told, kTypeTag);
  return member;
}

std::optional<base::WallTime> StartOf(const Value& told) {
  const std::string tagged = TagOf(told, kStartedTag);
  if (!tagged.empty()) {
    const auto parsed = base::ParseIso8601(tagged);
    return parsed.ok() ? std::optional<base::WallTime>(*parsed) : std::nullopt;
  }
  const Value* started = told.Find("StartTime");
  if (started == nullptr || !started->is_time()) return std::nullopt;
  return started->time();
}

}  // namespace

std::string TagOf(const Value& told, std::string_view key) {
  for (const Value& tag : told.Items("Tags")) {
    if (tag.String("Key") == key) return std::string(tag.String("Value"));
  }
  return "";
}

Volume ReadVolume(const Value& told) {
  Volume volume;
  volume.id = told.String("VolumeId");
  volume.state = told.String("State");
  volume.type = told.String("VolumeType");
  volume.zone = told.String("AvailabilityZone");
  volume.gigabytes = told.Int("Size");
  volume.encrypted = told.Flag("Encrypted", false);
  volume.set = TagOf(told, kSetTag);
  volume.source = TagOf(told, kVolumeTag);
  volume.execution = TagOf(told, kExecutionTag);
  volume.aside = !TagOf(told, kVolumeAsideTag).empty();
  if (told.Items("Attachments").empty()) return volume;
  volume.instance = told.Items("Attachments").front().String("InstanceId");
  volume.device = told.Items("Attachments").front().String("Device");
  return volume;
}

bool SnapshotSet::Complete() const {
  return size > 0 && members.size() == size && started &&
         std::all_of(members.begin(), members.end(),
                     [](const Member& one) { return one.state == "completed"; });
}

std::vector<SnapshotSet> ReadSets(const Value& answer) {
  std::map<std::string, SnapshotSet> by_name;
  for (const Value& told : answer.Items("Snapshots")) {
    SnapshotSet& set = by_name[TagOf(told, kSetTag)];
    set.name = TagOf(told, kSetTag);
    set.size = SizeFrom(TagOf(told, kSetSizeTag));
    const std::optional<base::WallTime> started = StartOf(told);
    // What is in all of them is what the earliest has.
    if (set.members.empty())
      set.started = started;
    else if (!started || !set.started)
      set.started = std::nullopt;
    else
      set.started = std::min(*set.started, *started);
    set.members.push_back(ReadMember(told));
  }
  std::vector<SnapshotSet> sets;
  for (auto& [name, set] : by_name) {
    if (!name.empty()) sets.push_back(std::move(set));
  }
  std::stable_sort(sets.begin(), sets.end(), [](const SnapshotSet& a, const SnapshotSet& b) {
    return a.started < b.started;
  });
  return sets;
}

const SnapshotSet* NewestComplete(const std::vector<SnapshotSet>& sets) {
  const auto found = std::find_if(sets.rbegin(), sets.rend(),
                                  [](const SnapshotSet& set) { return set.Complete(); });
  return found == sets.rend() ? nullptr : &*found;
}

Value VolumesWith(const model::Ebs& ebs) {
  const std::size_t equals = ebs.tag.find('=');
  return VolumeFilter("tag:" + ebs.tag.substr(0, equals), ebs.tag.substr(equals + 1));
}

Value SnapshotsOf(const model::ApplicationName& application,
                  const model::ComponentName& component) {
  return VolumeFilter(std::string("tag:") + kComponentTag,
                      application.str() + "/" + component.str())
      .Set("OwnerIds", Value::List{"self"});
}

std::vector<Volume> Chosen(const Value& answer) {
  std::vector<Volume> volumes;
  for (const Value& told : answer.Items("Volumes")) {
    Volume volume = ReadVolume(told);
    const bool going = volume.state == "deleting" || volume.state == "deleted";
    if (!going && !volume.aside) volumes.push_back(std::move(volume));
  }
  std::sort(volumes.begin(), volumes.end(),
            [](const Volume& a, const Volume& b) { return a.id < b.id; });
  return volumes;
}

Result<std::vector<Volume>> VolumesIn(const Work& work, const Region& region,
                                      const model::Ebs& ebs) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, "ec2", "DescribeVolumes", VolumesWith(ebs)));
  return Chosen(answer);
}

Result<std::vector<Volume>> NeedVolumes(const Work& work, const Region& region,
                                        const model::Ebs& ebs) {
  ASSIGN_OR_RETURN(std::vector<Volume> volumes, VolumesIn(work, region, ebs));
  if (!volumes.empty()) return volumes;
  return base::NotFound("there are no " + VolumesPlace(ebs, region) +
                        "; give the tag to the volumes, or check `tag` in the spec");
}

Result<std::vector<SnapshotSet>> SetsIn(const Work& work, const Region& region) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.Pages(region, "ec2", "DescribeSnapshots",
                              SnapshotsOf(work.application().name, work.step().component)));
  return ReadSets(answer);
}

Status CheckOneSet(const model::Ebs& ebs, const Region& region,
                   const std::vector<Volume>& volumes) {
  const std::string place = VolumesPlace(ebs, region);
  std::set<std::string> instances;
  for (const Volume& volume : volumes) {
    if (volume.state != "available" && volume.state != "in-use") {
      return base::WrongState(volume.id + " of the " + place + " is " + volume.state +
                              "; wait until it is available, or take its tag away");
    }
    const auto* plain = std::find(std::begin(kPlainTypes), std::end(kPlainTypes), volume.type);
    if (plain == std::end(kPlainTypes)) {
      return base::WrongState(volume.id + " of the " + place + " is of type " + volume.type +
                              ", which this version cannot make again; write gp2, gp3 or standard");
    }
    instances.insert(volume.instance);
  }
  if (volumes.size() > kMostMembers) {
    return base::WrongState("there are " + std::to_string(volumes.size()) + " " + place +
                            ", and a set has at most " + std::to_string(kMostMembers) +
                            "; tell some of them apart by another tag");
  }
  if (instances.size() <= 1) return base::Ok();
  return base::WrongState("the " + place + " are not of one instance (" + VolumeList(volumes) +
                          "; attached: " + AttachedList(volumes) +
                          "), so no snapshots of one instant can be taken; attach them to one, or "
                          "make a component of each");
}

std::string VolumeList(const std::vector<Volume>& volumes) {
  std::string list;
  for (const Volume& one : volumes) {
    list += (list.empty() ? "" : ", ") + one.id + " (" + std::to_string(one.gigabytes) + " GiB)";
  }
  return list;
}

std::string AttachedList(const std::vector<Volume>& volumes) {
  std::string list;
  for (const Volume& one : volumes) {
    if (!one.instance.empty()) list += (list.empty() ? "" : ", ") + one.id + " to " + one.instance;
  }
  return list;
}

std::string VolumesPlace(const model::Ebs& ebs, const Region& region) {
  return "volumes with the tag " + ebs.tag + " in " + region.str();
}

}  // namespace leeward::steps
