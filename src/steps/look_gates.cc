// Looks at gates: they are asked for real, with what is known by now.
#include "steps/approval.h"
#include "steps/gates.h"
#include "steps/look.h"

namespace leeward::steps {
namespace {

// What the gate would say if every step it rests on came out as well as it can now.
Result<StepOutcome> AtBest(const Look& look) {
  const Work& work = look.work();
  std::map<std::string, std::string> hoped = work.context().outputs;
  for (const auto& [step, found] : look.findings()) {
    for (const auto& [name, value] : found.outputs) hoped[step.str() + "." + name] = value;
  }
  const ports::StepContext& real = work.context();
  const ports::StepContext context{real.application, real.inventory, real.plan,
                                   real.step,        hoped,          real.attempt,
                                   real.deadline,    real.cancelled, real.progress};
  return ProveFence(Work(context, work.shared()));
}

Result<Finding> WouldAsk(const Work& work, const std::string& what) {
  ASSIGN_OR_RETURN(const std::int64_t people, work.IntParameter("approval-people"));
  ASSIGN_OR_RETURN(const std::int64_t within, work.IntParameter("approval-within-ns"));
  return Act("would wait up to " + base::HumanDuration(base::Duration(within)) + " for " +
             std::to_string(people) + (people == 1 ? " person" : " people") +
             " to approve: " + what);
}

}  // namespace

Result<Finding> LookAtGateLoss(const Look& look) {
  const model::Step* measure =
      look.Pending({{"rds.measure", "rds.measure-backup", "dynamodb.measure",
                     "dynamodb.measure-backup", "elasticache.measure", "efs.measure",
                     "efs.measure-backup", "datasync.measure", "ebs.measure"},
                    {},
                    {}});
  if (measure != nullptr) return Later(*measure);
  ASSIGN_OR_RETURN(const decide::GateAnswer answer, JudgeLoss(look.work()));
  if (answer.answer == decide::Answer::kPass) return Pass({answer.reason, {}});
  if (answer.answer != decide::Answer::kAsk || !AsksPeople(look.work())) {
    return base::Refused(answer.reason);
  }
  return WouldAsk(look.work(), answer.what);
}

Result<Finding> LookAtFinalLoss(const Look& look) {
  const model::Step* before = look.Pending({{}, {}, {}});
  if (before != nullptr) return Later(*before);
  ASSIGN_OR_RETURN(const decide::GateAnswer answer, JudgeFinalLoss(look.work()));
  if (answer.answer == decide::Answer::kPass) return Pass({answer.reason, {}});
  if (answer.answer != decide::Answer::kAsk || !AsksPeople(look.work()))
    return base::Refused(answer.reason);
  return WouldAsk(look.work(), answer.what);
}

Result<Finding> LookAtApproval(const Look& look) { return WouldAsk(look.work(), "the move"); }

Result<Finding> LookAtFenceProof(const Look& look) {
  Result<StepOutcome> now = ProveFence(look.work());
  if (now.ok()) return Pass(*std::move(now));
  const model::Step* behind =
      look.Pending({{"rds.fence", "dynamodb.fence", "elasticache.fence", "efs.fence",
                     "datasync.fence", "ebs.fence", "lease.take"},
                    {},
                    {}});
  const Result<StepOutcome> best = AtBest(look);
  if (behind == nullptr || !best.ok()) return now.error();
  Finding later = Later(*behind);
  later.detail += "; it passes if that comes out as it stands now";
  return later;
}

}  // namespace leeward::steps
