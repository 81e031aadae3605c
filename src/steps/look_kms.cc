// Looks at multi-Region keys.
#include "steps/kms.h"
#include "steps/look.h"

namespace leeward::steps {

Result<Finding> LookAtKeySource(const Look& look) {
  ASSIGN_OR_RETURN(StepOutcome found, KmsCheckSource(look.work()));
  return Pass(std::move(found));
}

Result<Finding> LookAtKeyReplicate(const Look& look) {
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Kms* kms, work.Component<model::Kms>());
  ASSIGN_OR_RETURN(const std::string from, work.Parameter("source-region"));
  ASSIGN_OR_RETURN(const KeyTold source, NeedMultiRegionKey(work, Region(from), kms->key));
  ASSIGN_OR_RETURN(const std::optional<KeyTold> here, FindKey(work, work.region(), source.id));
  if (!here)
    return Act("would replicate " + KeyPlace(kms->key, Region(from)) + " to " +
               work.region().str());
  ASSIGN_OR_RETURN(const std::optional<KeyTold> named, FindKey(work, work.region(), kms->key));
  if (!named) return Act("would make " + kms->key + " in " + work.region().str());
  return Nothing(here->id + " is there, and is " + here->state);
}

Result<Finding> LookAtKeyReady(const Look& look) {
  const Work& work = look.work();
  const model::Step* behind = look.Pending({{"kms.replicate"}, {}, work.step().component});
  if (behind != nullptr) return Later(*behind);
  ASSIGN_OR_RETURN(StepOutcome found, KmsReady(work));
  return Pass(std::move(found));
}

}  // namespace leeward::steps
