// The forecast as JSON. docs/formats/forecast.md.
#include <nlohmann/json.hpp>

#include "forecast/forecast.h"

namespace leeward::forecast {
namespace {

using Json = nlohmann::ordered_json;

// To the microsecond, as in reports.
double Seconds(Duration duration) {
  return static_cast<double>(std::chrono::round<std::chrono::microseconds>(duration).count()) / 1e6;
}

Json JsonOf(const Spread& spread) {
  Json json;
  json["p5_s"] = Seconds(spread.p5);
  json["p50_s"] = Seconds(spread.p50);
  json["p95_s"] = Seconds(spread.p95);
  json["max_s"] = Seconds(spread.max);
  return json;
}

Json JsonOf(const Histogram& histogram) {
  return {{"from_s", Seconds(histogram.from)},
          {"width_s", Seconds(histogram.width)},
          {"counts", histogram.counts}};
}

double Share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string ToJson(const Forecast& forecast) {
  const bool any = forecast.refused < forecast.runs;
  const auto or_null = [any](Json json) { return any ? std::move(json) : Json(nullptr); };
  Json json;
  json["schema"] = "leeward/forecast/v1";
  json["application"] = forecast.application;
  json["fault"] = forecast.fault;
  json["runs"] = forecast.runs;
  json["seed"] = forecast.seed;
  json["measurements"] = {{"count", forecast.basis.used.size()},
                          {"few", forecast.basis.used.size() < kFewMeasurements},
                          {"used", forecast.basis.used},
                          {"skipped", forecast.basis.skipped}};
  json["refused"] = {{"share", Share(forecast.refused, forecast.runs)},
                     {"gates", forecast.gates},
                     {"example", forecast.first_refusal}};
  json["rto"] = or_null(JsonOf(forecast.rto));
  json["rto_within"] = {{"objective_s", Seconds(forecast.objectives.rto)},
                        {"share", Share(forecast.rto_within, forecast.runs)}};
  json["phases"] = Json::object();
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    json["phases"][kPhases[i]] = or_null(JsonOf(forecast.phases[i]));
  }
  json["lost"] = or_null(JsonOf(forecast.lost));
  json["bound"] = or_null(JsonOf(forecast.bound));
  json["rpo_within"] = {{"objective_s", Seconds(forecast.objectives.rpo)},
                        {"share", Share(forecast.rpo_within, forecast.runs)}};
  json["rto_histogram"] = or_null(JsonOf(forecast.rto_bins));
  json["lost_histogram"] = or_null(JsonOf(forecast.lost_bins));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leeward::forecast
