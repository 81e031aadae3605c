#include "steps/gates.h"

#include <algorithm>
#include <charconv>

#include "decide/decide.h"
#include "model/names.h"
#include "steps/approval.h"

namespace leeward::steps {
namespace {

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string OutputOf(const Work& work, const std::string& step, const char* name) {
  const auto found = work.context().outputs.find(step + "." + name);
  return found == work.context().outputs.end() ? "" : found->second;
}

model::ComponentName ComponentOf(const Work& work, const std::string& step) {
  const model::Step* found = work.context().plan.Find(model::StepId(step));
  return found == nullptr ? model::ComponentName() : found->component;
}

std::optional<base::Duration> Nanoseconds(const std::string& text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return base::Duration(count);
}

// The parameter when the plan has it; absent otherwise.
std::string Optional(const Work& work, const std::string& name) {
  const auto found = work.step().parameters.find(name);
  return found == work.step().parameters.end() ? "" : found->second;
}

// `ask` without anybody to ask is a no whose reason says how to say yes.
Result<StepOutcome> Say(const decide::GateAnswer& answer) {
  if (answer.answer != decide::Answer::kPass) return base::Refused(answer.reason);
  return StepOutcome{answer.reason, {{"reason", answer.reason}}};
}

// The old Region may take writes while people think, so what they accept grows with the time that
// they take.
std::string LossQuestion(const decide::GateAnswer& answer) {
  return answer.what + " (and what is written while this is waited for)";
}

}  // namespace

Result<decide::GateAnswer> JudgeLoss(const Work& work) {
  ASSIGN_OR_RETURN(const std::string measures, work.Parameter("measures"));
  std::vector<decide::LossBound> bounds;
  for (const std::string& measure : SplitList(measures)) {
    if (OutputOf(work, measure, "already_promoted") == "yes") continue;
    bounds.push_back(
        {ComponentOf(work, measure), Nanoseconds(OutputOf(work, measure, "bound_ns"))});
  }
  decide::LossTerms terms;
  terms.budget = work.application().objectives.rpo;
  terms.policy = work.application().failover.when_loss_over_rpo;
  terms.accepted = Nanoseconds(Optional(work, "accept-loss-ns"));
  return decide::LossGate(bounds, terms);
}

Result<StepOutcome> GateLoss(const Work& work) {
  ASSIGN_OR_RETURN(const decide::GateAnswer answer, JudgeLoss(work));
  if (answer.answer != decide::Answer::kAsk || !AsksPeople(work)) return Say(answer);
  return AwaitApproval(work, LossQuestion(answer));
}

Result<StepOutcome> GateApproval(const Work& work) {
  const model::Plan& plan = work.context().plan;
  return AwaitApproval(work, std::string(model::Name(plan.action)) + " of " +
                                 plan.application.str() + " from " + plan.from.str() + " to " +
                                 plan.to.str() + " (" + plan.reason + ")");
}

Result<StepOutcome> GateFenceProof(const Work& work) {
  decide::FenceEvidence evidence;
  ASSIGN_OR_RETURN(const std::string old_region, work.Parameter("old-region"));
  evidence.old_region = Region(old_region);
  std::map<std::string, decide::OldWriter> fenced;
  for (const std::string& fence : SplitList(Optional(work, "fences"))) {
    const bool closed = OutputOf(work, fence, "proof") == "closed";
    fenced[ComponentOf(work, fence).str()] =
        closed ? decide::OldWriter::kClosed : decide::OldWriter::kUnreachable;
  }
  const std::vector<std::string> open = SplitList(Optional(work, "without-door"));
  ASSIGN_OR_RETURN(const std::string stores, work.Parameter("stores"));
  for (const std::string& store : SplitList(stores)) {
    const auto found = fenced.find(store);
    const bool guarded = std::find(open.begin(), open.end(), store) == open.end();
    evidence.stores.push_back({model::ComponentName(store),
                               found == fenced.end() ? decide::OldWriter::kNotTried : found->second,
                               guarded});
  }
  if (const std::string take = Optional(work, "lease"); !take.empty()) {
    decide::LeaseGround& lease = evidence.lease.emplace();
    lease.ground = OutputOf(work, take, "ground");
    lease.from = Region(OutputOf(work, take, "from"));
    lease.from_epoch = OutputOf(work, take, "from_epoch");
    lease.epoch = OutputOf(work, take, "epoch");
  }
  evidence.override_text = Optional(work, "override");
  const auto killed_at = Nanoseconds(Optional(work, "killed-at-ns"));
  if (killed_at) {
    evidence.killed =
        decide::KilledByDrill{Region(Optional(work, "killed-region")), base::WallTime{*killed_at}};
  }
  return Say(decide::FenceProof(evidence));
}

}  // namespace leeward::steps
