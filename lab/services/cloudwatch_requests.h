// CloudWatch's requests, read and checked beyond what the model says. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/cloudwatch_metrics.h"

namespace leeward::lab::cloudwatch {

using Problem = std::optional<ApiError>;
using KeyedSample = std::pair<MetricKey, Sample>;

// Namespace, MetricName and Dimensions of a request, a Metric or a MetricAlarm.
MetricKey KeyOf(const shapes::Value& value);
shapes::Value DescribeMetric(const MetricKey& key);
// ListMetrics: whether the request's filters let the metric through.
bool Selects(const shapes::Value& input, const MetricKey& key);

std::variant<std::vector<KeyedSample>, ApiError> ReadSamples(const shapes::Value& input,
                                                             base::WallTime now);
ApiError BadStatistic(std::string_view statistic);
Problem CheckRange(base::WallTime start, base::WallTime end, std::int64_t period,
                   std::int64_t max_points);
// The windows that cover the range, from a multiple of the period on.
Window WindowsBetween(base::WallTime start, base::WallTime end, std::int64_t period);
Problem CheckAlarm(const shapes::Value& input);

}  // namespace leeward::lab::cloudwatch
