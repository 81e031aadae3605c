#include "lab/services/cloudwatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/core/testing.h"

namespace leeward::lab::cloudwatch {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

// "0" is a datapoint that does not breach, "X" one that does, "-" a missing one: as in AWS's own
// table.
std::string Judge(std::string_view points, int periods, int datapoints, Missing missing) {
  AlarmRule rule{periods, datapoints, 0.5, "GreaterThanThreshold", missing};
  std::vector<std::optional<double>> values;
  for (const char c : points) {
    values.push_back(c == '-' ? std::nullopt : std::optional<double>(c == 'X' ? 1 : 0));
  }
  // A state that no rule gives by itself shows as "kept".
  const AlarmState first = Evaluate(rule, values, AlarmState::kOk).state;
  const AlarmState second = Evaluate(rule, values, AlarmState::kAlarm).state;
  return first != second ? "kept" : std::string(Name(first));
}

struct Row {
  std::string_view points;
  int datapoints;
  std::string_view missing, ignore, breaching, not_breaching;
};

// Amazon's table in "How alarm state is evaluated when data is missing", 3 periods, range of 5.
TEST(AlarmTable, MissingDataIsTreatedAsDocumented) {
  constexpr Row kRows[] = {
      {"0-X-X", 3, "OK", "OK", "OK", "OK"},
      {"0----", 3, "OK", "OK", "OK", "OK"},
      {"-----", 3, "INSUFFICIENT_DATA", "kept", "ALARM", "OK"},
      {"0XX-X", 3, "ALARM", "ALARM", "ALARM", "ALARM"},
      {"--X--", 3, "ALARM", "kept", "ALARM", "OK"},
      {"0-X-X", 2, "ALARM", "ALARM", "ALARM", "ALARM"},
      {"00X0X", 2, "ALARM", "ALARM", "ALARM", "ALARM"},
      {"0-X--", 2, "OK", "OK", "ALARM", "OK"},
      {"----0", 2, "OK", "OK", "ALARM", "OK"},
      {"----X", 2, "ALARM", "kept", "ALARM", "OK"},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.points);
    EXPECT_EQ(Judge(row.points, 3, row.datapoints, Missing::kMissing), row.missing);
    EXPECT_EQ(Judge(row.points, 3, row.datapoints, Missing::kIgnore), row.ignore);
    EXPECT_EQ(Judge(row.points, 3, row.datapoints, Missing::kBreaching), row.breaching);
    EXPECT_EQ(Judge(row.points, 3, row.datapoints, Missing::kNotBreaching), row.not_breaching);
  }
}

TEST(Statistics, OfPlainValuesAndSets) {
  const Sample one = Sample::Of({}, 10, 3, "None");
  const Sample two{{}, 2, 50, 20, 30, "None"};
  const std::vector<const Sample*> both = {&one, &two};
  EXPECT_EQ(Statistic(both, "SampleCount"), 5);
  EXPECT_EQ(Statistic(both, "Sum"), 80);
  EXPECT_EQ(Statistic(both, "Average"), 16);
  EXPECT_EQ(Statistic(both, "Minimum"), 10);
  EXPECT_EQ(Statistic(both, "Maximum"), 30);
  EXPECT_EQ(Statistic(both, "p50"), 10);
  EXPECT_EQ(Statistic(both, "p99"), 25);
  EXPECT_FALSE(Statistic({}, "Sum").has_value());
  EXPECT_FALSE(KnownStatistic("p101"));
  EXPECT_FALSE(KnownStatistic("TM(10%:90%)"));
}

class CloudWatchTest : public testing::Test {
 protected:
  CloudWatchTest() {
    host.Add(watch);
    EXPECT_TRUE(watch.Start().ok());
  }
  Answer Do(std::string_view operation, Value input) {
    return host.CallOperation(watch, operation, std::move(input));
  }
  Value Done(std::string_view operation, Value input) {
    const Answer answer = Do(operation, std::move(input));
    EXPECT_FALSE(IsError(answer)) << operation;
    return IsError(answer) ? Value() : std::get<Value>(answer);
  }
  void Put(double value) {
    Done("PutMetricData",
         Value::Struct({{"Namespace", "App"},
                        {"MetricData", Value(Value::List{Value::Struct(
                                           {{"MetricName", "Age"}, {"Value", value}})})}}));
  }
  static Value AlarmOnAge() {
    return Value::Struct({{"AlarmName", "old"},
                          {"Namespace", "App"},
                          {"MetricName", "Age"},
                          {"Statistic", "Maximum"},
                          {"Period", 10},
                          {"EvaluationPeriods", 1},
                          {"Threshold", 5.0},
                          {"ComparisonOperator", "GreaterThanThreshold"}});
  }
  std::string State() {
    const Value found = Done("DescribeAlarms", Value::Struct());
    return std::string(found.Items("MetricAlarms").front().String("StateValue"));
  }
  std::string Stream() {
    std::string state;
    watch.HandleInternal(
        "EvaluateAlarm", Value::Struct({{"AlarmName", "old"}}),
        [&](const Answer& answer) { state = std::get<Value>(answer).String("State"); });
    return state;
  }

  FakeHost host;
  CloudWatch watch{host};
};

