#include "sim/scenario.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace leeward::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kFaultNames[kFaultKinds] = {
    "region-loss",  "cut",         "isolation",        "slow",
    "lossy-link",   "api-errors",  "controller-crash", "crash-at-record",
    "guard-crash",  "guard-pause", "controller-pause", "disk-full",
    "torn-journal", "power-loss"};
constexpr std::string_view kBugNames[kBugs] = {"none",
                                               "no-fence-wait",
                                               "lease-without-margin",
                                               "effect-before-intent",
                                               "promotion-on-status",
                                               "auto-return",
                                               "measured-early",
                                               "each-for-itself",
                                               "unfenced-mirror",
                                               "drain-unchecked",
                                               "overwrites-old",
                                               "final-loss-ignored"};

// Faults begin once all is calm and end soon enough for the run to be short.
constexpr Duration kFirstFault = milliseconds(3500), kLastFault = milliseconds(10'000);
constexpr std::uint64_t kMostFaults = 4;

template <typename T, std::size_t N>
const T& Pick(ports::Random& random, const T (&choices)[N]) {
  return choices[random.Below(N)];
}

Duration Between(ports::Random& random, Duration low, Duration high) {
  return low + Duration(static_cast<std::int64_t>(
                   random.Below(static_cast<std::uint64_t>((high - low).count()) + 1)));
}

double Share(ports::Random& random, double most) { return (random.Unit() * 2 - 1) * most; }

model::Application Shop() {
  model::Application shop;
  shop.name = model::ApplicationName("shop");
  shop.regions = {model::Region("us-east-1"), model::Region("us-west-2"),
                  model::Region("eu-west-1")};
  shop.objectives = {std::chrono::minutes(15), std::chrono::seconds(5)};
  model::Rds orders;
  orders.instance = "orders";
  orders.database = orders.user = "shop";
  model::Ecs web;
  web.cluster = web.load_balancer = web.target_group = "shop";
  web.service = "web";
  web.standby = 1;
  web.active = 3;
  web.health_path = "/health";
  model::Route53 traffic;
  traffic.name = "shop.example.test";
  traffic.control_panel = traffic.load_balancer = "shop";
  traffic.health_path = "/health";
  traffic.ttl = std::chrono::seconds(1);
  shop.components = {{model::ComponentName("orders"), orders, {}},
                     {model::ComponentName("web"), web, {model::ComponentName("orders")}},
                     {model::ComponentName("traffic"), traffic, {model::ComponentName("web")}}};
  return shop;
}

void DrawApplication(Scenario& scenario, ports::Random& random) {
  scenario.application = Shop();
  model::Application& shop = scenario.application;
  const Duration every = Pick(random, {milliseconds(500), milliseconds(500), milliseconds(1000)});
  shop.detection = {every, every, static_cast<int>(2 + random.Below(3)), 2};
  const auto mode =
      random.Below(8) == 0 ? model::FailoverMode::kManual : model::FailoverMode::kAutomatic;
  const auto policy =
      Pick(random, {model::OverRpo::kAsk, model::OverRpo::kRefuse, model::OverRpo::kProceed});
  shop.failover = {mode, policy, scenario.terms.ttl, model::SharedStorePlace{}, std::nullopt};
  shop.objectives.rpo = Pick(random, {milliseconds(1000), milliseconds(5000), milliseconds(5000)});
}

// Any clock that counts a lease is off by less than the terms say.
ClockError DrawClock(const lease::Terms& terms, ports::Random& random) {
  const double bound = terms.drift_ppm / 1e6;
  ClockError clock;
  clock.drift = Pick(random, {-0.99, 0.99, 0.0, Share(random, 0.99)}) * bound;
  clock.offset = Duration(static_cast<std::int64_t>(Share(random, 45e6)));
  return clock;
}

void DrawLease(const ScenarioOptions& options, Scenario& scenario, ports::Random& random) {
  lease::Terms& terms = scenario.terms;
  terms =
      lease::TermsFor(Pick(random, {milliseconds(1500), milliseconds(2000), milliseconds(3000)}));
  terms.drift_ppm = Pick(random, {100, 20'000, 100'000});
  for (ClockError& clock : scenario.clocks) clock = DrawClock(terms, random);
  for (ClockError& clock : scenario.door_clocks) clock = DrawClock(terms, random);
  const bool slow = random.Below(3) == 0;
  for (Duration& takes : scenario.shut_takes) {
    const Duration most = terms.fence_budget * 98 / 100;
    takes = Between(random, slow ? most * 3 / 4 : milliseconds(5), most);
  }
  if (options.beyond_bounds) {
    constexpr int kTimesTheDrift = 3;
    for (ClockError& clock : scenario.clocks) clock.drift *= kTimesTheDrift;
    for (ClockError& clock : scenario.door_clocks) clock.drift *= kTimesTheDrift;
    for (Duration& takes : scenario.shut_takes) takes *= kTimesTheDrift;
  }
  if (scenario.bug == Bug::kLeaseWithoutMargin) {
    terms.drift_ppm = 0;
    terms.margin = Duration(0);
    terms.fence_budget = milliseconds(20);
  }
}

void DrawWorld(Scenario& scenario, ports::Random& random) {
  scenario.write_every = Between(random, milliseconds(30), milliseconds(120));
  scenario.replication_lag =
      Pick(random, {milliseconds(20), milliseconds(80), milliseconds(400), milliseconds(3000)});
  scenario.replay_lag = Between(random, milliseconds(0), milliseconds(200));
  scenario.promotion_takes = Between(random, milliseconds(30), milliseconds(800));
  scenario.creation_takes = Between(random, milliseconds(100), milliseconds(4000));
  scenario.api_delay = Between(random, milliseconds(2), milliseconds(60));
  for (int from = 0; from < kPlaces; ++from) {
    for (int to = 0; to < kPlaces; ++to) {
      scenario.delays[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)] =
          from == to ? Duration(200'000) : Between(random, milliseconds(10), milliseconds(60));
    }
  }
}

void DrawHands(Scenario& scenario, ports::Random& random) {
  scenario.shared = random.Below(3) == 0;
  if (!scenario.shared) return;
  scenario.controllers = random.Below(4) == 0 ? 1 : 2;
  scenario.terminal = random.Below(2) == 0 ? Place::kWitness : Place::kRecovery;
  if (random.Below(8) == 0) {
    const Duration from = Between(random, milliseconds(2000), milliseconds(9000));
    scenario.orders.push_back({model::Action::kSwitchover, from});
  }
  if (random.Below(4) == 0) scenario.orders.push_back({model::Action::kFailback, kFirstFault});
}

// Drawn for themselves: what else happens in a history does not depend on whether anybody is asked.
void DrawPeople(Scenario& scenario) {
  constexpr std::uint64_t kOfThePeople = 0x70656f706c65;
  ports::SeededRandom random(scenario.seed ^ kOfThePeople);
  model::Failover& failover = scenario.application.failover;
  if (failover.when_loss_over_rpo == model::OverRpo::kProceed || random.Below(2) != 0) return;
  const bool asks = failover.when_loss_over_rpo == model::OverRpo::kAsk;
  People& people = scenario.people;
  people.says = Pick(random, {Says::kApprove, Says::kGoOn, Says::kGoOn, Says::kNothing});
  if (people.says == Says::kApprove && !asks) people.says = Says::kGoOn;
  people.after = Between(random, milliseconds(500), milliseconds(8000));
  people.too_little = static_cast<int>(random.Below(2));
  // Often more than is lost by the time that a loss is noticed, and less than by the time that the
  // fence is proven.
  scenario.application.objectives.rpo =
      scenario.replication_lag + Between(random, milliseconds(800), milliseconds(3500));
  const bool unanswered = people.says == Says::kNothing && asks && random.Below(2) == 0;
  if (people.says == Says::kApprove || unanswered)
    failover.approval = {1, std::chrono::seconds(10)};
}

// A controller, or the person where there is one.
Hand DrawHand(const Scenario& scenario, ports::Random& random) {
  const auto controllers = static_cast<std::uint64_t>(scenario.controllers);
  const std::uint64_t drawn = random.Below(controllers + (scenario.orders.empty() ? 0 : 1));
  return drawn == controllers ? Hand::kPerson : static_cast<Hand>(drawn + 1);
}

// Which fault, the likelier the more often it stands here.
constexpr FaultKind kMenu[] = {
    FaultKind::kCrashAtRecord, FaultKind::kCrashAtRecord,   FaultKind::kTornJournal,
    FaultKind::kRegionLoss,    FaultKind::kRegionLoss,      FaultKind::kRegionLoss,
    FaultKind::kCut,           FaultKind::kIsolation,       FaultKind::kIsolation,
    FaultKind::kSlow,          FaultKind::kLossyLink,       FaultKind::kApiErrors,
    FaultKind::kApiErrors,     FaultKind::kControllerCrash, FaultKind::kControllerCrash,
    FaultKind::kGuardCrash,    FaultKind::kGuardPause,      FaultKind::kControllerPause,
    FaultKind::kDiskFull,      FaultKind::kPowerLoss};

Fault DrawFault(const ScenarioOptions& options, const Scenario& scenario, ports::Random& random) {
  Fault fault;
  fault.kind = options.only ? *options.only : Pick(random, kMenu);
  fault.place = random.Below(2) == 0 ? Place::kHome : static_cast<Place>(random.Below(kPlaces));
  fault.other = static_cast<Place>(
      (random.Below(kPlaces - 1) + 1 + static_cast<std::uint64_t>(Index(fault.place))) % kPlaces);
  fault.from = Between(random, kFirstFault, kLastFault);
  const Duration lasts =
      Pick(random, {milliseconds(50), milliseconds(300), milliseconds(2000), milliseconds(6000)});
  fault.until = fault.from + Between(random, lasts / 2, lasts);
  fault.amount = Between(random, milliseconds(50), milliseconds(2000));
  fault.hand = DrawHand(scenario, random);
  return fault;
}

bool IsForGood(const Fault& fault) { return !fault.until.has_value(); }

// Two Regions lost for good leave nothing that could agree on anything; and one controller has to
// be left.
bool MayBeForGood(const Fault& fault, const Scenario& scenario) {
  int regions = fault.kind == FaultKind::kRegionLoss ? 1 : 0, left = 0;
  for (const Fault& one : scenario.faults) {
    if (IsForGood(one) && one.kind == FaultKind::kRegionLoss) ++regions;
  }
  for (int controller = 0; controller < scenario.controllers; ++controller) {
    const Hand hand = static_cast<Hand>(controller + 1);
    const auto ends = [&](const Fault& one) {
      return one.kind == FaultKind::kRegionLoss
                 ? one.place == PlaceOf(hand)
                 : one.kind == FaultKind::kControllerCrash && one.hand == hand;
    };
    const bool before = std::any_of(scenario.faults.begin(), scenario.faults.end(),
                                    [&](const Fault& one) { return IsForGood(one) && ends(one); });
    if (!before && !ends(fault)) ++left;
  }
  return regions <= 1 && left >= 1;
}

void DrawFaults(const ScenarioOptions& options, Scenario& scenario, ports::Random& random) {
  const std::uint64_t count = 1 + random.Below(kMostFaults);
  for (std::uint64_t i = 0; i < count; ++i) {
    Fault fault = DrawFault(options, scenario, random);
    const bool ends = fault.kind == FaultKind::kRegionLoss ||
                      (fault.kind == FaultKind::kControllerCrash && fault.hand != Hand::kPerson);
    if (ends && random.Below(2) == 0 && MayBeForGood(fault, scenario)) fault.until.reset();
    scenario.faults.push_back(fault);
    scenario.faults_over = std::max(scenario.faults_over, fault.until.value_or(fault.from));
  }
  // What only matters to a failover needs one.
  if (options.only && *options.only != FaultKind::kRegionLoss && random.Below(2) == 0) {
    Fault loss;
    loss.from = Between(random, kFirstFault, kLastFault);
    if (MayBeForGood(loss, scenario)) {
      scenario.faults.push_back(loss);
      scenario.faults_over = std::max(scenario.faults_over, loss.from);
    }
  }
  scenario.api_errors = 0.1 + random.Unit() * 0.6;
}

}  // namespace

