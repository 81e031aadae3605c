// Report: events to what it cost. The same value makes the terminal's table, the JSON and the HTML
// file. Definitions of every figure: docs/formats/report.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/application.h"
#include "model/event.h"
#include "model/observation.h"
#include "model/plan.h"
#include "model/repair_list.h"

namespace leeward::report {

// What the load's clients saw, in buckets of equal length from `start`.
struct LoadBucket {
  std::uint32_t acknowledged = 0;  // writes answered as done
  std::uint32_t failed = 0;        // writes answered otherwise or not at all
  std::uint32_t lost = 0;          // acknowledged then, and missing after the recovery
};
struct LoadSeries {
  base::WallTime start;
  base::Duration bucket{100'000'000};
  std::vector<LoadBucket> buckets;
};

// --- The events by which a drill states what it measured
// -------------------------------------------------

// The Region's end: event kFault.
model::Event Fault(const std::string& fault, const model::Region& region, base::WallTime at);
// The verdict that started the move: event kVerdict.
model::Event Judged(const model::Verdict& verdict);
// Event kLoad, `what` one of the names below, `at` the instant itself.
inline constexpr char kLastAcknowledged[] =
    "last-acknowledged";  // newest write the old Region acknowledged
inline constexpr char kFirstRecovered[] =
    "first-recovered";  // first write the new Region acknowledged
model::Event Load(const std::string& what, base::WallTime at);
// Event kMeasured. A component, or none for the whole.
inline constexpr char kAcknowledged[] = "acknowledged";  // writes, in the failover's load
inline constexpr char kLost[] = "lost";                  // of those, missing after the recovery
inline constexpr char kLostSpan[] = "lost-ns";  // age at the fault of the oldest lost write
inline constexpr char kFailbackAcknowledged[] = "failback-acknowledged";
inline constexpr char kFailbackLost[] = "failback-lost";
inline constexpr char kFailbackUnavailable[] =
    "failback-unavailable-ns";  // longest time without a write
model::Event Measured(const std::string& what, const model::ComponentName& component,
                      std::int64_t value, base::WallTime at);

// One way of keeping sessions, and what became in the recovery Region of those that the home Region
// had acknowledged.
struct Sessions {
  std::string mode;                   // "redis", "dynamodb", "sync", "tokens"
  std::int64_t rate = 0;              // requests a second that were answered, up to the fault
  std::int64_t live = 0;              // of which no revocation was asked for
  std::int64_t survived = 0;          // of these: served
  std::int64_t lost = 0;              // of these: not known
  std::int64_t unknown = 0;           // of these: no clear answer
  std::int64_t stale = 0;             // of the survived: without their last acknowledged change
  std::int64_t revoked = 0;           // whose revocation was acknowledged
  std::int64_t still_revoked = 0;     // of these: refused
  std::int64_t back_alive = 0;        // of these: served
  std::int64_t back_alive_local = 0;  // of those served: acknowledged as not crossed yet
  std::int64_t revoked_unknown = 0;   // of these: no clear answer
  std::int64_t revoked_served = 0;    // answers while the load ran that served a revoked session
  std::int64_t undecided = 0;         // revocations without an answer: either way is right
  base::Duration lost_span{};         // age at the fault of the oldest lost session

