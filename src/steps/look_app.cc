// Looks at the steps of the whole application.
#include "steps/app.h"
#include "steps/look.h"
#include "steps/rds.h"

namespace leeward::steps {
namespace {

// How many facts are new, other or gone.
std::size_t Differences(const model::Inventory& known, const model::Inventory& learned) {
  std::size_t count = 0;
  for (const auto& [fact, value] : learned.facts) {
    const auto found = known.facts.find(fact);
    if (found == known.facts.end() || found->second != value) ++count;
  }
  for (const auto& entry : known.facts) {
    if (!learned.facts.contains(entry.first)) ++count;
  }
  return count;
}

}  // namespace

// A check runs in a read-only session, also on a replica: what is false there now would be false
// on the promoted one.
Result<Finding> LookAtAppVerify(const Look& look) {
  const Work& work = look.work();
  const model::Step* made =
      look.Pending({{"rds.replicate", "rds.preserve-old", "rds.restore"}, work.region(), {}});
  if (made != nullptr) return Later(*made);
  const Result<StepOutcome> now = VerifyData(work);
  const model::Step* behind =
      look.Pending({{"rds.promote", "rds.open", "dynamodb.ready", "dynamodb.open",
                     "dynamodb.restore", "elasticache.promote", "elasticache.open", "efs.promote",
                     "efs.open", "efs.restore", "datasync.promote", "datasync.open", "ebs.promote",
                     "ebs.open", "secretsmanager.promote", "route53.confirm"},
                    {},
                    {}});
  if (behind != nullptr) {
    return Later(*behind,
                 (now.ok() ? now->detail : now.error().message()) + " in " + work.region().str());
  }
  if (!now.ok()) return now.error();
  return Pass(*now);
}

// The line is what the failover's own measures say, and rows name what is recovered.
Result<Finding> LookAtConsistency(const Look& look) {
  if (const model::Step* behind = look.Pending({})) return Later(*behind);
  const std::size_t count = look.work().application().references.size();
  return Act("would look for what the rows of " + std::to_string(count) +
             (count == 1 ? " reference name" : " references name"));
}

Result<Finding> LookAtInventory(const Look& look) {
  if (const model::Step* behind = look.Pending({})) return Later(*behind);
  const Work& work = look.work();
  ASSIGN_OR_RETURN(const model::Inventory learned, LearnInventory(work));
  const std::size_t differences = Differences(work.context().inventory, learned);
  return Act("would save " + std::to_string(learned.facts.size()) + " facts, " +
             (differences == 0 ? std::string("none") : std::to_string(differences)) +
             " of them changed since they were saved");
}

}  // namespace leeward::steps
