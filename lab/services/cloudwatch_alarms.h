// When a metric alarm is in which state. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shapes/value.h"

namespace leeward::lab::cloudwatch {

enum class AlarmState : std::uint8_t { kOk, kAlarm, kInsufficientData };
std::string_view Name(AlarmState state);
AlarmState AlarmStateOf(std::string_view name);  // kInsufficientData for a text that is none

enum class Missing : std::uint8_t { kMissing, kIgnore, kBreaching, kNotBreaching };

struct AlarmRule {
  int evaluation_periods = 1;
  int datapoints_to_alarm = 1;
  double threshold = 0;
  std::string comparison;
  Missing missing = Missing::kMissing;
};

// More windows than the evaluation periods are looked at, as CloudWatch does, so that a late or
// lost datapoint does not count as missing at once.
inline constexpr int kExtraWindows = 2;

struct Verdict {
  AlarmState state = AlarmState::kInsufficientData;
  std::string reason;
};
// `points`: evaluation_periods + kExtraWindows of them, the oldest first. `before` is kept where
// the rule says so.
Verdict Evaluate(const AlarmRule& rule, const std::vector<std::optional<double>>& points,
                 AlarmState before);

// The rule in a MetricAlarm of the API.
AlarmRule RuleOf(const shapes::Value& alarm);

}  // namespace leeward::lab::cloudwatch