TEST_F(CloudWatchTest, AlarmFollowsItsData) {
  Done("PutMetricAlarm", AlarmOnAge());
  EXPECT_EQ(State(), "INSUFFICIENT_DATA");
  Put(1);
  host.Advance(2s);
  EXPECT_EQ(State(), "OK");
  host.Advance(10s);
  Put(9);
  host.Advance(2s);
  EXPECT_EQ(State(), "ALARM");
  host.Advance(60s);
  EXPECT_EQ(State(), "INSUFFICIENT_DATA");
  const Value history =
      Done("DescribeAlarmHistory", Value::Struct({{"HistoryItemType", "StateUpdate"}}));
  ASSERT_EQ(history.Items("AlarmHistoryItems").size(), 3u);
  EXPECT_EQ(history.Items("AlarmHistoryItems").back().String("HistorySummary"),
            "Alarm updated from INSUFFICIENT_DATA to OK");
}

TEST_F(CloudWatchTest, SetAlarmStateDoesNotMoveTheDataStream) {
  Done("PutMetricAlarm", AlarmOnAge());
  Put(1);
  host.Advance(2s);
  Done("SetAlarmState",
       Value::Struct({{"AlarmName", "old"}, {"StateValue", "ALARM"}, {"StateReason", "testing"}}));
  EXPECT_EQ(State(), "ALARM");
  EXPECT_EQ(Stream(), "OK");
  host.Advance(2s);
  EXPECT_EQ(State(), "OK");
}

TEST_F(CloudWatchTest, WhatSiblingsPublishIsListedAndRead) {
  watch.Publish("AWS/RDS", "ReplicaLag", {{"DBInstanceIdentifier", "orders-b"}}, "Seconds", 2.5);
  const Value listed = Done("ListMetrics", Value::Struct({{"Namespace", "AWS/RDS"}}));
  ASSERT_EQ(listed.Items("Metrics").size(), 1u);
  const base::WallTime now = host.clock().Now();
  Value metric = listed.Items("Metrics").front();
  const Value read = Done(
      "GetMetricData",
      Value::Struct(
          {{"StartTime", now - 60s},
           {"EndTime", now + 60s},
           {"MetricDataQueries",
            Value(Value::List{Value::Struct(
                {{"Id", "lag"},
                 {"MetricStat",
                  Value::Struct({{"Metric", metric}, {"Period", 60}, {"Stat", "Average"}})}})})}}));
  const Value& result = read.Items("MetricDataResults").front();
  ASSERT_EQ(result.Items("Values").size(), 1u);
  EXPECT_EQ(result.Items("Values").front().number(), 2.5);
}

TEST_F(CloudWatchTest, RefusesWhatItCannotDo) {
  Value math = AlarmOnAge();
  math.Set("Metrics", Value::EmptyList());
  EXPECT_TRUE(IsError(Do("PutMetricAlarm", math)));
  Value datum = Value::Struct({{"Namespace", "AWS/RDS"}});
  EXPECT_TRUE(IsError(Do("PutMetricData", datum)));
  Value late = AlarmOnAge();
  late.Set("DatapointsToAlarm", 2);
  EXPECT_TRUE(IsError(Do("PutMetricAlarm", late)));
}

TEST_F(CloudWatchTest, StatisticsOfTooManyDatapointsAreRefused) {
  const base::WallTime now = host.clock().Now();
  const auto ask = [&](base::Duration span) {
    return Do("GetMetricStatistics", Value::Struct({{"Namespace", "App"},
                                                    {"MetricName", "Age"},
                                                    {"StartTime", now - span},
                                                    {"EndTime", now},
                                                    {"Period", 60},
                                                    {"Statistics", Value::List{"Sum"}}}));
  };
  EXPECT_FALSE(IsError(ask(24h)));
  const Answer more = ask(25h);
  ASSERT_TRUE(IsError(more));
  EXPECT_EQ(std::get<ApiError>(more).code, "InvalidParameterCombination");
  EXPECT_THAT(std::get<ApiError>(more).message,
              testing::HasSubstr("1500 datapoints, which exceeds the limit of 1440"));
}

TEST_F(CloudWatchTest, AlarmsAreFoundByTheirActions) {
  Value alarm = AlarmOnAge();
  Done("PutMetricAlarm",
       alarm.Set("AlarmActions", Value::List{"arn:aws:sns:us-east-1:123456789012:ops"}));
  const auto found = [&](const std::string& prefix) {
    return Done("DescribeAlarms", Value::Struct({{"ActionPrefix", prefix}}))
        .Items("MetricAlarms")
        .size();
  };
  EXPECT_EQ(found("arn:aws:sns:us-east-1"), 1u);
  EXPECT_EQ(found("arn:aws:sns:eu-west-1"), 0u);
  EXPECT_TRUE(IsError(Do("DescribeAlarms", Value::Struct({{"AlarmNamePrefix", "o"},
                                                          {"AlarmNames", Value::List{"old"}}}))));
  EXPECT_TRUE(IsError(Do("DescribeAlarms", Value::Struct({{"ChildrenOfAlarmName", "old"}}))));
}

TEST_F(CloudWatchTest, AlarmsOutliveTheProcess) {
  Done("PutMetricAlarm", AlarmOnAge());
  CloudWatch again(host);
  ASSERT_TRUE(again.Start().ok());
  std::string state;
  again.HandleInternal("EvaluateAlarm", Value::Struct({{"AlarmName", "old"}}),
                       [&](const Answer& answer) { state = IsError(answer) ? "none" : "there"; });
  EXPECT_EQ(state, "there");
}

}  // namespace
}  // namespace leeward::lab::cloudwatch
