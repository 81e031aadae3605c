// Decide: a frozen snapshot to a goal, by a table of transitions with a reason each.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "model/application.h"
#include "model/observation.h"
#include "model/plan.h"

namespace leeward::decide {

// What should happen next.
enum class Goal {
  kStay,         // all is as it should be
  kWatch,        // something is wrong or unknown; nothing may be done about it yet
  kFailover,     // leave `from` for `to`, unplanned
  kAskFailover,  // the same, when a human says so
  kAskFailback,  // the application runs away from home and home is back: a human may send it home
  kResume,  // components are active in different Regions: an execution was interrupted; finish it
  kAlarm,   // no Region can take the application: a human is needed
};
std::string_view Name(Goal goal);

// Where the application takes writes and traffic now.
enum class Active { kHome, kRecovery, kMixed, kUnknown };
std::string_view Name(Active active);

// What the table looks at; a summary of one snapshot.
struct Situation {
  Active active = Active::kUnknown;
  model::Health home = model::Health::kUnknown;
  model::Health recovery = model::Health::kUnknown;
  model::FailoverMode mode = model::FailoverMode::kManual;
  bool cooling = false;  // a failover ended less than `Options::cool_down` ago
};

struct Options {
  base::Duration cool_down{600'000'000'000};  // after a failover no automatic one starts; 0 to 24 h
};

// Rows of the table in decide/failover_table.cc, in order; the first that matches wins.
enum class Row {
  kActiveMixed,
  kActiveUnknown,
  kHomeHealthy,
  kHomeSuspect,
  kHomeUnknown,
  kHomeDownNoRefuge,
  kHomeDownRefugeUnknown,
  kHomeDownManual,
  kHomeDownCooling,
  kHomeDownAutomatic,
  kAwayHomeBack,
  kAwayHealthy,
  kAwaySuspect,
  kAwayUnknown,
  kAwayDownHomeUp,
  kAwayDownHomeSuspect,
  kAwayDownHomeUnknown,
  kAwayDownHomeDown,
};
std::string_view Name(Row row);

struct Decision {
  Goal goal = Goal::kWatch;
  Row row = Row::kActiveUnknown;
  model::Region from, to;  // filled when the goal is a move
  std::string reason;      // the row's, with what the verdicts say
};

Situation SituationOf(const model::Application& application, const model::Snapshot& snapshot,
                      std::optional<base::WallTime> last_failover_end, const Options& options);
Decision Decide(const model::Application& application, const Situation& situation);
// The same from a snapshot; the reason quotes the verdict it rests on.
Decision Decide(const model::Application& application, const model::Snapshot& snapshot,
                std::optional<base::WallTime> last_failover_end, const Options& options);
// The plan that a goal asks for; absent when there is nothing to plan (stay, watch, alarm, resume).
std::optional<model::Action> ActionFor(Goal goal);

// --- Gates
// -----------------------------------------------------------------------------------------------

enum class Answer { kPass, kAsk, kRefuse };
std::string_view Name(Answer answer);

struct GateAnswer {
  Answer answer = Answer::kRefuse;
  std::string reason;                        // one precise sentence
  std::string what = {};                     // kAsk: of it, what a human would accept
  std::optional<base::Duration> bound = {};  // of a loss that is over: how much; absent: unknown
};

// How much a store would lose at most if it were promoted now; absent: cannot be told.
struct LossBound {
  model::ComponentName component;
  std::optional<base::Duration> bound;
  // Of one that cannot be told, where that is known: why, and what to do.
  std::string why = {}, remedy = {};
  std::optional<base::Duration> budget = {};  // the store's own RPO; absent: the terms'
};
// now − newest source commit or canary that is visible in the standby, plus the clocks' margin.
// Absent when nothing was ever visible.
LossBound BoundOf(const model::StoreLag& lag, base::WallTime now, base::Duration clock_margin);

struct LossTerms {
  base::Duration budget{};  // the spec's RPO, of stores without one of their own
  model::OverRpo policy = model::OverRpo::kAsk;
  std::optional<base::Duration> accepted;  // --accept-loss: a human accepts up to this much
};
// kPass: every bound is within budget, or accepted, or the policy is to proceed. An unknown bound
// is over every budget. kAsk: a human may accept; kRefuse: policy says no.
GateAnswer LossGate(const std::vector<LossBound>& bounds, const LossTerms& terms);

// What is known about the old writer of one store.
enum class OldWriter {
  kClosed,       // it was reached and closed; sessions ended
  kUnreachable,  // tried, no answer: proves nothing by itself
  kNotTried,     // the snapshot said its Region does not answer
};
struct StoreFence {
  model::ComponentName component;
  OldWriter writer = OldWriter::kNotTried;
  bool guarded = true;  // a guard closes it when its Region's lease ends
};
// A drill's own statement that it has ended the Region's processes, and when the last was gone.
struct KilledByDrill {
  model::Region region;
  base::WallTime at;
};
// On what ground the writer lease was taken, as the journal has it: see docs/failover-protocol.md.
struct LeaseGround {
  std::string ground;  // "released", "expired": proof of fence; "unguarded", "first", "": none
  model::Region from;  // that had the lease before
  std::string from_epoch, epoch;
  std::optional<base::WallTime> ended;  // when an expired one had run out, where that was seen
};
struct FenceEvidence {
  model::Region old_region;
  std::vector<StoreFence> stores;
  std::string override_text;  // "NAME: REASON", signed by an operator; empty: none
  std::optional<KilledByDrill> killed;
  std::optional<LeaseGround> lease;
};
// Proof that no store's old writer can take a write: each closed, or the old Region's lease
// released or expired and taken, or a signed override, or the drill's kill. A store that no guard
// closes rests, under the lease, on the application's asking before it writes; the reason says so.
GateAnswer FenceProof(const FenceEvidence& evidence);
// The time from which the proof says that nothing is written: the end of the drill's kill, or of an
// expired lease, where the proof rests on it, `now` otherwise. A loss counts up to it and grows no
// more.
base::WallTime NoWritesAfter(const FenceEvidence& evidence, base::WallTime now);

}  // namespace leeward::decide
