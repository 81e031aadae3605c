// CloudWatch in one Region: metrics that were put or that sibling services publish, and alarms that
// really evaluate them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/cloudwatch_alarms.h"
#include "lab/services/cloudwatch_metrics.h"
#include "lab/services/dispatch.h"
#include "lab/services/region_links.h"

namespace leeward::lab::cloudwatch {

struct CloudWatchLimits {
  std::size_t metrics = 10'000;
  std::size_t samples = 20'000;  // of one metric
  std::size_t alarms = 5'000;
  std::size_t history = 1'000;
  base::Duration evaluate{1'000'000'000};  // between evaluations, at pace fast
  base::Duration evaluate_aws{60'000'000'000};
};

class CloudWatch : public Service, public MetricSink {
 public:
  explicit CloudWatch(Host& host);

  std::string_view name() const override { return "cloudwatch"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  // "EvaluateAlarm": {AlarmName} to {State} of the alarm's data, whatever SetAlarmState says.
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  void Publish(std::string_view metric_namespace, std::string_view metric,
               const Dimensions& dimensions, std::string_view unit, double value) override;

 private:
  using Value = shapes::Value;
  struct Alarm {
    Value record;                                       // a MetricAlarm
    AlarmState stream = AlarmState::kInsufficientData;  // of the data, apart from SetAlarmState
  };
  static std::span<const OperationRow<CloudWatch>> Table();

  Answer PutMetricData(const Value& input);
  Answer ListMetrics(const Value& input);
  Answer GetMetricStatistics(const Value& input);
  Answer GetMetricData(const Value& input);
  Answer PutMetricAlarm(const Value& input);
  Answer DescribeAlarms(const Value& input);
  Answer DescribeAlarmsForMetric(const Value& input);
  Answer DeleteAlarms(const Value& input);
  Answer SetAlarmState(const Value& input);
  Answer DescribeAlarmHistory(const Value& input);
  Answer EnableAlarmActions(const Value& input);
  Answer DisableAlarmActions(const Value& input);

  enum class Actions { kOn, kOff };
  Answer SwitchActions(const Value& input, Actions actions);
  Verdict Look(Alarm& alarm);
  void Move(Alarm& alarm, const Verdict& verdict, const std::string& data);
  void Record(const Alarm& alarm, std::string_view type, std::string summary);
  void Tick();
  void Save();

  Host& host_;
  CloudWatchLimits limits_;
  MetricStore store_;
  std::map<std::string, Alarm, std::less<>> alarms_;
  std::deque<Value> history_;
};

}  // namespace leeward::lab::cloudwatch

namespace leeward::lab {
std::unique_ptr<Service> MakeCloudWatch(Host& host);
}
