// Observer: a vantage point in one Region. It probes the application and its store in both Regions
// and tells the controllers what it saw.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "model/observation.h"
#include "sim/process.h"
#include "sim/world.h"

namespace leeward::sim {

using Seen = std::vector<model::Observation>;

class Observer : public Process {
 public:
  // `tell` carries what was seen to whom it concerns.
  Observer(World& world, Place place, std::function<void(std::shared_ptr<const Seen>)> tell);

 private:
  void OnStart() override;
  void OnCrash() override {}
  void Probe();
  Duration UntilNextSlot() const;
  void See(Place place, model::Signal signal, bool reached, model::Observation& seen) const;

  World& world_;
  const Place place_;
  const std::function<void(std::shared_ptr<const Seen>)> tell_;
  const Duration every_, timeout_;
  std::uint64_t sequence_ = 0;
};

}  // namespace leeward::sim
