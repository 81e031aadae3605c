#include "lab/services/cloudwatch_metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace leeward::lab::cloudwatch {
namespace {

constexpr std::array<std::string_view, 5> kPlain = {"Average", "Sum", "Minimum", "Maximum",
                                                    "SampleCount"};

// 99.9 of "p99.9"; nothing when it is no percentile.
std::optional<double> Percentile(std::string_view statistic) {
  if (statistic.size() < 2 || statistic.front() != 'p') return {};
  double rank = 0;
  const char* const end = statistic.data() + statistic.size();
  const auto read = std::from_chars(statistic.data() + 1, end, rank);
  if (read.ec != std::errc() || read.ptr != end || rank < 0 || rank > 100) return {};
  return rank;
}

double AtRank(const std::vector<const Sample*>& samples, double rank) {
  std::vector<std::pair<double, double>> values;  // value, weight
  double weight = 0;
  for (const Sample* sample : samples) {
    values.emplace_back(sample->sum / sample->count, sample->count);
    weight += sample->count;
  }
  std::sort(values.begin(), values.end());
  const double target = weight * rank / 100;
  double below = 0;
  for (const auto& [value, count] : values) {
    below += count;
    if (below >= target) return value;
  }
  return values.back().first;
}

}  // namespace

bool KnownStatistic(std::string_view statistic) {
  return std::find(kPlain.begin(), kPlain.end(), statistic) != kPlain.end() ||
         Percentile(statistic).has_value();
}

std::optional<double> Statistic(const std::vector<const Sample*>& samples,
                                std::string_view statistic) {
  if (samples.empty()) return {};
  Sample all = *samples.front();
  for (auto sample = samples.begin() + 1; sample != samples.end(); ++sample) {
    all.count += (*sample)->count;
    all.sum += (*sample)->sum;
    all.minimum = std::min(all.minimum, (*sample)->minimum);
    all.maximum = std::max(all.maximum, (*sample)->maximum);
  }
  if (statistic == "Average") return all.sum / all.count;
  if (statistic == "Sum") return all.sum;
  if (statistic == "Minimum") return all.minimum;
  if (statistic == "Maximum") return all.maximum;
  if (statistic == "SampleCount") return all.count;
  const std::optional<double> rank = Percentile(statistic);
  return rank ? std::optional(AtRank(samples, *rank)) : std::nullopt;
}

bool MetricStore::Put(const MetricKey& key, Sample sample) {
  auto metric = metrics_.find(key);
  if (metric == metrics_.end()) {
    if (metrics_.size() >= max_metrics_) return false;
    metric = metrics_.emplace(key, std::deque<Sample>()).first;
  }
  std::deque<Sample>& samples = metric->second;
  const auto place =
      std::upper_bound(samples.begin(), samples.end(), sample.at,
                       [](base::WallTime at, const Sample& other) { return at < other.at; });
  samples.insert(place, std::move(sample));
  if (samples.size() > max_samples_) samples.pop_front();
  return true;
}

std::vector<std::vector<const Sample*>> MetricStore::Windows(const MetricKey& key,
                                                             const Window& window,
                                                             std::string_view unit) const {
  std::vector<std::vector<const Sample*>> windows(static_cast<std::size_t>(window.count));
  const auto metric = metrics_.find(key);
  if (metric == metrics_.end()) return windows;
  const auto first =
      std::lower_bound(metric->second.begin(), metric->second.end(), window.start,
                       [](const Sample& sample, base::WallTime at) { return sample.at < at; });
  for (auto sample = first; sample != metric->second.end(); ++sample) {
    const auto index = static_cast<std::size_t>((sample->at - window.start) / window.period);
    if (index >= windows.size()) break;
    if (unit.empty() || sample->unit == unit) windows[index].push_back(&*sample);
  }
  return windows;
}

std::vector<const MetricKey*> MetricStore::Keys() const {
  std::vector<const MetricKey*> keys;
  for (const auto& [key, samples] : metrics_) keys.push_back(&key);
  return keys;
}

}  // namespace leeward::lab::cloudwatch
