// New volumes of the newest complete set. Each is asked for with a token of its own, and carries
// the set's name, so that a run that was cut off goes on with the same set.
#include <algorithm>

#include "base/bytes.h"
#include "steps/ebs.h"

namespace leeward::steps {
namespace {

using model::Ebs;

constexpr std::size_t kTokenDigits = 40;  // of at most 64

class VolumesOfSet {
 public:
  VolumesOfSet(const Work& work, const Ebs& ebs) : work_(work), ebs_(ebs) {}

  Result<StepOutcome> Run() {
    const base::MonotonicTime begin = work_.tools().clock.Monotonic();
    ASSIGN_OR_RETURN(std::vector<Volume> here, VolumesIn(work_, work_.region(), ebs_));
    ASSIGN_OR_RETURN(const SnapshotSet set, Choose(here));
    RETURN_IF_ERROR(MakeRoom(set, here));
    std::size_t made = 0;
    for (const Member& member : set.members) {
      if (IsThere(here, set, member)) continue;
      RETURN_IF_ERROR(Make(set, member));
      ++made;
    }
    ASSIGN_OR_RETURN(const std::vector<Volume> ready, AwaitAvailable(set));
    const base::Duration took = work_.tools().clock.Monotonic() - begin;
    return StepOutcome{VolumeList(ready) + " have all that was written before " +
                           base::FormatIso8601(*set.started) + ", " + base::HumanDuration(took) +
                           Aside(),
                       {{"how", made == 0 ? "already" : "made"},
                        {"promoted_at", base::FormatIso8601(work_.tools().clock.Now())},
                        {"set", set.name},
                        {"parted", base::FormatIso8601(*set.started)}}};
  }

 private:
  std::string Aside() const { return aside_.empty() ? "" : "; kept and put aside here: " + aside_; }

  // The set of a planned move; else that of which an earlier run has begun to make volumes for this
  // execution; else the newest.
  Result<SnapshotSet> Choose(const std::vector<Volume>& here) const {
    ASSIGN_OR_RETURN(const std::vector<SnapshotSet> sets, SetsIn(work_, work_.region()));
    std::string name = work_.Output("ebs.drain-to", "set");
    if (name.empty()) {
      for (const Volume& volume : here) {
        if (volume.execution == execution()) name = volume.set;
      }
    }
    const auto named = std::find_if(sets.begin(), sets.end(),
                                    [&](const SnapshotSet& set) { return set.name == name; });
    if (named != sets.end() && named->Complete()) return *named;
    const SnapshotSet* newest = NewestComplete(sets);
    if (newest != nullptr && work_.Output("ebs.drain-to", "set").empty()) return *newest;
    return base::NotFound("no set of snapshots of " + work_.step().component.str() +
                          " is complete in " + work_.region().str() +
                          "; there is nothing to make volumes of");
  }

  const std::string& execution() const { return work_.context().execution.str(); }
  // What an earlier execution made of the same set may have been written to since.
  bool IsOf(const Volume& volume, const SnapshotSet& set) const {
    return volume.set == set.name && volume.execution == execution();
  }

  // What has the tag and is of no use now is kept under another one; what is in use is not touched.
  Status MakeRoom(const SnapshotSet& set, const std::vector<Volume>& here) {
    std::vector<Volume> others;
    for (const Volume& volume : here) {
      if (!IsOf(volume, set)) others.push_back(volume);
    }
    if (others.empty()) return base::Ok();
    const std::string attached = AttachedList(others);
    if (!attached.empty()) {
      return base::WrongState("other " + VolumesPlace(ebs_, work_.region()) + " are in use (" +
                              attached + "); detach them, then run the same command again");
    }
    aside_ = VolumeList(others);
    return PutVolumesAside(work_, work_.region(), ebs_, others);
  }

  bool IsThere(const std::vector<Volume>& here, const SnapshotSet& set,
               const Member& member) const {
    return std::any_of(here.begin(), here.end(), [&](const Volume& one) {
      return IsOf(one, set) && one.source == member.volume && one.state != "error";
    });
  }

  Status Make(const SnapshotSet& set, const Member& member) const {
    const std::size_t equals = ebs_.tag.find('=');
    const auto tag = [](const std::string& key, const std::string& value) {
      return Value::Struct({{"Key", key}, {"Value", value}});
    };
    Value::List tags = {tag(ebs_.tag.substr(0, equals), ebs_.tag.substr(equals + 1)),
                        tag(kSetTag, set.name), tag(kVolumeTag, member.volume),
                        tag(kExecutionTag, execution())};
    if (!member.device.empty()) tags.push_back(tag(kDeviceTag, member.device));
    Value input = Value::Struct(
        {{"AvailabilityZone", work_.region().str() + ebs_.zone},
         {"SnapshotId", member.id},
         {"TagSpecifications",
          Value::List{Value::Struct({{"ResourceType", "volume"}, {"Tags", std::move(tags)}})}},
         {"ClientToken",
          base::Sha256Hex(execution() + set.name + member.id).substr(0, kTokenDigits)}});
    if (!member.type.empty()) input.Set("VolumeType", member.type);
    const auto made = work_.CallPatiently(work_.region(), "ec2", "CreateVolume", input);
    return made.ok() ? base::Ok() : Status(made.error());
  }

  Result<std::vector<Volume>> AwaitAvailable(const SnapshotSet& set) const {
    return work_.Await<std::vector<Volume>>(
        "the new " + VolumesPlace(ebs_, work_.region()), work_.ApiPace(),
        [&]() -> Result<std::optional<std::vector<Volume>>> {
          ASSIGN_OR_RETURN(std::vector<Volume> now, VolumesIn(work_, work_.region(), ebs_));
          std::erase_if(now, [&](const Volume& one) { return !IsOf(one, set); });
          for (const Volume& one : now) {
            if (one.state == "error") {
              return base::WrongState("volume " + one.id + " in " + work_.region().str() +
                                      " could not be made; delete it and run the same again");
            }
          }
          const bool ready =
              now.size() >= set.size && std::all_of(now.begin(), now.end(), [](const Volume& one) {
                return one.state == "available" || one.state == "in-use";
              });
          if (!ready) return std::optional<std::vector<Volume>>();
          return std::optional<std::vector<Volume>>(std::move(now));
        });
  }

  const Work& work_;
  const Ebs& ebs_;
  std::string aside_;
};

}  // namespace

Result<StepOutcome> EbsPromote(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  return VolumesOfSet(work, *ebs).Run();
}

}  // namespace leeward::steps
