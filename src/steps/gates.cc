#include "steps/gates.h"

#include <algorithm>
#include <charconv>

#include "decide/decide.h"
#include "model/names.h"
#include "steps/approval.h"
#include "steps/lease.h"
#include "steps/promoted.h"

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

// What people who approved of `bound` accepted by that: what was written since it was measured too,
// and what can be in the lives of the lease that a fence takes at most while its holder is alive.
base::Duration Accepted(const Work& work, base::Duration bound) {
  constexpr int kFenceTakes = kLeaseWaits;
  const base::WallTime now = work.tools().clock.Now();
  base::WallTime measured = now;
  for (const std::string& measure : SplitList(Optional(work, "measures"))) {
    const auto read = base::ParseIso8601(OutputOf(work, measure, "read_at"));
    if (read.ok()) measured = std::min(measured, *read);
  }
  return bound + (now - measured) + kFenceTakes * work.application().failover.lease;
}

std::string WhileHeld(const Work& work) {
  return work.context().plan.from.str() +
         " is fenced and nothing is promoted, so nobody writes until this is decided";
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

// What is closed, stopped and taken by now, and what can be done about it; empty: nothing was
// tried, so all is as it was.
std::string WhatTheFenceDid(const Work& work) {
  const model::Plan& plan = work.context().plan;
  const std::string from = plan.from.str();
  std::vector<std::string> did;
  bool tried = false;
  for (const model::Step& step : plan.steps) {
    if (step.phase != model::Phase::kFence || step.id == work.step().id) continue;
    tried = true;
    const std::string proof = OutputOf(work, step.id.str(), "proof");
    if (proof == "closed") did.push_back(step.component.str() + " is closed in " + from);
    if (proof == "asked") did.push_back(step.component.str() + " is told to stop in " + from);
    const std::string epoch = OutputOf(work, step.id.str(), "epoch");
    if (!epoch.empty()) did.push_back("the lease is " + plan.to.str() + "'s, epoch " + epoch);
  }
  if (!tried) return "";
  const std::string what = did.empty() ? "nothing is known to be closed in " + from : Joined(did);
  return what + ", and nothing is promoted: `leeward " + std::string(model::Name(plan.action)) +
         "` again tries once more what did not answer, `leeward abandon` gives it up and says how "
         "to open again what is closed";
}

constexpr char kFenceProof[] = "gate.fence-proof";
constexpr char kNoWritesAfter[] = "no_writes_after_ns";
constexpr char kAcceptedLoss[] = "accepted_loss_ns";  // what people approved of, of gate.loss

// With what a person said in the plan, says who goes on with it, or was asked for before the fence.
decide::LossTerms TermsOf(const Work& work) {
  decide::LossTerms terms;
  terms.budget = work.application().objectives.rpo;
  terms.policy = work.application().failover.when_loss_over_rpo;
  for (const std::optional<base::Duration>& accepted :
       {Nanoseconds(Optional(work, "accept-loss-ns")), work.tools().accepted_loss,
        Nanoseconds(OutputOf(work, "gate.loss", kAcceptedLoss))}) {
    if (accepted) terms.accepted = std::max(*accepted, terms.accepted.value_or(*accepted));
  }
  return terms;
}

std::optional<base::Duration> OwnRpo(const Work& work, const model::ComponentName& store) {
  const model::Component* const found = work.application().Find(store);
  return found == nullptr ? std::nullopt : found->rpo;
}

decide::LossBound BoundAsMeasured(const Work& work, const std::string& measure) {
  const std::string why = OutputOf(work, measure, kUnknownBecause);
  const model::ComponentName store = ComponentOf(work, measure);
  decide::LossBound bound{store, Nanoseconds(OutputOf(work, measure, "bound_ns"))};
  bound.budget = OwnRpo(work, store);
  if (why.empty()) return bound;
  const model::Plan& plan = work.context().plan;
  bound.bound = std::nullopt;
  bound.why = why;
  bound.remedy = "--accept-loss does not cover that: where " + plan.from.str() + " lives put " +
                 store.str() + " in " + plan.to.str() +
                 " aside and run `leeward protect`, else find out what it lacks and have people "
                 "approve of it (failover.approval)";
  return bound;
}

// Of a store that is not read again behind the fence: what it has may only have become more, and
// what it lacks was written until the fence.
decide::LossBound BoundUntilTheFence(const Work& work, const std::string& measure) {
  decide::LossBound bound = BoundAsMeasured(work, measure);
  const auto newest = base::ParseIso8601(OutputOf(work, measure, "newest_visible"));
  const auto margin = Nanoseconds(OutputOf(work, measure, "clock_margin_ns"));
  if (!newest.ok() || !margin) return bound;
  model::StoreLag lag;
  if (!bound.why.empty()) return bound;
  lag.component = bound.component;
  lag.newest_visible = *newest;
  bound.bound = decide::BoundOf(lag, NoWritesAfter(work), *margin).bound;
  return bound;
}

// The step that read the measured store again behind the fence; empty: none did.
std::string RestatedBy(const Work& work, const model::ComponentName& component) {
  for (const std::string& step : SplitList(Optional(work, "restates"))) {
    if (ComponentOf(work, step) == component) return step;
  }
  return "";
}

}  // namespace

