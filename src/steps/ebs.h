// Steps of the component kind `ebs`, and what they share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/application.h"
#include "steps/work.h"

namespace leeward::steps {

// ebs_prepare.cc
Result<StepOutcome> EbsCheckSource(const Work& work);
Result<StepOutcome> EbsReplicate(const Work& work);
Result<StepOutcome> EbsDrainTo(const Work& work);
// ebs_hold.cc
Result<StepOutcome> EbsMeasure(const Work& work);
Result<StepOutcome> EbsFence(const Work& work);
Result<StepOutcome> EbsQuiesce(const Work& work);
Result<StepOutcome> EbsOpen(const Work& work);
// ebs_promote.cc
Result<StepOutcome> EbsPromote(const Work& work);
// ebs_aside.cc
Result<StepOutcome> EbsPreserveOld(const Work& work);
Result<StepOutcome> EbsRetireOld(const Work& work);

// Tags that Leeward gives to snapshots and volumes.
inline constexpr char kComponentTag[] = "leeward:component";  // "shop/disks"
inline constexpr char kSetTag[] = "leeward:set";              // the set's name
inline constexpr char kSetSizeTag[] = "leeward:set-size";     // its members
inline constexpr char kStartedTag[] = "leeward:started";      // of a copy: the set's instant
inline constexpr char kVolumeTag[] = "leeward:volume";        // of a copy: the volume it is of
inline constexpr char kDeviceTag[] = "leeward:device";        // that volume's device
inline constexpr char kTypeTag[] = "leeward:type";            // and type
inline constexpr char kExecutionTag[] = "leeward:execution";  // that made a volume
inline constexpr char kVolumeAsideTag[] = "leeward:aside";    // put aside, and since when

// The value of a tag; empty: none.
std::string TagOf(const Value& told, std::string_view key);

struct Volume {
  std::string id, state, type, zone;
  std::int64_t gigabytes = 0;
  bool encrypted = false;
  std::string instance, device;  // empty: attached to none
  // That Leeward made it of, the volume that was of, and in which execution; empty: of none.
  std::string set, source, execution;
  bool aside = false;
};
Volume ReadVolume(const Value& told);

// A member of a set: a snapshot in one Region.
struct Member {
  std::string id, state, message, volume;
  std::int64_t gigabytes = 0;
  bool encrypted = false;
  std::string device, type;
};
struct SnapshotSet {
  std::string name;
  std::size_t size = 0;                   // how many members make it whole
  std::optional<base::WallTime> started;  // all that was written before is in it
  std::vector<Member> members;
  bool Complete() const;
};
// Of an answer of DescribeSnapshots; the oldest first.
std::vector<SnapshotSet> ReadSets(const Value& answer);
// The newest that is complete; nullptr: none is.
const SnapshotSet* NewestComplete(const std::vector<SnapshotSet>& sets);

// Inputs of DescribeVolumes and DescribeSnapshots.
Value VolumesWith(const model::Ebs& ebs);
Value SnapshotsOf(const model::ApplicationName& application, const model::ComponentName& component);

// Those that have the tag and are neither going nor put aside.
std::vector<Volume> Chosen(const Value& answer);
Result<std::vector<Volume>> VolumesIn(const Work& work, const Region& region,
                                      const model::Ebs& ebs);
Result<std::vector<Volume>> NeedVolumes(const Work& work, const Region& region,
                                        const model::Ebs& ebs);
Result<std::vector<SnapshotSet>> SetsIn(const Work& work, const Region& region);
// kWrongState: they cannot be taken as one set, or not be made again.
Status CheckOneSet(const model::Ebs& ebs, const Region& region, const std::vector<Volume>& volumes);

// ebs_sets.cc
// Takes the named set of a Region's volumes, or finds it, and waits until it is completed there.
Result<SnapshotSet> EnsureSet(const Work& work, const Region& region, const model::Ebs& ebs,
                              const std::string& name);
// Copies it to the step's Region, and waits until it is complete there.
Result<SnapshotSet> CopySet(const Work& work, const Region& from, const model::Ebs& ebs,
                            const SnapshotSet& set);
// Deletes older sets than are to be kept; how many.
Result<std::size_t> PruneSets(const Work& work, const Region& region, const model::Ebs& ebs,
                              const std::string& newest);

// ebs_aside.cc
// kWrongState: an instance has them attached.
Status MayGoAside(const Region& region, const std::vector<Volume>& old);
// Gives the volumes another tag; "vol-1 (8 GiB), vol-2 (1 GiB)".
Status PutVolumesAside(const Work& work, const Region& region, const model::Ebs& ebs,
                       const std::vector<Volume>& volumes);
std::string VolumeList(const std::vector<Volume>& volumes);
// "vol-1 of i-1" of those that are attached; empty: none is.
std::string AttachedList(const std::vector<Volume>& volumes);

// "volumes app=shop in us-west-2".
std::string VolumesPlace(const model::Ebs& ebs, const Region& region);

}  // namespace leeward::steps
