// Looks at volumes that are to be taken, measured, closed, made and put aside.
#include "steps/ebs.h"
#include "steps/look.h"

namespace leeward::steps {
namespace {

using model::Ebs;

Result<Finding> WouldTake(const Look& look, const std::string& why) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, NeedVolumes(work, Region(from), *ebs));
  RETURN_IF_ERROR(CheckOneSet(*ebs, Region(from), volumes));
  return Act("would take snapshots of " + VolumeList(volumes) + " in " + from +
             " and copy them to " + work.region().str() + why);
}

}  // namespace

Result<Finding> LookAtDisksSource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, EbsCheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtDisksReplicate(const Look& look) {
  const model::Step* behind = look.Pending({{"ebs.promote"}, {}, look.work().step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const Ebs* ebs, look.work().Component<Ebs>());
  return WouldTake(look, ", and keep the newest " + std::to_string(ebs->keep) + " sets");
}

Result<Finding> LookAtDisksMeasure(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome measured, EbsMeasure(look.work()));
  return Pass(std::move(measured));
}

// As the step itself, a fence that does not succeed is no failure: the gate judges it.
Result<Finding> LookAtDisksFence(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  const Result<std::vector<Volume>> volumes = VolumesIn(work, work.region(), *ebs);
  if (!volumes.ok()) {
    return Finding{Would::kPass,
                   "its volumes could not be asked for: " + volumes.error().message(),
                   {},
                   {{"proof", "unreachable"}}};
  }
  const std::string attached = AttachedList(*volumes);
  Finding finding = Act(attached.empty() ? "no instance has them attached"
                                         : "would wait until none is attached; now " + attached);
  finding.outputs["proof"] = attached.empty() ? "closed" : "unreachable";
  return finding;
}

Result<Finding> LookAtDisksQuiesce(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, EbsQuiesce(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtDisksDrainTo(const Look& look) { return WouldTake(look, ""); }

Result<Finding> LookAtDisksPromote(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind = look.Pending({{"ebs.drain-to"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(const std::vector<SnapshotSet> sets, SetsIn(work, work.region()));
  const SnapshotSet* newest = NewestComplete(sets);
  if (newest == nullptr) {
    return base::NotFound("no set of snapshots of " + work.step().component.str() +
                          " is complete in " + work.region().str());
  }
  return Act("would make " + std::to_string(newest->size) +
             " volumes of the set that was begun at " + base::FormatIso8601(*newest->started));
}

Result<Finding> LookAtDisksOpen(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, EbsOpen(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtDisksAside(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::vector<Volume> old, VolumesIn(work, work.region(), *ebs));
  if (old.empty()) return Nothing("there are no old " + VolumesPlace(*ebs, work.region()));
  RETURN_IF_ERROR(MayGoAside(work.region(), old));
  return Act("would keep " + VolumeList(old) + " under another tag");
}

}  // namespace leeward::steps