base::WallTime NoWritesAfter(const Work& work) {
  const base::WallTime now = work.tools().clock.Now();
  const auto proven = Nanoseconds(OutputOf(work, kFenceProof, kNoWritesAfter));
  return proven ? std::min(base::WallTime{*proven}, now) : now;
}

Result<decide::GateAnswer> JudgeLoss(const Work& work) {
  ASSIGN_OR_RETURN(const std::string measures, work.Parameter("measures"));
  std::vector<decide::LossBound> bounds;
  for (const std::string& measure : SplitList(measures)) {
    if (OutputOf(work, measure, "already_promoted") == "yes") continue;
    bounds.push_back(BoundAsMeasured(work, measure));
  }
  return decide::LossGate(bounds, TermsOf(work));
}

Result<decide::GateAnswer> JudgeFinalLoss(const Work& work) {
  ASSIGN_OR_RETURN(const std::string measures, work.Parameter("measures"));
  std::vector<decide::LossBound> bounds;
  for (const std::string& measure : SplitList(measures)) {
    const std::string again = RestatedBy(work, ComponentOf(work, measure));
    const std::string& last = again.empty() ? measure : again;
    if (OutputOf(work, last, "already_promoted") == "yes") continue;
    bounds.push_back(again.empty() ? BoundUntilTheFence(work, measure)
                                   : BoundAsMeasured(work, again));
  }
  return decide::LossGate(bounds, TermsOf(work));
}

Result<StepOutcome> GateLoss(const Work& work) {
  ASSIGN_OR_RETURN(const decide::GateAnswer answer, JudgeLoss(work));
  if (answer.answer != decide::Answer::kAsk || !AsksPeople(work)) return Say(answer);
  ASSIGN_OR_RETURN(StepOutcome approved, AwaitApproval(work, LossQuestion(answer)));
  if (answer.bound)
    approved.outputs[kAcceptedLoss] = std::to_string(Accepted(work, *answer.bound).count());
  return approved;
}

Result<StepOutcome> GateFinalLoss(const Work& work) {
  ASSIGN_OR_RETURN(decide::GateAnswer answer, JudgeFinalLoss(work));
  if (answer.answer == decide::Answer::kPass) return Say(answer);
  if (answer.answer == decide::Answer::kAsk && AsksPeople(work))
    return AwaitApproval(work, answer.what + " (" + WhileHeld(work) + ")", Wanted::kWhateverComes);
  answer.reason += "; " + WhileHeld(work);
  return Say(answer);
}

Result<StepOutcome> GateApproval(const Work& work) {
  const model::Plan& plan = work.context().plan;
  return AwaitApproval(work, std::string(model::Name(plan.action)) + " of " +
                                 plan.application.str() + " from " + plan.from.str() + " to " +
                                 plan.to.str() + " (" + plan.reason + ")");
}

Result<StepOutcome> ProveFence(const Work& work) {
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
    if (const auto ended = Nanoseconds(OutputOf(work, take, "ended_ns")))
      lease.ended = base::WallTime{*ended};
  }
  evidence.override_text = Optional(work, "override");
  const auto killed_at = Nanoseconds(Optional(work, "killed-at-ns"));
  if (killed_at) {
    evidence.killed =
        decide::KilledByDrill{Region(Optional(work, "killed-region")), base::WallTime{*killed_at}};
  }
  ASSIGN_OR_RETURN(StepOutcome proven, Say(decide::FenceProof(evidence)));
  // What an earlier run of this step proved holds still.
  const base::WallTime end = decide::NoWritesAfter(evidence, NoWritesAfter(work));
  proven.outputs[kNoWritesAfter] = std::to_string(end.since_epoch.count());
  return proven;
}

Result<StepOutcome> GateFenceProof(const Work& work) {
  Result<StepOutcome> proven = ProveFence(work);
  if (proven.ok() || proven.error().code() != base::ErrorCode::kRefused) return proven;
  const std::string acted = WhatTheFenceDid(work);
  if (acted.empty()) return proven;
  return base::Refused(proven.error().message() + "; " + acted);
}

}  // namespace leeward::steps
