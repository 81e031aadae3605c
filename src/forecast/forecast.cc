#include "forecast/forecast.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::forecast {
namespace {

constexpr int kMostBins = 12;
constexpr int kBarColumns = 40;

// "gate.loss: orders may lose ..." is a refusal by gate.loss.
std::string GateOf(const std::string& refusal) { return refusal.substr(0, refusal.find(':')); }

double Percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string Row(const std::string& name, const Spread& spread) {
  return fmt::format("  {:<22}{:>12}{:>12}{:>12}{:>12}\n", name, base::HumanDuration(spread.p5),
                     base::HumanDuration(spread.p50), base::HumanDuration(spread.p95),
                     base::HumanDuration(spread.max));
}

std::string Bars(const Histogram& histogram) {
  std::string text;
  if (histogram.counts.empty()) return text;
  const int most = *std::max_element(histogram.counts.begin(), histogram.counts.end());
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const int count = histogram.counts[i];
    const int columns = count == 0 ? 0 : std::max(1, count * kBarColumns / most);
    const Duration from = histogram.from + static_cast<std::int64_t>(i) * histogram.width;
    const std::string line =
        fmt::format("  {:>12}  {} {}", base::HumanDuration(from),
                    std::string(static_cast<std::size_t>(columns), '#'), count);
    text += line + "\n";
  }
  return text;
}

std::string BasisText(const Basis& basis) {
  std::string text = fmt::format("rests on {} measured drill{}\n", basis.used.size(),
                                 basis.used.size() == 1 ? "" : "s");
  for (const std::string& one : basis.skipped) text += "  left out: " + one + "\n";
  if (basis.used.size() < kFewMeasurements) {
    text += fmt::format(
        "warning: fewer than {} drills say little about how much one differs from the next; the "
        "bands\n  are too narrow. Run more: leeward drill SPEC --lab --json\n",
        kFewMeasurements);
  }
  return text;
}

std::string RefusalText(const Forecast& forecast) {
  if (forecast.refused == 0) return "refused by a gate: none\n";
  std::string text = fmt::format("refused by a gate: {} runs, {:.1f} %\n", forecast.refused,
                                 Percent(forecast.refused, forecast.runs));
  for (const auto& [gate, count] : forecast.gates) {
    text += fmt::format("  {:<22}{:>12}\n", gate, count);
  }
  return text + "  such as: " + forecast.first_refusal + "\n";
}

}  // namespace

Forecast Sum(const model::Application& application, const std::vector<Trial>& runs) {
  Forecast forecast;
  forecast.application = application.name.str();
  forecast.objectives = application.objectives;
  forecast.runs = runs.size();
  std::vector<Duration> rto, phases[kPhaseCount], lost, bound;
  for (const Trial& run : runs) {
    if (run.bound) bound.push_back(*run.bound);
    if (!run.refused.empty()) {
      if (forecast.refused++ == 0) forecast.first_refusal = run.refused;
      ++forecast.gates[GateOf(run.refused)];
      continue;
    }
    rto.push_back(run.rto);
    lost.push_back(run.lost);
    for (std::size_t i = 0; i < kPhaseCount; ++i) phases[i].push_back(run.phases[i]);
    if (run.rto <= application.objectives.rto) ++forecast.rto_within;
    if (run.lost <= application.objectives.rpo) ++forecast.rpo_within;
  }
  forecast.rto_bins = HistogramOf(rto, kMostBins);
  forecast.lost_bins = HistogramOf(lost, kMostBins);
  forecast.rto = SpreadOf(std::move(rto));
  forecast.lost = SpreadOf(std::move(lost));
  forecast.bound = SpreadOf(std::move(bound));
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    forecast.phases[i] = SpreadOf(std::move(phases[i]));
  }
  return forecast;
}

std::string ToText(const Forecast& forecast) {
  std::string text = fmt::format("forecast of {}: {}, {} runs, seed {}\n", forecast.application,
                                 forecast.fault, forecast.runs, forecast.seed);
  text += BasisText(forecast.basis) + "\n";
  if (forecast.refused < forecast.runs) {
    text += fmt::format("  {:<22}{:>12}{:>12}{:>12}{:>12}\n", "", "5 %", "median", "95 %", "max");
    text += Row("time without service", forecast.rto);
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      std::string name = kPhases[i];
      std::replace(name.begin(), name.end(), '_', ' ');
      text += Row("  " + name, forecast.phases[i]);
    }
    text += Row("oldest lost write", forecast.lost);
    text += Row("loss stated before", forecast.bound);
    text += "\ntime without service, runs:\n" + Bars(forecast.rto_bins) + "\n";
  }
  text += fmt::format("within the RTO of {}: {:.1f} % of all runs\n",
                      base::HumanDuration(forecast.objectives.rto),
                      Percent(forecast.rto_within, forecast.runs));
  text +=
      fmt::format("within the RPO of {}: {:.1f} %\n", base::HumanDuration(forecast.objectives.rpo),
                  Percent(forecast.rpo_within, forecast.runs));
  return text + RefusalText(forecast);
}

}  // namespace leeward::forecast
