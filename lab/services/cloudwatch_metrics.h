// The metrics of one Region: samples as they came, and the statistics that are asked of them. Pure.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace leeward::lab::cloudwatch {

struct MetricKey {
  std::string metric_namespace;
  std::string name;
  std::vector<std::pair<std::string, std::string>> dimensions;  // sorted

  friend auto operator<=>(const MetricKey&, const MetricKey&) = default;
};

// One value that was seen `count` times, or a set of values of which only the sums are known.
struct Sample {
  base::WallTime at;
  double count = 1;
  double sum = 0;
  double minimum = 0;
  double maximum = 0;
  std::string unit = "None";

  static Sample Of(base::WallTime at, double value, double count, std::string_view unit) {
    return {at, count, value * count, value, value, std::string(unit)};
  }
};

// "Average", "Sum", "Minimum", "Maximum", "SampleCount", or a percentile: "p99", "p99.9".
bool KnownStatistic(std::string_view statistic);
// Nothing when there is no sample. A percentile treats a set of values as its mean.
std::optional<double> Statistic(const std::vector<const Sample*>& samples,
                                std::string_view statistic);

struct Window {
  base::WallTime start;
  base::Duration period;
  int count = 0;  // consecutive windows of `period`
};

class MetricStore {
 public:
  // Samples past `per_metric` push the oldest out; a metric past `metrics` is refused.
  MetricStore(std::size_t metrics, std::size_t per_metric)
      : max_metrics_(metrics), max_samples_(per_metric) {}

  bool Put(const MetricKey& key, Sample sample);
  // The samples of each window, oldest window first; only those of `unit` unless it is empty.
  std::vector<std::vector<const Sample*>> Windows(const MetricKey& key, const Window& window,
                                                  std::string_view unit) const;
  std::vector<const MetricKey*> Keys() const;

 private:
  std::size_t max_metrics_;
  std::size_t max_samples_;
  std::map<MetricKey, std::deque<Sample>> metrics_;  // in order of time
};

}  // namespace leeward::lab::cloudwatch
