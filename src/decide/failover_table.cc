#include "decide/failover_table.h"

namespace leeward::decide {
namespace {

using enum model::Health;
using model::FailoverMode;

using Actives = Set<Active>;
using Healths = Set<model::Health>;
using Modes = Set<FailoverMode>;
using Coolings = Set<Cooling>;

constexpr auto kAnyHealth = Healths::Any();
constexpr auto kAnyMode = Modes::Any();
constexpr auto kAnyCooling = Coolings::Any();
constexpr auto kAtHome = Of(Active::kHome);
constexpr auto kAway = Of(Active::kRecovery);
constexpr auto kAutomatic = Of(FailoverMode::kAutomatic);
constexpr auto kManual = Of(FailoverMode::kManual);

// A Region that stands by at size 0 is suspect, not up: its application answers nobody. It is a
// refuge all the same.
constexpr auto kUsable = Of(kUp, kSuspect);

constexpr Table kTable = {{
    // Interrupted and unknown first: no other row may act on half a picture.
    {Row::kActiveMixed, Of(Active::kMixed), kAnyHealth, kAnyHealth, kAnyMode, kAnyCooling,
     Goal::kResume,
     "parts of the application are active in different Regions: a move was interrupted and must be "
     "gone on with"},
    {Row::kActiveUnknown, Of(Active::kUnknown), kAnyHealth, kAnyHealth, kAnyMode, kAnyCooling,
     Goal::kAlarm, "it is not known where the application is active: nothing is moved on a guess"},

    {Row::kHomeHealthy, kAtHome, Of(kUp), kAnyHealth, kAnyMode, kAnyCooling, Goal::kStay,
     "the application runs at home and home is up"},
    {Row::kHomeSuspect, kAtHome, Of(kSuspect), kAnyHealth, kAnyMode, kAnyCooling, Goal::kWatch,
     "home is in doubt: a Region is left only when a quorum says that it is down"},
    {Row::kHomeUnknown, kAtHome, Of(kUnknown), kAnyHealth, kAnyMode, kAnyCooling, Goal::kWatch,
     "home is not seen well enough: unknown is neither up nor down"},
    {Row::kHomeDownNoRefuge, kAtHome, Of(kDown), Of(kDown), kAnyMode, kAnyCooling, Goal::kAlarm,
     "home is down and so is the recovery Region: there is nowhere to go"},
    {Row::kHomeDownRefugeUnknown, kAtHome, Of(kDown), Of(kUnknown), kAnyMode, kAnyCooling,
     Goal::kAskFailover,
     "home is down and the recovery Region is not seen well enough to go there unasked"},
    {Row::kHomeDownManual, kAtHome, Of(kDown), kUsable, kManual, kAnyCooling, Goal::kAskFailover,
     "home is down; the spec leaves the failover to a person"},
    {Row::kHomeDownCooling, kAtHome, Of(kDown), kUsable, kAutomatic, Of(Cooling::kYes),
     Goal::kAskFailover,
     "home is down soon after the last failover: going to and fro is left to a person"},
    {Row::kHomeDownAutomatic, kAtHome, Of(kDown), kUsable, kAutomatic, Of(Cooling::kNo),
     Goal::kFailover, "home is down and the recovery Region can take over"},

    {Row::kAwayHomeBack, kAway, Of(kUp), Of(kUp), kAnyMode, kAnyCooling, Goal::kAskFailback,
     "the application runs in the recovery Region and home is back: it never goes home by itself"},
    {Row::kAwayHealthy, kAway, Of(kUnknown, kSuspect, kDown), Of(kUp), kAnyMode, kAnyCooling,
     Goal::kStay, "the application runs in the recovery Region, which is up"},
    {Row::kAwaySuspect, kAway, kAnyHealth, Of(kSuspect), kAnyMode, kAnyCooling, Goal::kWatch,
     "the recovery Region is in doubt: a Region is left only when a quorum says that it is down"},
    {Row::kAwayUnknown, kAway, kAnyHealth, Of(kUnknown), kAnyMode, kAnyCooling, Goal::kWatch,
     "the recovery Region is not seen well enough: unknown is neither up nor down"},
    {Row::kAwayDownHomeUp, kAway, Of(kUp), Of(kDown), kAnyMode, kAnyCooling, Goal::kAskFailover,
     "the recovery Region is down and home is up: whether home's data is fit to go back to is for "
     "a person to say"},
    {Row::kAwayDownHomeSuspect, kAway, Of(kSuspect), Of(kDown), kAnyMode, kAnyCooling,
     Goal::kAskFailover,
     "the recovery Region is down and home is in doubt: a person must weigh it"},
    {Row::kAwayDownHomeUnknown, kAway, Of(kUnknown), Of(kDown), kAnyMode, kAnyCooling, Goal::kAlarm,
     "the recovery Region is down and home is not seen well enough to go back to"},
    {Row::kAwayDownHomeDown, kAway, Of(kDown), Of(kDown), kAnyMode, kAnyCooling, Goal::kAlarm,
     "both Regions are down: there is nowhere to go"},
}};

}  // namespace

const Table& FailoverTable() { return kTable; }

}  // namespace leeward::decide
