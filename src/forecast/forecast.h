// Forecast: many rehearsed runs to what may be expected. docs/formats/forecast.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "forecast/spread.h"
#include "model/application.h"

namespace leeward::forecast {

inline constexpr const char* kPhases[] = {"detect", "decide",  "fence",      "promote",
                                          "scale",  "traffic", "client_tail"};
inline constexpr std::size_t kPhaseCount = std::size(kPhases);
inline constexpr std::size_t kFewMeasurements = 5;

// How one run came out.
struct Trial {
  std::string refused;  // by which gate and why; empty: it recovered
  Duration rto{}, phases[kPhaseCount]{};
  Duration lost{};                // age at the fault of the oldest lost write
  std::optional<Duration> bound;  // as stated before promotion
};

struct Basis {
  std::vector<std::string> used;     // where each measurement is from
  std::vector<std::string> skipped;  // "FILE: why"
};

struct Forecast {
  std::string application, fault;
  model::Objectives objectives;
  std::uint64_t seed = 0;
  Basis basis;
  std::size_t runs = 0, refused = 0, rto_within = 0, rpo_within = 0;
  std::map<std::string, std::size_t> gates;  // refusals by gate
  std::string first_refusal;                 // an example, for people
  Spread rto, phases[kPhaseCount], lost, bound;
  Histogram rto_bins, lost_bins;
};

Forecast Sum(const model::Application& application, const std::vector<Trial>& runs);

// A table with a small histogram, at most 80 columns wide.
std::string ToText(const Forecast& forecast);
std::string ToJson(const Forecast& forecast);  // ends with a newline

}  // namespace leeward::forecast
