// FakeDisks: EBS in two Regions as far as the steps of volumes see it: volumes without bytes,
// snapshots that are completed after they have been looked at a few times, tags, and instances that
// are an id alone.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "steps/ebs.h"
#include "steps/testing/shop.h"

namespace leeward::steps::testing {

class FakeDisks {
 public:
  using Tags = std::map<std::string, std::string>;
  struct Disk {
    std::string id, region, instance, device, state = "available", type = "gp3";
    std::int64_t gigabytes = 8;
    Tags tags = {};
    std::string of = {};  // the snapshot it was made of
    int looks = 0;        // until it is available
  };
  struct Shot {
    std::string id, region, volume, state;
    base::WallTime started;
    Tags tags;
    int looks = 1;  // until it is completed
  };

  explicit FakeDisks(Shop& shop) : shop_(shop) {
    On("DescribeVolumes", &FakeDisks::DescribeVolumes);
    On("DescribeSnapshots", &FakeDisks::DescribeSnapshots);
    On("CreateSnapshots", &FakeDisks::CreateSnapshots);
    On("CreateSnapshot", &FakeDisks::CreateSnapshot);
    On("CopySnapshot", &FakeDisks::CopySnapshot);
    On("DeleteSnapshot", &FakeDisks::DeleteSnapshot);
    On("CreateVolume", &FakeDisks::CreateVolume);
    On("CreateTags", &FakeDisks::CreateTags);
    On("DeleteTags", &FakeDisks::DeleteTags);
  }

  // `tag` is of the component's volumes.
  void Add(Disk disk) {
    disk.tags["app"] = "disks";
    disks.push_back(std::move(disk));
  }
  Disk& Of(const std::string& id) {
    const auto found =
        std::find_if(disks.begin(), disks.end(), [&](const Disk& one) { return one.id == id; });
    CHECK_MSG(found != disks.end(), id.c_str());
    return *found;
  }
  // Two volumes of one instance at home, and a third of it that is no part of the component.
  void MakeHome() {
    Add({"vol-1", kHome, "i-1", "/dev/sdf"});
    Add({"vol-2", kHome, "i-1", "/dev/sdg"});
    disks.push_back({"vol-root", kHome, "i-1", "/dev/sda1"});
    Of("vol-2").gigabytes = 1;
    Of("vol-2").type = "gp2";
  }
  void Detach() {
    for (Disk& disk : disks) disk.instance = disk.device = "";
  }
  std::vector<const Shot*> ShotsIn(const std::string& region) const {
    std::vector<const Shot*> found;
    for (const Shot& one : shots) {
      if (one.region == region) found.push_back(&one);
    }
    return found;
  }
  std::vector<const Disk*> ChosenIn(const std::string& region) const {
    std::vector<const Disk*> found;
    for (const Disk& one : disks) {
      if (one.region == region && one.tags.contains("app")) found.push_back(&one);
    }
    return found;
  }

  static constexpr char kHome[] = "us-east-1", kRecovery[] = "us-west-2";
  std::vector<Disk> disks;
  std::vector<Shot> shots;
  std::set<std::string> dark;
  bool fails = false;  // snapshots do, from now on

 private:
  void On(const std::string& operation, Result<Value> (FakeDisks::*answer)(const SeenCall& call)) {
    shop_.aws.On("ec2:" + operation, [this, answer](const SeenCall& call) -> Result<Value> {
      if (dark.contains(call.options.region)) return base::Unreachable("no answer in 1.0 s");
      return (this->*answer)(call);
    });
  }
  static base::Error Absent(const std::string& name) {
    return base::Error(base::ErrorCode::kNotFound, "ec2: " + name).WithServiceCode(name);
  }
  static Tags TagsOf(const Value& input) {
    Tags tags;
    for (const Value& specification : input.Items("TagSpecifications")) {
      for (const Value& tag : specification.Items("Tags"))
        tags[std::string(tag.String("Key"))] = tag.String("Value");
    }
    return tags;
  }
  static Value Told(const Tags& tags) {
    Value::List told;
    for (const auto& [key, value] : tags)
      told.push_back(Value::Struct({{"Key", key}, {"Value", value}}));
    return told;
  }
  static bool Matches(const Value& input, const Tags& tags, const std::string& instance) {
    return std::ranges::all_of(input.Items("Filters"), [&](const Value& filter) {
      const std::string name(filter.String("Name"));
      std::string has = instance;
      if (name.starts_with("tag:")) {
        const auto found = tags.find(name.substr(4));
        if (found == tags.end()) return false;
        has = found->second;
      }
      return std::ranges::any_of(filter.Items("Values"),
                                 [&](const Value& value) { return value.str() == has; });
    });
  }

