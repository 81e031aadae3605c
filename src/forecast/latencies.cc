#include "forecast/latencies.h"

#include <algorithm>
#include <cmath>

namespace leeward::forecast {
namespace {

constexpr int kSpareOfSlot = 20;

}  // namespace

Duration SilentProbe(const model::Detection& detection) {
  return std::min(detection.probe_timeout,
                  detection.probe_every - detection.probe_every / kSpareOfSlot);
}

Duration DetectionBySlots(const model::Detection& detection, Duration fault_phase) {
  const Duration first = detection.probe_every - fault_phase % detection.probe_every;
  return first + (detection.failures - 1) * detection.probe_every + SilentProbe(detection);
}

base::Result<Terms> TermsOf(const model::Application& application) {
  Terms terms;
  int databases = 0, services = 0, names = 0;
  for (const model::Component& component : application.components) {
    if (std::holds_alternative<model::Rds>(component.kind)) ++databases;
    if (const auto* ecs = std::get_if<model::Ecs>(&component.kind)) {
      ++services;
      terms.standby += ecs->standby;
    }
    if (const auto* traffic = std::get_if<model::Route53>(&component.kind)) {
      ++names;
      terms.ttl = traffic->ttl;
    }
  }
  if (databases == 0 || services == 0 || names != 1) {
    return base::Invalid(
        "a forecast needs a spec with a database (rds), a service (ecs) and one public name "
        "(route53)");
  }
  if (!application.workload || application.workload->rate <= 0) {
    return base::Invalid("a forecast needs a spec with a workload; its rate says what may be lost");
  }
  terms.write_every = Duration(std::llround(1e9 / application.workload->rate));
  return terms;
}

}  // namespace leeward::forecast
