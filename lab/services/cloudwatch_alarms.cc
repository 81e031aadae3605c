#include "lab/services/cloudwatch_alarms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace leeward::lab::cloudwatch {
namespace {

bool Breaches(const AlarmRule& rule, double value) {
  if (rule.comparison == "GreaterThanThreshold") return value > rule.threshold;
  if (rule.comparison == "GreaterThanOrEqualToThreshold") return value >= rule.threshold;
  if (rule.comparison == "LessThanThreshold") return value < rule.threshold;
  return value <= rule.threshold;
}

struct Counts {
  int real = 0;
  int breaching = 0;
};

// The newest real datapoints, at most as many as there are evaluation periods.
Counts Count(const AlarmRule& rule, const std::vector<std::optional<double>>& points) {
  Counts counts;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    if (!point->has_value() || counts.real == rule.evaluation_periods) continue;
    ++counts.real;
    if (Breaches(rule, **point)) ++counts.breaching;
  }
  return counts;
}

AlarmState Judge(const AlarmRule& rule, const Counts& counts, AlarmState before) {
  const int missing = rule.evaluation_periods - counts.real;
  const bool alarm = counts.breaching >= rule.datapoints_to_alarm;
  if (missing == 0) return alarm ? AlarmState::kAlarm : AlarmState::kOk;
  switch (rule.missing) {
    case Missing::kBreaching:
      return counts.breaching + missing >= rule.datapoints_to_alarm ? AlarmState::kAlarm
                                                                    : AlarmState::kOk;
    case Missing::kNotBreaching:
      return alarm ? AlarmState::kAlarm : AlarmState::kOk;
    case Missing::kIgnore:
      if (alarm) return AlarmState::kAlarm;
      return counts.breaching < counts.real ? AlarmState::kOk : before;
    case Missing::kMissing:
      if (counts.real == 0) return AlarmState::kInsufficientData;
      return counts.breaching >= std::min(rule.datapoints_to_alarm, counts.real)
                 ? AlarmState::kAlarm
                 : AlarmState::kOk;
  }
  CHECK_NEVER("Missing outside its enum");
}

}  // namespace

std::string_view Name(AlarmState state) {
  switch (state) {
    case AlarmState::kOk:
      return "OK";
    case AlarmState::kAlarm:
      return "ALARM";
    case AlarmState::kInsufficientData:
      return "INSUFFICIENT_DATA";
  }
  CHECK_NEVER("AlarmState outside its enum");
}

AlarmState AlarmStateOf(std::string_view name) {
  if (name == "OK") return AlarmState::kOk;
  return name == "ALARM" ? AlarmState::kAlarm : AlarmState::kInsufficientData;
}

Verdict Evaluate(const AlarmRule& rule, const std::vector<std::optional<double>>& points,
                 AlarmState before) {
  const Counts counts = Count(rule, points);
  Verdict verdict{Judge(rule, counts, before), ""};
  if (counts.real == 0) {
    verdict.reason = verdict.state == AlarmState::kInsufficientData
                         ? "Insufficient Data: no datapoints were received."
                         : fmt::format(
                               "Threshold Crossed: no datapoints were received for {} periods "
                               "and {} missing datapoints were treated as configured.",
                               rule.evaluation_periods, rule.evaluation_periods);
    return verdict;
  }
  verdict.reason = fmt::format(
      "Threshold Crossed: {} out of the last {} datapoints breached {} {} (minimum {} datapoints "
      "for "
      "OK -> ALARM transition).",
      counts.breaching, counts.real, rule.comparison, rule.threshold, rule.datapoints_to_alarm);
  return verdict;
}

AlarmRule RuleOf(const shapes::Value& alarm) {
  AlarmRule rule;
  rule.evaluation_periods = static_cast<int>(alarm.Int("EvaluationPeriods", 1));
  rule.datapoints_to_alarm =
      static_cast<int>(alarm.Int("DatapointsToAlarm", rule.evaluation_periods));
  rule.threshold = alarm.Number("Threshold");
  rule.comparison = alarm.String("ComparisonOperator");
  const std::string_view missing = alarm.String("TreatMissingData", "missing");
  // Alarms on DynamoDB's metrics ignore missing data whatever they say.
  if (missing == "ignore" || alarm.String("Namespace") == "AWS/DynamoDB") {
    rule.missing = Missing::kIgnore;
  } else if (missing == "breaching") {
    rule.missing = Missing::kBreaching;
  } else if (missing == "notBreaching") {
    rule.missing = Missing::kNotBreaching;
  }
  return rule;
}

}  // namespace leeward::lab::cloudwatch
