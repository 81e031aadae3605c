#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "forecast/measurement.h"
#include "forecast/spread.h"

namespace leeward::forecast {
namespace {

constexpr Duration Latencies::*kFigures[] = {&Latencies::detection_late, &Latencies::planning,
                                             &Latencies::client_phase, &Latencies::replication_lag};

double Normal(ports::Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.Unit()));
  return radius * std::cos(2 * std::numbers::pi * random.Unit());
}

Duration Moved(Duration value, Duration width, ports::Random& random) {
  return value + Duration(std::llround(static_cast<double>(width.count()) * Normal(random)));
}

Duration Reflected(Duration value) { return value < Duration(0) ? -value : value; }

}  // namespace

Duration KernelWidth(std::vector<Duration> values) {
  constexpr double kSilverman = 0.9, kNormalQuartiles = 1.34;
  if (values.size() < 2) return Duration(0);
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const Duration value : values) mean += static_cast<double>(value.count()) / n;
  for (const Duration value : values) {
    squares += std::pow(static_cast<double>(value.count()) - mean, 2) / (n - 1);
  }
  const Duration quartiles = Quantile(values, 0.75) - Quantile(values, 0.25);
  const double spread =
      std::min(std::sqrt(squares), static_cast<double>(quartiles.count()) / kNormalQuartiles);
  return Duration(std::llround(kSilverman * spread * std::pow(n, -0.2)));
}

Sampler::Sampler(std::vector<Latencies> measured, const model::Detection& detection, Duration ttl)
    : measured_(std::move(measured)), probe_every_(detection.probe_every), ttl_(ttl) {
  CHECK_MSG(!measured_.empty(), "a forecast rests on at least one measurement");
  for (const auto figure : kFigures) {
    std::vector<Duration> values;
    for (const Latencies& one : measured_) values.push_back(one.*figure);
    widths_.*figure = KernelWidth(std::move(values));
  }
  std::map<model::StepId, std::vector<Duration>> steps;
  for (const Latencies& one : measured_) {
    for (const auto& [step, took] : one.steps) steps[step].push_back(took);
  }
  for (auto& [step, values] : steps) widths_.steps[step] = KernelWidth(std::move(values));
}

Latencies Sampler::Draw(ports::Random& random) const {
  Latencies drawn = measured_[random.Below(measured_.size())];
  drawn.fault_phase = Duration(
      static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(probe_every_.count()))));
  for (const auto figure : kFigures) drawn.*figure = Moved(drawn.*figure, widths_.*figure, random);
  drawn.planning = Reflected(drawn.planning);
  drawn.replication_lag = Reflected(drawn.replication_lag);
  drawn.client_phase = (drawn.client_phase % ttl_ + ttl_) % ttl_;
  for (auto& [step, took] : drawn.steps) {
    took = Reflected(Moved(took, widths_.steps.at(step), random));
  }
  return drawn;
}

}  // namespace leeward::forecast
