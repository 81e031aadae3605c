#include "decide/decide.h"

#include <set>

#include "base/check.h"
#include "decide/failover_table.h"

namespace leeward::decide {
namespace {

using model::Health;

Active ActiveOf(const model::Application& application, const model::Snapshot& snapshot) {
  std::set<model::Region> regions;
  for (const auto& [component, region] : snapshot.active) regions.insert(region);
  if (regions.size() > 1) return Active::kMixed;
  if (regions.empty()) return Active::kUnknown;
  if (*regions.begin() == application.regions.home) return Active::kHome;
  if (*regions.begin() == application.regions.recovery) return Active::kRecovery;
  return Active::kUnknown;
}

Health HealthOf(const model::Snapshot& snapshot, const model::Region& region) {
  const model::Verdict* verdict = snapshot.Of(region);
  return verdict == nullptr ? Health::kUnknown : verdict->health;
}

}  // namespace

std::string_view Name(Goal goal) {
  switch (goal) {
    case Goal::kStay:
      return "stay";
    case Goal::kWatch:
      return "watch";
    case Goal::kFailover:
      return "failover";
    case Goal::kAskFailover:
      return "ask-failover";
    case Goal::kAskFailback:
      return "ask-failback";
    case Goal::kResume:
      return "resume";
    case Goal::kAlarm:
      return "alarm";
  }
  CHECK_NEVER("Goal outside its enum");
}

std::string_view Name(Active active) {
  switch (active) {
    case Active::kHome:
      return "home";
    case Active::kRecovery:
      return "recovery";
    case Active::kMixed:
      return "mixed";
    case Active::kUnknown:
      return "unknown";
  }
  CHECK_NEVER("Active outside its enum");
}

std::string_view Name(Row row) {
  switch (row) {
    case Row::kActiveMixed:
      return "active-mixed";
    case Row::kActiveUnknown:
      return "active-unknown";
    case Row::kHomeHealthy:
      return "home-healthy";
    case Row::kHomeSuspect:
      return "home-suspect";
    case Row::kHomeUnknown:
      return "home-unknown";
    case Row::kHomeDownNoRefuge:
      return "home-down-no-refuge";
    case Row::kHomeDownRefugeUnknown:
      return "home-down-refuge-unknown";
    case Row::kHomeDownManual:
      return "home-down-manual";
    case Row::kHomeDownCooling:
      return "home-down-cooling";
    case Row::kHomeDownAutomatic:
      return "home-down-automatic";
    case Row::kAwayHomeBack:
      return "away-home-back";
    case Row::kAwayHealthy:
      return "away-healthy";
    case Row::kAwaySuspect:
      return "away-suspect";
    case Row::kAwayUnknown:
      return "away-unknown";
    case Row::kAwayDownHomeUp:
      return "away-down-home-up";
    case Row::kAwayDownHomeSuspect:
      return "away-down-home-suspect";
    case Row::kAwayDownHomeUnknown:
      return "away-down-home-unknown";
    case Row::kAwayDownHomeDown:
      return "away-down-home-down";
  }
  CHECK_NEVER("Row outside its enum");
}

Situation SituationOf(const model::Application& application, const model::Snapshot& snapshot,
                      std::optional<base::WallTime> last_failover_end, const Options& options) {
  Situation situation;
  situation.active = ActiveOf(application, snapshot);
  situation.home = HealthOf(snapshot, application.regions.home);
  situation.recovery = HealthOf(snapshot, application.regions.recovery);
  situation.mode = application.failover.mode;
  situation.cooling = last_failover_end && snapshot.at - *last_failover_end < options.cool_down;
  return situation;
}

Decision Decide(const model::Application& application, const Situation& situation) {
  for (const TableRow& row : FailoverTable()) {
    if (!row.Matches(situation)) continue;
    Decision decision{row.goal, row.row, {}, {}, row.reason};
    if (ActionFor(row.goal)) {
      const bool at_home = situation.active == Active::kHome;
      decision.from = at_home ? application.regions.home : application.regions.recovery;
      decision.to = at_home ? application.regions.recovery : application.regions.home;
    }
    return decision;
  }
  CHECK_NEVER("a situation has no row in the failover table");
}

Decision Decide(const model::Application& application, const model::Snapshot& snapshot,
                std::optional<base::WallTime> last_failover_end, const Options& options) {
  Decision decision =
      Decide(application, SituationOf(application, snapshot, last_failover_end, options));
  for (const model::Verdict& verdict : snapshot.verdicts) {
    if (!verdict.reason.empty()) decision.reason += "; " + verdict.reason;
  }
  return decision;
}

std::optional<model::Action> ActionFor(Goal goal) {
  switch (goal) {
    case Goal::kFailover:
    case Goal::kAskFailover:
      return model::Action::kFailover;
    case Goal::kAskFailback:
      return model::Action::kFailback;
    case Goal::kStay:
    case Goal::kWatch:
    case Goal::kResume:
    case Goal::kAlarm:
      return std::nullopt;
  }
  CHECK_NEVER("Goal outside its enum");
}

}  // namespace leeward::decide
