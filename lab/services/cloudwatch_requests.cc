#include "lab/services/cloudwatch_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace leeward::lab::cloudwatch {
namespace {

using shapes::Value;

constexpr std::size_t kMaxData = 1000;  // of one PutMetricData
constexpr std::size_t kMaxDimensions = 30;
constexpr auto kOldest = std::chrono::hours(24 * 14);
constexpr auto kNewest = std::chrono::hours(2);

ApiError Bad(std::string message) { return {"InvalidParameterValue", std::move(message), 400, {}}; }
ApiError Invalid(std::string message) { return {"ValidationError", std::move(message), 400, {}}; }

bool GoodPeriod(std::int64_t period) {
  return period == 1 || period == 5 || period == 10 || period == 20 || period == 30 ||
         (period > 0 && period % 60 == 0);
}

// The samples of one datum; an error when it says nothing or too much.
Problem AddSamples(const MetricKey& key, const Value& datum, base::WallTime at,
                   std::vector<KeyedSample>& samples) {
  const std::string_view unit = datum.String("Unit", "None");
  const int forms =
      int{datum.Has("Value")} + int{datum.Has("StatisticValues")} + int{datum.Has("Values")};
  if (forms != 1) {
    return ApiError{"InvalidParameterCombination",
                    "Exactly one of Value, Values and StatisticValues must be given for a datum.",
                    400,
                    {}};
  }
  if (datum.Has("Value")) {
    samples.emplace_back(key, Sample::Of(at, datum.Number("Value"), 1, unit));
  }
  const Value::List& values = datum.Items("Values");
  const Value::List& counts = datum.Items("Counts");
  if (!counts.empty() && counts.size() != values.size()) {
    return Bad("The parameters Values and Counts must have the same size.");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double count = counts.empty() ? 1 : counts[i].number();
    if (count > 0) samples.emplace_back(key, Sample::Of(at, values[i].number(), count, unit));
  }
  if (const Value* set = datum.Find("StatisticValues")) {
    if (set->Number("SampleCount") <= 0) return Bad("SampleCount must be greater than 0.");
    samples.emplace_back(
        key, Sample{at, set->Number("SampleCount"), set->Number("Sum"), set->Number("Minimum"),
                    set->Number("Maximum"), std::string(unit)});
  }
  for (const auto& [name, sample] : samples) {
    if (!std::isfinite(sample.sum)) return Bad("The value NaN or infinity is not allowed.");
  }
  return {};
}

}  // namespace

MetricKey KeyOf(const Value& value) {
  MetricKey key{
      std::string(value.String("Namespace")), std::string(value.String("MetricName")), {}};
  for (const Value& dimension : value.Items("Dimensions")) {
    key.dimensions.emplace_back(dimension.String("Name"), dimension.String("Value"));
  }
  std::sort(key.dimensions.begin(), key.dimensions.end());
  return key;
}

Value DescribeMetric(const MetricKey& key) {
  Value dimensions = Value::EmptyList();
  for (const auto& [name, value] : key.dimensions) {
    dimensions.list().push_back(Value::Struct({{"Name", name}, {"Value", value}}));
  }
  return Value::Struct({{"Namespace", key.metric_namespace},
                        {"MetricName", key.name},
                        {"Dimensions", std::move(dimensions)}});
}

bool Selects(const Value& input, const MetricKey& key) {
  if (input.Has("Namespace") && input.String("Namespace") != key.metric_namespace) return false;
  if (input.Has("MetricName") && input.String("MetricName") != key.name) return false;
  for (const Value& filter : input.Items("Dimensions")) {
    const bool found =
        std::any_of(key.dimensions.begin(), key.dimensions.end(), [&](const auto& dimension) {
          return dimension.first == filter.String("Name") &&
                 (!filter.Has("Value") || dimension.second == filter.String("Value"));
        });
    if (!found) return false;
  }
  return true;
}

