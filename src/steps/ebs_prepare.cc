// Taking a set and bringing it to the other Region: again and again while the application runs, and
// once more when a planned move has ended its writes.
#include "steps/ebs.h"

namespace leeward::steps {
namespace {

using model::Ebs;

// The same in every attempt of one step of one execution, and in no other.
std::string SetName(const Work& work) {
  return work.context().execution.str() + "/" + work.step().id.str();
}

Result<SnapshotSet> TakeAndCopy(const Work& work, const Ebs& ebs) {
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  const std::string name = SetName(work);
  ASSIGN_OR_RETURN(const SnapshotSet set, EnsureSet(work, Region(from), ebs, name));
  return CopySet(work, Region(from), ebs, set);
}

std::string SetTold(const SnapshotSet& set, const Region& region) {
  return "a set of " + std::to_string(set.size) + " is complete in " + region.str() +
         ", with all that was written before " + base::FormatIso8601(*set.started);
}

}  // namespace

Result<StepOutcome> EbsCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, NeedVolumes(work, work.region(), *ebs));
  RETURN_IF_ERROR(CheckOneSet(*ebs, work.region(), volumes));
  const std::string attached = AttachedList(volumes);
  return StepOutcome{VolumeList(volumes) + (attached.empty() ? ", attached to no instance"
                                                             : ", attached: " + attached),
                     {{"volumes", std::to_string(volumes.size())}}};
}

Result<StepOutcome> EbsReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const SnapshotSet set, TakeAndCopy(work, *ebs));
  ASSIGN_OR_RETURN(const std::size_t there, PruneSets(work, Region(from), *ebs, set.name));
  ASSIGN_OR_RETURN(const std::size_t here, PruneSets(work, work.region(), *ebs, set.name));
  std::string detail = SetTold(set, work.region());
  if (there + here > 0) {
    detail += "; deleted older sets: " + std::to_string(there) + " in " + from + ", " +
              std::to_string(here) + " in " + work.region().str();
  }
  return StepOutcome{detail, {{"set", set.name}, {"started", base::FormatIso8601(*set.started)}}};
}

// Nobody has the volumes attached any more, so what the set has is all there is.
Result<StepOutcome> EbsDrainTo(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const std::vector<Volume> volumes, NeedVolumes(work, Region(from), *ebs));
  const std::string attached = AttachedList(volumes);
  if (!attached.empty()) {
    return base::WrongState("volumes are attached again in " + from + " (" + attached +
                            "), and may be written to; detach them and run the same again");
  }
  ASSIGN_OR_RETURN(const SnapshotSet set, TakeAndCopy(work, *ebs));
  return StepOutcome{
      "complete: " + SetTold(set, work.region()),
      {{"complete", "yes"}, {"set", set.name}, {"started", base::FormatIso8601(*set.started)}}};
}

}  // namespace leeward::steps