std::string_view Name(FaultKind kind) { return kFaultNames[static_cast<std::size_t>(kind)]; }
std::string_view Name(Bug bug) { return kBugNames[static_cast<std::size_t>(bug)]; }

std::optional<FaultKind> FaultFromName(std::string_view name) {
  const auto* found = std::find(std::begin(kFaultNames), std::end(kFaultNames), name);
  if (found == std::end(kFaultNames)) return std::nullopt;
  return static_cast<FaultKind>(found - std::begin(kFaultNames));
}

std::optional<Bug> BugFromName(std::string_view name) {
  const auto* found = std::find(std::begin(kBugNames), std::end(kBugNames), name);
  if (found == std::end(kBugNames)) return std::nullopt;
  return static_cast<Bug>(found - std::begin(kBugNames));
}

const model::Region& RegionOf(const model::Application& application, Place place) {
  const model::Regions& regions = application.regions;
  return place == Place::kHome       ? regions.home
         : place == Place::kRecovery ? regions.recovery
                                     : regions.witness;
}

Place PlaceOf(Hand hand) { return hand == Hand::kWitness ? Place::kWitness : Place::kRecovery; }

Place PlaceOf(const model::Application& application, const model::Region& region) {
  if (region == application.regions.home) return Place::kHome;
  return region == application.regions.recovery ? Place::kRecovery : Place::kWitness;
}

Scenario Draw(const ScenarioOptions& options, ports::Random& random) {
  Scenario scenario;
  scenario.seed = options.seed;
  scenario.bug = options.bug;
  DrawLease(options, scenario, random);
  DrawApplication(scenario, random);
  DrawWorld(scenario, random);
  DrawHands(scenario, random);
  DrawFaults(options, scenario, random);
  DrawPeople(scenario);
  return scenario;
}

}  // namespace leeward::sim
