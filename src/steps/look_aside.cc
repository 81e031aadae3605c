// Looks at old writers that are to be put aside.
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {

Result<Finding> LookAtPreserveOld(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  const std::string aside = AsideName(work, rds->instance, "before");
  ASSIGN_OR_RETURN(const std::optional<Instance> old, NotYetAside(work, *rds, aside));
  if (!old) return Nothing("there is no old writer in " + work.region().str());
  if (IsReplicaFrom(*old, Region(writer))) {
    return Nothing("follows " + writer + " already; there is no old writer to keep");
  }
  return Act("would " + std::string(old->status == "stopped" ? "" : "close and ") + "rename " +
             rds->instance + ", which is " + old->status + ", to " + aside);
}

Result<Finding> LookAtLateWrites(const Look& look) {
  const Work& work = look.work();
  const model::Step* keep = look.Pending({{"rds.preserve-old"}, {}, work.step().component});
  if (keep != nullptr) return Later(*keep);
  const std::string kept = work.Output("rds.preserve-old", "old_instance");
  if (!kept.empty()) return Act("would compare " + kept + " with the new writer");
  return Nothing("there is no old writer to look through");
}

Result<Finding> LookAtRetireOld(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Rds* rds, work.Component<model::Rds>());
  ASSIGN_OR_RETURN(const std::string writer, work.Parameter("writer-region"));
  const std::string aside = AsideName(work, rds->instance, "retired");
  ASSIGN_OR_RETURN(const std::optional<Instance> old, NotYetAside(work, *rds, aside));
  if (!old) return Nothing("there is no old writer in " + work.region().str());
  if (IsReplicaFrom(*old, Region(writer))) {
    return Nothing("follows " + writer + " already; there is nothing to set aside");
  }
  // Nothing is set aside before its last write is proven to be elsewhere.
  const model::Step* promote =
      look.Pending({{"rds.promote", "rds.open"}, {}, work.step().component});
  if (promote != nullptr) return Later(*promote, rds->instance + " is " + old->status);
  return Act("would close, rename to " + aside + " and stop " + rds->instance + ", which is " +
             old->status);
}

}  // namespace leeward::steps
