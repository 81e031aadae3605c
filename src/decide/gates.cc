// The gates: what may be lost, and whether the old writer is surely out.
#include <algorithm>

#include "base/check.h"
#include "decide/decide.h"

namespace leeward::decide {
namespace {

using model::OverRpo;

std::string Described(const LossBound& bound) {
  if (!bound.bound && !bound.why.empty()) return bound.component.str() + " " + bound.why;
  return bound.component.str() + (bound.bound
                                      ? " may lose up to " + base::HumanDuration(*bound.bound)
                                      : " may lose an amount that cannot be told");
}

// A person's acceptance covers a known bound up to what they said; an unknown bound it never
// covers.
bool Accepted(const LossBound& bound, const LossTerms& terms) {
  return terms.accepted && bound.bound && *bound.bound <= *terms.accepted;
}

base::Duration BudgetOf(const LossBound& bound, const LossTerms& terms) {
  return bound.budget.value_or(terms.budget);
}

// "the RPO", or "its RPO" of a store that has one of its own.
std::string RpoOf(const LossBound& bound, const char* joined, const LossTerms& terms) {
  return std::string(bound.budget ? "its RPO" : "the RPO") + joined +
         base::HumanDuration(BudgetOf(bound, terms));
}

GateAnswer OverBudget(const LossBound& worst, const LossTerms& terms) {
  const std::string what = Described(worst) + ", " + RpoOf(worst, " is ", terms);
  const bool refused_acceptance = terms.accepted.has_value();
  const std::string accepted =
      refused_acceptance ? "; only " + base::HumanDuration(*terms.accepted) + " was accepted" : "";
  switch (terms.policy) {
    case OverRpo::kProceed:
      return {Answer::kPass, what + "; the policy is to proceed"};
    case OverRpo::kRefuse:
      return {Answer::kRefuse, what + accepted + "; the policy is to refuse", "", worst.bound};
    case OverRpo::kAsk:
      if (!worst.bound) {
        return {Answer::kAsk,
                what + accepted + "; " +
                    (worst.remedy.empty() ? "find out why it cannot be measured" : worst.remedy) +
                    ", or set when-loss-over-rpo: proceed",
                what};
      }
      return {Answer::kAsk,
              what + accepted + "; run again with --accept-loss " +
                  base::FormatDuration(std::chrono::ceil<std::chrono::seconds>(*worst.bound)) +
                  " to accept that",
              what, worst.bound};
  }
  CHECK_NEVER("OverRpo outside its enum");
}

// "NAME: REASON", both there.
bool IsSigned(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return false;
  const auto has_letters = [](std::string_view part) {
    return part.find_first_not_of(" \t") != std::string_view::npos;
  };
  return has_letters(std::string_view(text).substr(0, colon)) &&
         has_letters(std::string_view(text).substr(colon + 1));
}

// A lease that no guard obeyed says nothing of the door it was for.
bool IsProof(const LeaseGround& lease, const model::Region& old_region) {
  return lease.from == old_region && !lease.epoch.empty() &&
         (lease.ground == "released" || lease.ground == "expired");
}

// "; carts and sessions have no door and rest on the application's asking GET /writable".
std::string RestsOnTheApplication(const FenceEvidence& evidence) {
  std::string names;
  for (const StoreFence& store : evidence.stores) {
    if (store.guarded || store.writer == OldWriter::kClosed) continue;
    names += (names.empty() ? "" : ", ") + store.component.str();
  }
  if (names.empty()) return "";
  return "; no guard closes " + names + ": for them this rests on the application's asking its " +
         "guard before it writes";
}

// The first store whose writer was not reached and closed; nullptr: all were.
const StoreFence* FirstOpen(const FenceEvidence& evidence) {
  for (const StoreFence& store : evidence.stores) {
    if (store.writer != OldWriter::kClosed) return &store;
  }
  return nullptr;
}

const char* Why(OldWriter writer) {
  switch (writer) {
    case OldWriter::kClosed:
      return "is closed";
    case OldWriter::kUnreachable:
      return "was tried and did not answer, which proves nothing";
    case OldWriter::kNotTried:
      return "was not reached";
  }
  CHECK_NEVER("OldWriter outside its enum");
}

}  // namespace

std::string_view Name(Answer answer) {
  switch (answer) {
    case Answer::kPass:
      return "pass";
    case Answer::kAsk:
      return "ask";
    case Answer::kRefuse:
      return "refuse";
  }
  CHECK_NEVER("Answer outside its enum");
}

LossBound BoundOf(const model::StoreLag& lag, base::WallTime now, base::Duration clock_margin) {
  if (!lag.newest_visible) return {lag.component, std::nullopt};
  // A stamp from the future is a clock that runs ahead, not a gain: the margin is what is left to
  // say.
  const base::Duration age = std::max(now - *lag.newest_visible, base::Duration(0));
  return {lag.component, age + clock_margin};
}

GateAnswer LossGate(const std::vector<LossBound>& bounds, const LossTerms& terms) {
  const LossBound* worst = nullptr;  // of those that nobody has accepted
  const LossBound* largest = nullptr;
  const LossBound* accepted = nullptr;
  const auto worse = [](const LossBound* than, const LossBound& bound) {
    return than == nullptr || !bound.bound || (than->bound && *bound.bound > *than->bound);
  };
  for (const LossBound& bound : bounds) {
    if (worse(largest, bound)) largest = &bound;
    if (bound.bound && *bound.bound <= BudgetOf(bound, terms)) continue;
    if (Accepted(bound, terms))
      accepted = worse(accepted, bound) ? &bound : accepted;
    else if (worse(worst, bound))
      worst = &bound;
  }
  if (largest == nullptr) return {Answer::kPass, "no store can lose anything"};
  if (worst != nullptr) return OverBudget(*worst, terms);
  if (accepted != nullptr) {
    return {Answer::kPass, Described(*accepted) + ", over " + RpoOf(*accepted, " of ", terms) +
                               "; up to " + base::HumanDuration(*terms.accepted) + " was accepted"};
  }
  return {Answer::kPass, Described(*largest) + ", within " + RpoOf(*largest, " of ", terms)};
}

GateAnswer FenceProof(const FenceEvidence& evidence) {
  const StoreFence* open = FirstOpen(evidence);
  const std::string old = evidence.old_region.str();
  if (open == nullptr) {
    return {Answer::kPass, evidence.stores.empty()
                               ? "no store has a writer in " + old
                               : "every writer in " + old + " was reached and closed"};
  }
  if (evidence.lease && IsProof(*evidence.lease, evidence.old_region)) {
    return {Answer::kPass, "the lease of epoch " + evidence.lease->from_epoch + " of " + old + " " +
                               evidence.lease->ground + ", taken as epoch " +
                               evidence.lease->epoch + RestsOnTheApplication(evidence)};
  }
  if (evidence.killed && evidence.killed->region == evidence.old_region) {
    return {Answer::kPass, "this drill ended every process of " + old + " itself at " +
                               base::FormatIso8601(evidence.killed->at)};
  }
  if (IsSigned(evidence.override_text)) {
    return {Answer::kPass, "overridden by " + evidence.override_text};
  }
  const std::string what =
      "the writer of " + open->component.str() + " in " + old + " " + Why(open->writer);
  if (!evidence.override_text.empty()) {
    return {Answer::kRefuse, what + "; the override '" + evidence.override_text +
                                 "' is not signed: write NAME: REASON"};
  }
  return {Answer::kRefuse,
          what +
              "; make sure that it cannot write, then run again with --override-fence "
              "\"NAME: REASON\""};
}

base::WallTime NoWritesAfter(const FenceEvidence& evidence, base::WallTime now) {
  const bool open = FirstOpen(evidence) != nullptr;
  if (open && evidence.killed && evidence.killed->region == evidence.old_region)
    return std::min(evidence.killed->at, now);
  const bool by_lease = open && evidence.lease && IsProof(*evidence.lease, evidence.old_region);
  if (!by_lease || evidence.lease->ground != "expired" || !evidence.lease->ended) return now;
  return std::min(*evidence.lease->ended, now);
}

}  // namespace leeward::decide