std::variant<std::vector<KeyedSample>, ApiError> ReadSamples(const Value& input,
                                                             base::WallTime now) {
  if (input.String("Namespace").starts_with("AWS/")) {
    return Bad("The value AWS/ for parameter Namespace is invalid.");
  }
  if (input.Has("EntityMetricData")) {
    return Bad("EntityMetricData is not served by this lab; use MetricData.");
  }
  if (input.Items("MetricData").empty()) {
    return ApiError{"MissingParameter", "The parameter MetricData is required.", 400, {}};
  }
  if (input.Items("MetricData").size() > kMaxData) {
    return Bad(
        fmt::format("The collection MetricData must not have a size greater than {}.", kMaxData));
  }
  std::vector<KeyedSample> samples;
  for (const Value& datum : input.Items("MetricData")) {
    MetricKey key = KeyOf(datum);
    key.metric_namespace = input.String("Namespace");
    if (key.dimensions.size() > kMaxDimensions) return Bad("At most 30 dimensions may be given.");
    const Value* given = datum.Find("Timestamp");
    const base::WallTime at = given == nullptr ? now : given->time();
    if (now - at > kOldest || at - now > kNewest) {
      return Bad(
          "The parameter Timestamp must specify a time within the past two weeks and no more "
          "than two hours in the future.");
    }
    if (auto problem = AddSamples(key, datum, at, samples)) return *problem;
  }
  return samples;
}

ApiError BadStatistic(std::string_view statistic) {
  return Bad(fmt::format(
      "The value {} for a statistic is not served by this lab; use Average, Sum, Minimum, "
      "Maximum, SampleCount or a percentile such as p99.",
      statistic));
}

Problem CheckRange(base::WallTime start, base::WallTime end, std::int64_t period,
                   std::int64_t max_points) {
  if (start >= end) return Bad("The parameter StartTime must be less than the parameter EndTime.");
  if (!GoodPeriod(period)) {
    return Bad("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.");
  }
  const std::int64_t points = (end - start) / std::chrono::seconds(period);
  if (points > max_points) {
    return ApiError{
        "InvalidParameterCombination",
        fmt::format("You have requested up to {} datapoints, which exceeds the limit of "
                    "{}. You may reduce the datapoints requested by increasing Period, "
                    "or decreasing the time range.",
                    points, max_points),
        400,
        {}};
  }
  return {};
}

Window WindowsBetween(base::WallTime start, base::WallTime end, std::int64_t period) {
  const base::Duration length = std::chrono::seconds(period);
  const base::WallTime aligned{start.since_epoch - start.since_epoch % length};
  const auto count = (end - aligned + length - base::Duration(1)) / length;
  return {aligned, length, static_cast<int>(count)};
}

Problem CheckAlarm(const Value& input) {
  if (input.Has("Metrics") || input.Has("ThresholdMetricId")) {
    return Invalid(
        "Alarms on metric math and anomaly bands are not served by this lab; give MetricName.");
  }
  for (const std::string_view name : {"MetricName", "Namespace", "Period", "EvaluationPeriods",
                                      "Threshold", "ComparisonOperator"}) {
    if (!input.Has(name)) return Invalid(fmt::format("{} must be specified.", name));
  }
  const std::string_view comparison = input.String("ComparisonOperator");
  constexpr std::array<std::string_view, 4> kComparisons = {
      "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
      "LessThanOrEqualToThreshold"};
  if (std::find(kComparisons.begin(), kComparisons.end(), comparison) == kComparisons.end()) {
    return Invalid(
        fmt::format("{} needs an anomaly band, which this lab does not serve.", comparison));
  }
  if (input.Has("Statistic") == input.Has("ExtendedStatistic")) {
    return Invalid("Exactly one of Statistic and ExtendedStatistic must be specified.");
  }
  if (input.Has("ExtendedStatistic") && !KnownStatistic(input.String("ExtendedStatistic"))) {
    return BadStatistic(input.String("ExtendedStatistic"));
  }
  if (!GoodPeriod(input.Int("Period"))) {
    return Invalid("Metric period must be 1, 5, 10, 20, 30 or a multiple of 60.");
  }
  constexpr std::int64_t kWeek = std::int64_t{7} * 24 * 3600;
  if (input.Int("Period") * input.Int("EvaluationPeriods") > kWeek) {
    return Invalid(
        "Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period).");
  }
  if (input.Int("DatapointsToAlarm", 1) > input.Int("EvaluationPeriods")) {
    return Invalid("DatapointsToAlarm must not be greater than EvaluationPeriods.");
  }
  constexpr std::array<std::string_view, 4> kMissing = {"missing", "ignore", "breaching",
                                                        "notBreaching"};
  const std::string_view missing = input.String("TreatMissingData", "missing");
  if (std::find(kMissing.begin(), kMissing.end(), missing) == kMissing.end()) {
    return Invalid(fmt::format("Unknown missing data treatment: {}", missing));
  }
  return {};
}

}  // namespace leeward::lab::cloudwatch
