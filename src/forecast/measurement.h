// Measurement: what one earlier drill took, read from its report (docs/formats/report.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "forecast/latencies.h"
#include "model/application.h"
#include "ports/random.h"

namespace leeward::forecast {

// All but fault_phase, which is drawn. kInvalid: it is no report, of another application, or of a
// drill that did not measure a recovery from this fault; the message says which.
base::Result<Latencies> ReadMeasurement(const model::Application& application,
                                        const std::string& fault, std::string_view report_json);

// Draws latencies like those measured: one drill is picked, and each of its figures is moved by
// chance as far as the drills differ in it (a smoothed bootstrap: a normal kernel of Silverman's
// width, reflected at zero). What a drill had in common, such as a busy machine, stays together.
class Sampler {
 public:
  // At least one measurement.
  Sampler(std::vector<Latencies> measured, const model::Detection& detection, Duration ttl);

  Latencies Draw(ports::Random& random) const;

 private:
  std::vector<Latencies> measured_;
  const Duration probe_every_, ttl_;
  Latencies widths_;  // of each figure's kernel
};

// 0.9 · min(standard deviation, interquartile range / 1.34) · n^(-1/5); 0 for fewer than two.
Duration KernelWidth(std::vector<Duration> values);

}  // namespace leeward::forecast