  // Of the live sessions that were answered for; absent when there were none.
  std::optional<double> SurvivedShare() const;
};
inline constexpr char kSessions[] = "sessions";
model::Event MeasuredSessions(const Sessions& sessions, base::WallTime at);  // event kMeasured

// --- The report
// ------------------------------------------------------------------------------------------

// Contiguous parts of the time without service; they add up to `total`. Stores are restored beside
// each other, within `promote`.
struct RtoSplit {
  base::Duration detect{}, decide{}, fence{}, promote{}, scale{}, traffic{}, client_tail{};
  base::Duration total{};
  std::map<model::ComponentName, base::Duration> restores;  // of the stores made of a backup
};

struct Rpo {
  std::int64_t acknowledged = 0;
  std::int64_t lost = 0;
  base::Duration lost_span{};
  std::optional<base::Duration> bound;  // stated before promotion; absent: never stated
};

// One store's part of it.
struct StoreRpo {
  std::optional<Rpo> writes;  // absent: which writes went into this store was not measured
  std::optional<base::Duration> bound;
};

struct TimelineRow {
  model::ExecutionId execution;
  model::Action action = model::Action::kFailover;
  model::StepId step;
  model::Phase phase = model::Phase::kPrepare;
  model::Region region;
  std::string title;
  base::WallTime began, ended;
  int attempts = 0;
  std::string state;  // "done", "failed", "skipped", "unfinished"
  std::string detail;
};

struct Mark {
  base::WallTime at;
  std::string label;  // "fault", "verdict down", "first recovered write", "gate passed", ...
};

struct ExecutionSummary {
  model::ExecutionId execution;
  model::Action action = model::Action::kFailover;
  model::Region from, to;
  std::string reason;
  base::WallTime began, ended;
  std::string outcome;  // "done", "failed", "refused", "held", "aborted", "abandoned", "unfinished"
  std::string outcome_reason;
};

// The steps that the failover's length was made of: the last before the traffic is switched, the
// one it waited for longest, and so on back. All others ran beside them.
struct ChainLink {
  model::StepId step;
  base::WallTime began, ended;
};
struct Chain {
  std::vector<ChainLink> links;  // in time order
  base::Duration length{};       // from the first one's begin to the last one's end
  base::Duration in_turn{};      // what all steps up to there would take one after another
};

struct Failback {
  std::int64_t acknowledged = 0, lost = 0;
  base::Duration unavailable{};
};

// Where the stores of a failover stopped, and what was found of the spec's references.
struct Consistency {
  model::ExecutionId execution;
  model::RecoveryLine line;
  std::vector<model::ReferenceCounts> references;  // none: none was looked at
  std::vector<model::RepairEntry> first;           // of the repair list, without their columns
  std::int64_t entries = 0;                        // in the list
  std::string list, list_sha256;                   // its file; empty: there is none
  bool complete = false;                           // every row was read and judged
};
// Of one execution; absent: it stated nothing of several stores, and looked at none.
std::optional<Consistency> ConsistencyOf(const std::vector<model::Event>& events,
                                         const model::ExecutionId& execution,
                                         const model::Application& application);

enum class Verdict { kPass, kFail, kIncomplete };
std::string_view Name(Verdict verdict);  // "pass", "fail", "incomplete"

struct Objective {
  std::string name;  // "rto", "rpo", "loss within the stated bound", "failback lost nothing"
  std::string required, measured;
  Verdict verdict = Verdict::kIncomplete;
};

struct Report {
  model::Application application;
  std::string spec_text;                     // configuration as given
  std::vector<ExecutionSummary> executions;  // in order
  std::vector<TimelineRow> timeline;
  std::vector<Mark> marks;
  std::optional<base::WallTime> fault;
  std::string fault_name;
  model::Region fault_region;
  std::optional<RtoSplit> rto;  // absent: never recovered, or there was no fault
  std::optional<Rpo> rpo;       // absent: no load was measured
  std::map<model::ComponentName, StoreRpo> components;
  std::vector<Sessions> sessions;  // a mode each, in the order measured
  std::optional<Chain> chain;      // absent: no failover that came to switch the traffic
  std::optional<Failback> failback;
  std::optional<Consistency> consistency;
  std::vector<Objective> objectives;
  Verdict verdict = Verdict::kIncomplete;
  std::vector<std::string> problems;  // why it is not a pass, for people
  LoadSeries load;
  model::Plan plan;  // of the failover; no steps when there was none
  std::string journal_path, journal_last_hash;
  std::uint64_t journal_records = 0;
};

struct Input {
  model::Application application;
  std::string spec_text;
  std::vector<model::Event> events;                 // of the executions to report on, oldest first
  std::map<model::ExecutionId, model::Plan> plans;  // plan of each execution in the events
  LoadSeries load;                                  // empty: none
  std::string journal_path, journal_last_hash;
  std::uint64_t journal_records = 0;
};
Report Make(const Input& input);

enum class Colour { kNo, kYes };
std::string ToText(const Report& report, Colour colour);
std::string ToJson(const Report& report);  // docs/formats/report.md; ends with a newline
std::string ToHtml(const Report& report);  // one file, nothing outside it

}  // namespace leeward::report