  Result<Value> DescribeVolumes(const SeenCall& call) {
    Value::List told;
    for (Disk& disk : disks) {
      if (disk.region != call.options.region || !Matches(call.input, disk.tags, disk.instance))
        continue;
      if (disk.state == "creating" && --disk.looks <= 0) disk.state = "available";
      Value one = Value::Struct({{"VolumeId", disk.id},
                                 {"State", disk.state},
                                 {"VolumeType", disk.type},
                                 {"Size", disk.gigabytes},
                                 {"Tags", Told(disk.tags)}});
      if (!disk.instance.empty()) {
        one.Set(
            "Attachments",
            Value::List{Value::Struct({{"InstanceId", disk.instance}, {"Device", disk.device}})});
      }
      told.push_back(std::move(one));
    }
    return Value::Struct({{"Volumes", told}});
  }
  Result<Value> DescribeSnapshots(const SeenCall& call) {
    Value::List told;
    for (Shot& shot : shots) {
      if (shot.region != call.options.region || !Matches(call.input, shot.tags, "")) continue;
      if (shot.state == "pending" && --shot.looks <= 0) shot.state = fails ? "error" : "completed";
      told.push_back(Value::Struct({{"SnapshotId", shot.id},
                                    {"VolumeId", shot.volume},
                                    {"State", shot.state},
                                    {"StartTime", shot.started},
                                    {"Tags", Told(shot.tags)}}));
    }
    return Value::Struct({{"Snapshots", told}});
  }
  Value Take(const std::string& region, const std::string& volume, const Value& input,
             base::WallTime at) {
    const std::string id = "snap-" + std::to_string(++made_);
    shots.push_back({id, region, volume, "pending", at, TagsOf(input)});
    return Value::Struct({{"SnapshotId", id}});
  }
  Result<Value> CreateSnapshots(const SeenCall& call) {
    const Value& specification = call.input.Sub("InstanceSpecification");
    const Value::List& excluded = specification.Items("ExcludeDataVolumeIds");
    const base::WallTime at = shop_.clock.Now();
    Value::List told;
    for (const Disk& disk : disks) {
      if (disk.region != call.options.region || disk.instance.empty() ||
          disk.instance != specification.String("InstanceId"))
        continue;
      if (std::ranges::any_of(excluded, [&](const Value& one) { return one.str() == disk.id; }))
        continue;
      told.push_back(Take(disk.region, disk.id, call.input, at));
    }
    if (told.empty()) return Absent("InvalidInstanceID.NotFound");
    return Value::Struct({{"Snapshots", told}});
  }
  Result<Value> CreateSnapshot(const SeenCall& call) {
    return Take(call.options.region, std::string(call.input.String("VolumeId")), call.input,
                shop_.clock.Now());
  }
  // As EC2's, a copy is of a volume that there is not.
  Result<Value> CopySnapshot(const SeenCall& call) {
    const auto source = std::ranges::find_if(shots, [&](const Shot& one) {
      return one.region == call.input.String("SourceRegion") &&
             one.id == call.input.String("SourceSnapshotId");
    });
    if (source == shots.end()) return Absent("InvalidSnapshot.NotFound");
    return Take(call.options.region, "vol-ffffffff", call.input, shop_.clock.Now());
  }
  Result<Value> DeleteSnapshot(const SeenCall& call) {
    const std::size_t gone = std::erase_if(shots, [&](const Shot& one) {
      return one.region == call.options.region && one.id == call.input.String("SnapshotId");
    });
    if (gone == 0) return Absent("InvalidSnapshot.NotFound");
    return Value::Struct();
  }
  Result<Value> CreateVolume(const SeenCall& call) {
    const std::string& region = call.options.region;
    const std::string of(call.input.String("SnapshotId"));
    const bool there = std::ranges::any_of(
        shots, [&](const Shot& one) { return one.region == region && one.id == of; });
    if (!there) return Absent("InvalidSnapshot.NotFound");
    Disk disk{"vol-new" + std::to_string(++made_), region};
    disk.state = "creating";
    disk.type = call.input.String("VolumeType", "gp2");
    disk.tags = TagsOf(call.input);
    disk.of = of;
    disk.looks = 1;
    disks.push_back(std::move(disk));
    return Value::Struct({{"VolumeId", disks.back().id}});
  }
  Result<Value> CreateTags(const SeenCall& call) {
    for (const Value& id : call.input.Items("Resources")) {
      for (const Value& tag : call.input.Items("Tags"))
        Of(id.str()).tags[std::string(tag.String("Key"))] = tag.String("Value");
    }
    return Value::Struct();
  }
  Result<Value> DeleteTags(const SeenCall& call) {
    for (const Value& id : call.input.Items("Resources")) {
      for (const Value& tag : call.input.Items("Tags"))
        Of(id.str()).tags.erase(std::string(tag.String("Key")));
    }
    return Value::Struct();
  }

  Shop& shop_;
  int made_ = 0;
};

}  // namespace leeward::steps::testing
