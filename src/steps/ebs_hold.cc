// How old the newest complete set is; and whether anybody can still write to the volumes.
//
// A volume has no door of its own. What is sure is that nobody writes to one that is attached to no
// instance. Leeward detaches nothing and ends no instance: a device that is taken from a mounted
// file system loses what was not written yet.
#include "decide/decide.h"
#include "steps/ebs.h"
#include "steps/promoted.h"

namespace leeward::steps {
namespace {

using model::Ebs;

StepOutcome BoundOfSet(const Work& work, const Ebs& ebs, const SnapshotSet* newest) {
  model::StoreLag lag;
  lag.component = work.step().component;
  lag.read_at = work.tools().clock.Now();
  if (newest != nullptr) lag.newest_visible = newest->started;
  const decide::LossBound bound = decide::BoundOf(lag, lag.read_at, work.limits().clock_margin);
  StepOutcome outcome;
  outcome.outputs["read_at"] = base::FormatIso8601(lag.read_at);
  outcome.outputs["clock_margin_ns"] = std::to_string(work.limits().clock_margin.count());
  if (!bound.bound) {
    outcome.detail = "unknown: no set of snapshots is complete in " + work.region().str();
    return outcome;
  }
  outcome.outputs["bound_ns"] = std::to_string(bound.bound->count());
  outcome.outputs["newest_visible"] = base::FormatIso8601(*newest->started);
  outcome.outputs["source"] = "newest complete set";
  outcome.outputs["set"] = newest->name;
  outcome.detail = "at most " + base::HumanDuration(*bound.bound) +
                   " of writes, by the start of the newest set that is complete";
  if (*bound.bound > ebs.every) {
    outcome.detail += "; the spec promises one every " + base::FormatDuration(ebs.every) +
                      ", so whatever runs `leeward protect` is behind";
  }
  return outcome;
}

std::string StillAttached(const std::string& attached, const Region& region) {
  return "still attached in " + region.str() + ": " + attached;
}

}  // namespace

Result<StepOutcome> EbsMeasure(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, VolumesIn(work, work.region(), *ebs));
  if (!AttachedList(volumes).empty())
    return TakesWritesAlready(work, VolumesPlace(*ebs, work.region()));
  ASSIGN_OR_RETURN(const std::vector<SnapshotSet> sets, SetsIn(work, work.region()));
  return Measurable(work, BoundOfSet(work, *ebs, NewestComplete(sets)));
}

// What does not succeed is no failure: the gate judges it.
Result<StepOutcome> EbsFence(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  const Region& region = work.region();
  const auto closed = work.Await<bool>(
      "the " + VolumesPlace(*ebs, region) + " to be attached to no instance", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const std::vector<Volume> volumes, VolumesIn(work, region, *ebs));
        if (!AttachedList(volumes).empty()) return std::optional<bool>();
        return std::optional<bool>(true);
      });
  if (closed.ok()) {
    return StepOutcome{"no instance has them attached", {{"proof", "closed"}}};
  }
  if (closed.error().code() == base::ErrorCode::kCancelled) return closed.error();
  return StepOutcome{"instances may still write: " + closed.error().message(),
                     {{"proof", "unreachable"}}};
}

Result<StepOutcome> EbsQuiesce(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, NeedVolumes(work, work.region(), *ebs));
  const std::string attached = AttachedList(volumes);
  if (!attached.empty()) {
    return base::WrongState(StillAttached(attached, work.region()) +
                            "; stop what writes, unmount and detach them (aws ec2 detach-volume), "
                            "then run the same command again");
  }
  const base::WallTime end = work.tools().clock.Now();
  return StepOutcome{"no instance has them attached",
                     {{"final_ns", std::to_string(end.since_epoch.count())}, {"proof", "closed"}}};
}

Result<StepOutcome> EbsOpen(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, NeedVolumes(work, work.region(), *ebs));
  return StepOutcome{VolumeList(volumes) + " are where they were; attach them again", {}};
}

}  // namespace leeward::steps
