// What old volumes hold. They get a tag that says so and lose the one by which they are chosen, and
// stay as they are: nothing here deletes a volume.
#include "steps/ebs.h"

namespace leeward::steps {
namespace {

using model::Ebs;

Result<std::string> AsideVolumes(const Work& work, const Ebs& ebs) {
  ASSIGN_OR_RETURN(const std::vector<Volume> old, VolumesIn(work, work.region(), ebs));
  if (old.empty()) return std::string();
  RETURN_IF_ERROR(MayGoAside(work.region(), old));
  RETURN_IF_ERROR(PutVolumesAside(work, work.region(), ebs, old));
  return VolumeList(old);
}

}  // namespace

Status MayGoAside(const Region& region, const std::vector<Volume>& old) {
  const std::string attached = AttachedList(old);
  if (attached.empty()) return base::Ok();
  return base::WrongState("old volumes are attached in " + region.str() + " (" + attached +
                          "), and may be written to; detach them, then run the same command again");
}

// First the new tag: cut off between the two, they are chosen no more.
Status PutVolumesAside(const Work& work, const Region& region, const Ebs& ebs,
                       const std::vector<Volume>& volumes) {
  Value ids = Value::EmptyList();
  for (const Volume& volume : volumes) ids.list().emplace_back(volume.id);
  const std::size_t equals = ebs.tag.find('=');
  const std::string since = base::FormatIso8601(work.context().plan.made);
  const auto put = work.CallPatiently(
      region, "ec2", "CreateTags",
      Value::Struct(
          {{"Resources", ids},
           {"Tags", Value::List{Value::Struct(
                        {{"Key", kVolumeAsideTag}, {"Value", ebs.tag + " until " + since}})}}}));
  if (!put.ok()) return put.error();
  const auto taken = work.CallPatiently(
      region, "ec2", "DeleteTags",
      Value::Struct(
          {{"Resources", ids},
           {"Tags", Value::List{Value::Struct({{"Key", ebs.tag.substr(0, equals)},
                                               {"Value", ebs.tag.substr(equals + 1)}})}}}));
  return taken.ok() ? base::Ok() : Status(taken.error());
}

Result<StepOutcome> EbsPreserveOld(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::string parted, work.Parameter("parted"));
  ASSIGN_OR_RETURN(const std::string kept, AsideVolumes(work, *ebs));
  if (kept.empty()) return StepOutcome{"there are no old " + VolumesPlace(*ebs, work.region()), {}};
  return StepOutcome{kept + " are kept, with the tag " + kVolumeAsideTag +
                         "; what they alone hold was written " +
                         (parted.empty() ? "since the failover" : "after " + parted) +
                         " and is not listed: attach them to see; they are yours to delete",
                     {{"kept", kept}}};
}

Result<StepOutcome> EbsRetireOld(const Work& work) {
  ASSIGN_OR_RETURN(const Ebs* ebs, work.Component<Ebs>());
  ASSIGN_OR_RETURN(const std::string kept, AsideVolumes(work, *ebs));
  if (kept.empty()) return StepOutcome{"there are no old " + VolumesPlace(*ebs, work.region()), {}};
  return StepOutcome{kept + " are kept, with the tag " + kVolumeAsideTag +
                         "; all they hold has moved; they are yours to delete",
                     {{"kept", kept}}};
}

}  // namespace leeward::steps
