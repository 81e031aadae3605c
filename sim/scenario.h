// Scenario: everything that one seed decides before the run begins: the application, its terms,
// delays, clocks, and which faults come when.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "forecast/latencies.h"
#include "lease/terms.h"
#include "model/application.h"
#include "model/plan.h"
#include "ports/random.h"
#include "sim/history.h"
#include "sim/process.h"

namespace leeward::sim {

enum class FaultKind : std::uint8_t {
  kRegionLoss,       // everything in place ends; it comes back, or never
  kCut,              // nothing gets from place to other
  kIsolation,        // place is cut off from all others, both ways
  kSlow,             // what goes from place to other takes longer by `amount`
  kLossyLink,        // messages between place and other are lost, and doubled
  kApiErrors,        // calls in place fail before or after they did what they should
  kControllerCrash,  // it starts again when the fault ends; for good: another takes over
  kCrashAtRecord,    // the same, right after a record became durable and before anything is done
  kGuardCrash,       // the same
  kGuardPause,       // stands still, and finds out afterwards
  kControllerPause,  // the same
  kDiskFull,         // of the controller
  kTornJournal,      // a write stops in the middle, cannot be taken back, and the power is lost
  kPowerLoss,        // a controller crash that also takes what was not synced, in part
};
inline constexpr int kFaultKinds = 14;
std::string_view Name(FaultKind kind);
std::optional<FaultKind> FaultFromName(std::string_view name);

struct Fault {
  FaultKind kind = FaultKind::kRegionLoss;
  Place place = Place::kHome, other = Place::kRecovery;
  Duration from{0};
  std::optional<Duration> until;  // absent: for good
  Duration amount{0};
  Hand hand = Hand::kRecovery;  // of what befalls a controller or its disk
};

// What a person does at a terminal.
struct Order {
  model::Action action = model::Action::kSwitchover;
  Duration from{0};  // not before; a failback waits for home to be back as well
};

// What people say of a failover that may lose more than the RPO.
enum class Says : std::uint8_t {
  kYesAtOnce,  // behind the fence, whatever it is, so that it goes on; before it nobody is there
  kApprove,    // to the gate that asks them (failover.approval), after a while
  kGoOn,       // to the controller that holds it, after a while, with how much they accept
  kNothing,
};
struct People {
  Says says = Says::kYesAtOnce;
  Duration after{0};   // that they are asked, or that it is held
  int too_little = 0;  // of their words, how many accept less than it is, before one that is enough
};

// Mistakes that are planted to see that a checker is alive.
enum class Bug : std::uint8_t {
  kNone,
  kNoFenceWait,         // the lease is taken without waiting for its end
  kLeaseWithoutMargin,  // nobody allows for drift, the margin or the time a fence takes
  kEffectBeforeIntent,  // a sync of the journal returns before anything is durable
  kPromotionOnStatus,   // a status string is taken for the proof of a promotion
  kAutoReturn,          // a database that returns with its Region is open as it was
  kMeasuredEarly,       // what may be lost is measured only before the fence is proven
  kEachForItself,       // controllers act without asking whose turn it is, or what others began
  kUnfencedMirror,      // a writer of the mirror replaces what another wrote since
  kDrainUnchecked,      // a planned move promotes without having received the last write
  kOverwritesOld,       // a database that is in the way of a new replica is not kept
  kFinalLossIgnored,    // what the fence left to be lost is compared with nothing
};
inline constexpr int kBugs = 12;
std::string_view Name(Bug bug);
std::optional<Bug> BugFromName(std::string_view name);

struct ScenarioOptions {
  std::uint64_t seed = 1;
  std::optional<FaultKind>
      only;  // this kind of fault, and a loss of home for good, are all that comes
  Bug bug = Bug::kNone;
  // Clocks drift, and doors take longer to shut, than the lease's terms allow for: outside what the
  // protocol promises anything about. What the checkers find then is how it looks when a stated
  // assumption is wrong.
  bool beyond_bounds = false;
};

struct Scenario {
  std::uint64_t seed = 1;
  Bug bug = Bug::kNone;
  model::Application application;
  lease::Terms terms;
  std::array<Duration, kSites> shut_takes{};  // a door, until the last session is gone
  std::array<ClockError, kPlaces> clocks;     // of what runs in a Region
  std::array<ClockError, kSites> door_clocks;
  Duration write_every{0};
  Duration replication_lag{0}, replay_lag{0};
  Duration promotion_takes{0};
  Duration creation_takes{0};  // of a replica
  Duration api_delay{0};       // of one call within a Region
  std::array<std::array<Duration, kPlaces>, kPlaces> delays{};
  double api_errors = 0;  // while the fault of that kind lasts
  // Of a rehearsal (sim/rehearse.h): as drills measured it. Absent: all is drawn.
  std::optional<forecast::Latencies> measured;
  int controllers = 1;  // the second is in the witness Region
  // False: one controller, always its turn, that has nothing to go on from but its own disk.
  bool shared = false;
  // By one person; a planned move that fails is tried again, then called off or given up.
  std::vector<Order> orders;
  Place terminal = Place::kWitness;  // where the person is
  People people;
  std::vector<Fault> faults;
  Duration faults_over{0};  // every fault has begun, and ended unless it is for good
};

const model::Region& RegionOf(const model::Application& application, Place place);
Place PlaceOf(const model::Application& application, const model::Region& region);

// Of a controller.
Place PlaceOf(Hand hand);

Scenario Draw(const ScenarioOptions& options, ports::Random& random);

}  // namespace leeward::sim
