#include "sim/observer.h"

#include <algorithm>
#include <utility>

#include "forecast/latencies.h"

namespace leeward::sim {
namespace {

const model::ComponentName kOrders("orders"), kTraffic("traffic");

}  // namespace

Observer::Observer(World& world, Place place, std::function<void(std::shared_ptr<const Seen>)> tell)
    : Process(world.agenda, world.scenario().clocks[static_cast<std::size_t>(Index(place))]),
      world_(world),
      place_(place),
      tell_(std::move(tell)),
      every_(world.scenario().application.detection.probe_every),
      timeout_(world.scenario().application.detection.probe_timeout) {}

// The product's observers probe in slots of the wall clock, and leave a part of each free.
Duration Observer::UntilNextSlot() const { return every_ - Now().since_epoch % every_; }

// Observers do not probe in step with each other, where no rehearsal says how they do.
void Observer::OnStart() {
  if (world_.scenario().measured) {
    After(UntilNextSlot(), [this] { Probe(); });
    return;
  }
  const auto within = static_cast<std::uint64_t>(every_.count());
  After(Duration(static_cast<std::int64_t>(world_.random.Below(within))), [this] { Probe(); });
}

void Observer::See(Place place, model::Signal signal, bool reached,
                   model::Observation& seen) const {
  seen.observer = model::ObserverId(Name(place_));
  seen.from = RegionOf(world_.scenario().application, place_);
  seen.target.region = RegionOf(world_.scenario().application, place);
  seen.target.signal = signal;
  seen.target.component = signal == model::Signal::kApplication ? kTraffic : kOrders;
  seen.sequence = sequence_;
  seen.at = Now();
  const Site& site = world_.site(place);
  const bool answers =
      signal == model::Signal::kApplication ? site.FrontAnswers() : site.StoreAnswers();
  seen.seen = reached && answers ? model::Seen::kGood : model::Seen::kBad;
  if (!reached) seen.detail = "timed out";
}

void Observer::Probe() {
  ++sequence_;
  auto seen = std::make_shared<Seen>();
  seen->reserve(4);
  Duration longest{0};
  for (const Place place : {Place::kHome, Place::kRecovery}) {
    const Duration there = world_.network.Delay(place_, place);
    const Duration back = world_.network.Delay(place, place_);
    const bool reached = world_.network.Answers(place_, place) && there + back <= timeout_;
    longest = std::max(longest, reached ? there + back : timeout_);
    See(place, model::Signal::kApplication, reached, seen->emplace_back());
    See(place, model::Signal::kStore, reached, seen->emplace_back());
  }
  const auto& measured = world_.scenario().measured;
  const model::Detection& detection = world_.scenario().application.detection;
  if (measured && longest >= timeout_) {
    longest = std::max(Duration(0), forecast::SilentProbe(detection) + measured->detection_late);
  }
  After(longest, [this, seen = std::shared_ptr<const Seen>(std::move(seen))] { tell_(seen); });
  After(measured ? UntilNextSlot() : every_, [this] { Probe(); });
}

}  // namespace leeward::sim
