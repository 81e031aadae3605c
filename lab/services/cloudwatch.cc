#include "lab/services/cloudwatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/services/cloudwatch_requests.h"
#include "lab/services/saved_state.h"

namespace leeward::lab::cloudwatch {
namespace {

using shapes::Value;

constexpr std::int64_t kDefaultPage = 50;
constexpr std::int64_t kMetricsPage = 500;
constexpr std::size_t kMaxQueries = 500;
constexpr std::int64_t kMaxStatistics = 1440;  // datapoints of one GetMetricStatistics
constexpr std::int64_t kMaxData = 100'800;     // and of one query of GetMetricData

bool HasAction(const Value& alarm, std::string_view prefix) {
  for (const char* list : {"AlarmActions", "OKActions", "InsufficientDataActions"}) {
    for (const Value& action : alarm.Items(list)) {
      if (action.str().starts_with(prefix)) return true;
    }
  }
  return false;
}

ApiError NotFound() { return {"ResourceNotFound", "Unknown alarm", 404, {}}; }

Answer Paged(const Value& input, std::string_view key, const Value::List& items,
             std::int64_t limit) {
  Page page;
  if (!TakePage(items, input.String("NextToken"), static_cast<std::size_t>(limit), page)) {
    return ApiError{"InvalidNextToken", "The next token specified is invalid.", 400, {}};
  }
  Value answer = Value::Struct();
  answer.Set(key, Value(std::move(page.items)));
  if (!page.next_token.empty()) answer.Set("NextToken", page.next_token);
  return answer;
}

}  // namespace

CloudWatch::CloudWatch(Host& host) : host_(host), store_(limits_.metrics, limits_.samples) {}

std::span<const OperationRow<CloudWatch>> CloudWatch::Table() {
  static constexpr auto kTable = std::to_array<OperationRow<CloudWatch>>({
      {"DeleteAlarms", &CloudWatch::DeleteAlarms},
      {"DescribeAlarmHistory", &CloudWatch::DescribeAlarmHistory},
      {"DescribeAlarms", &CloudWatch::DescribeAlarms},
      {"DescribeAlarmsForMetric", &CloudWatch::DescribeAlarmsForMetric},
      {"DisableAlarmActions", &CloudWatch::DisableAlarmActions},
      {"EnableAlarmActions", &CloudWatch::EnableAlarmActions},
      {"GetMetricData", &CloudWatch::GetMetricData},
      {"GetMetricStatistics", &CloudWatch::GetMetricStatistics},
      {"ListMetrics", &CloudWatch::ListMetrics},
      {"PutMetricAlarm", &CloudWatch::PutMetricAlarm},
      {"PutMetricData", &CloudWatch::PutMetricData},
      {"SetAlarmState", &CloudWatch::SetAlarmState},
  });
  return kTable;
}

void CloudWatch::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void CloudWatch::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (operation != "EvaluateAlarm") {
    return Service::HandleInternal(operation, input, std::move(reply));
  }
  const auto alarm = alarms_.find(input.String("AlarmName"));
  if (alarm == alarms_.end()) return reply(NotFound());
  reply(Value::Struct({{"State", Name(Look(alarm->second).state)}}));
}

base::Status CloudWatch::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "cloudwatch"));
  for (const Value& record : state.Items("Alarms")) {
    Alarm alarm{record, AlarmStateOf(record.String("StateValue"))};
    alarms_[std::string(record.String("AlarmName"))] = std::move(alarm);
  }
  Tick();
  return base::Ok();
}

void CloudWatch::Publish(std::string_view metric_namespace, std::string_view metric,
                         const Dimensions& dimensions, std::string_view unit, double value) {
  MetricKey key{std::string(metric_namespace), std::string(metric), dimensions};
  std::sort(key.dimensions.begin(), key.dimensions.end());
  store_.Put(key, Sample::Of(host_.clock().Now(), value, 1, unit));
}

Answer CloudWatch::PutMetricData(const Value& input) {
  auto read = ReadSamples(input, host_.clock().Now());
  if (const auto* error = std::get_if<ApiError>(&read)) return *error;
  for (auto& [key, sample] : std::get<std::vector<KeyedSample>>(read)) {
    if (!store_.Put(key, std::move(sample))) {
      return ApiError{"LimitExceeded", "This lab keeps no more metrics than it has.", 400, {}};
    }
  }
  return Value::Struct();
}

Answer CloudWatch::ListMetrics(const Value& input) {
  Value::List found;
  for (const MetricKey* key : store_.Keys()) {
    if (Selects(input, *key)) found.push_back(DescribeMetric(*key));
  }
  return Paged(input, "Metrics", found, kMetricsPage);
}

Answer CloudWatch::GetMetricStatistics(const Value& input) {
  const base::WallTime start = input.Find("StartTime")->time();
  const base::WallTime end = input.Find("EndTime")->time();
  if (auto problem = CheckRange(start, end, input.Int("Period"), kMaxStatistics)) return *problem;
  std::vector<std::string> statistics;
  for (const std::string_view list : {"Statistics", "ExtendedStatistics"}) {
    for (const Value& name : input.Items(list)) statistics.push_back(name.str());
  }
  if (statistics.empty()) {
    return ApiError{
        "InvalidParameterCombination",
        "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        400,
        {}};
  }
  for (const std::string& name : statistics) {
    if (!KnownStatistic(name)) return BadStatistic(name);
  }
  const Window window = WindowsBetween(start, end, input.Int("Period"));
  const auto windows = store_.Windows(KeyOf(input), window, input.String("Unit"));
  Value points = Value::EmptyList();
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (windows[i].empty()) continue;
    Value point =
        Value::Struct({{"Timestamp", window.start + static_cast<std::int64_t>(i) * window.period},
                       {"Unit", windows[i].front()->unit}});
    for (const std::string& name : statistics) {
      const double value = *Statistic(windows[i], name);
      if (name.front() != 'p') {
        point.Set(name, value);
      } else {
        Value extended = point.Sub("ExtendedStatistics");
        point.Set("ExtendedStatistics", extended.Set(name, value));
      }
    }
    points.list().push_back(std::move(point));
  }
  return Value::Struct({{"Label", input.String("MetricName")}, {"Datapoints", std::move(points)}});
}

Answer CloudWatch::GetMetricData(const Value& input) {
  const base::WallTime start = input.Find("StartTime")->time();
  const base::WallTime end = input.Find("EndTime")->time();
  if (input.Items("MetricDataQueries").size() > kMaxQueries) {
    return ApiError{"ValidationError", "At most 500 queries may be given.", 400, {}};
  }
  Value results = Value::EmptyList();
  for (const Value& query : input.Items("MetricDataQueries")) {
    const Value& stat = query.Sub("MetricStat");
    if (query.Has("Expression") || stat.is_null()) {
      return ApiError{
          "ValidationError",
          "Metric math and search expressions are not served by this lab; give MetricStat.",
          400,
          {}};
    }
    if (auto problem = CheckRange(start, end, stat.Int("Period"), kMaxData)) return *problem;
    if (!KnownStatistic(stat.String("Stat"))) return BadStatistic(stat.String("Stat"));
    if (!query.Flag("ReturnData", true)) continue;
    const Window window = WindowsBetween(start, end, stat.Int("Period"));
    const auto windows = store_.Windows(KeyOf(stat.Sub("Metric")), window, stat.String("Unit"));
    Value::List times;
    Value::List values;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      if (windows[i].empty()) continue;
      times.emplace_back(window.start + static_cast<std::int64_t>(i) * window.period);
      values.emplace_back(*Statistic(windows[i], stat.String("Stat")));
    }
    if (input.String("ScanBy", "TimestampDescending") == "TimestampDescending") {
      std::reverse(times.begin(), times.end());
      std::reverse(values.begin(), values.end());
    }
    results.list().push_back(
        Value::Struct({{"Id", query.String("Id")},
                       {"Label", query.String("Label", stat.Sub("Metric").String("MetricName"))},
                       {"Timestamps", Value(std::move(times))},
                       {"Values", Value(std::move(values))},
                       {"StatusCode", "Complete"}}));
  }
  return Value::Struct({{"MetricDataResults", std::move(results)}});
}

Answer CloudWatch::PutMetricAlarm(const Value& input) {
  if (auto problem = CheckAlarm(input)) return *problem;
  const std::string name(input.String("AlarmName"));
  if (!alarms_.contains(name) && alarms_.size() >= limits_.alarms) {
    return ApiError{"LimitExceeded", "The quota for alarms was reached.", 400, {}};
  }
  const base::WallTime now = host_.clock().Now();
  Value record = input;
  record.Erase("Tags");
  record.Set("AlarmArn", Arn(host_, "cloudwatch", "alarm:" + name));
  record.Set("ActionsEnabled", input.Flag("ActionsEnabled", true));
  record.Set("AlarmConfigurationUpdatedTimestamp", now);
  Alarm& alarm = alarms_[name];
  if (alarm.record.is_null()) {
    record.Set("StateValue", Name(AlarmState::kInsufficientData));
    record.Set("StateReason", "Unchecked: Initial alarm creation");
    record.Set("StateUpdatedTimestamp", now);
    record.Set("StateTransitionedTimestamp", now);
  } else {
    for (const std::string_view kept :
         {"StateValue", "StateReason", "StateUpdatedTimestamp", "StateTransitionedTimestamp"}) {
      record.Set(kept, alarm.record.Sub(kept));
    }
  }
  const bool fresh = alarm.record.is_null();
  alarm.record = std::move(record);
  Record(alarm, "ConfigurationUpdate",
         fmt::format("Alarm \"{}\" {}", name, fresh ? "created" : "updated"));
  Save();
  return Value::Struct();
}

Answer CloudWatch::DescribeAlarms(const Value& input) {
  for (const char* relation : {"ChildrenOfAlarmName", "ParentsOfAlarmName"}) {
    if (!input.Has(relation)) continue;
    return ApiError{
        "ValidationError",
        fmt::format("{} is not served by this lab, which has no composite alarms.", relation),
        400,
        {}};
  }
  if (input.Has("AlarmNamePrefix") && !input.Items("AlarmNames").empty()) {
    return ApiError{"ValidationError",
                    "AlarmNamePrefix and AlarmNames cannot be given in one request.",
                    400,
                    {}};
  }
  Value::List found;
  const Value::List& types = input.Items("AlarmTypes");
  const bool metric_alarms =
      types.empty() || std::find(types.begin(), types.end(), Value("MetricAlarm")) != types.end();
  for (const auto& [name, alarm] : alarms_) {
    const Value::List& names = input.Items("AlarmNames");
    if (!metric_alarms) break;
    if (!names.empty() && std::find(names.begin(), names.end(), Value(name)) == names.end())
      continue;
    if (!name.starts_with(input.String("AlarmNamePrefix"))) continue;
    if (input.Has("ActionPrefix") && !HasAction(alarm.record, input.String("ActionPrefix")))
      continue;
    if (input.Has("StateValue") &&
        alarm.record.String("StateValue") != input.String("StateValue")) {
      continue;
    }
    found.push_back(alarm.record);
  }
  return Paged(input, "MetricAlarms", found, input.Int("MaxRecords", kDefaultPage));
}

Answer CloudWatch::DescribeAlarmsForMetric(const Value& input) {
  Value found = Value::EmptyList();
  const MetricKey key = KeyOf(input);
  for (const auto& [name, alarm] : alarms_) {
    if (KeyOf(alarm.record) != key) continue;
    if (input.Has("Statistic") && alarm.record.String("Statistic") != input.String("Statistic"))
      continue;
    if (input.Has("Period") && alarm.record.Int("Period") != input.Int("Period")) continue;
    found.list().push_back(alarm.record);
  }
  return Value::Struct({{"MetricAlarms", std::move(found)}});
}

Answer CloudWatch::DeleteAlarms(const Value& input) {
  for (const Value& name : input.Items("AlarmNames")) {
    const auto alarm = alarms_.find(name.str());
    if (alarm == alarms_.end()) continue;  // as CloudWatch does
    Record(alarm->second, "ConfigurationUpdate", fmt::format("Alarm \"{}\" deleted", name.str()));
    alarms_.erase(alarm);
  }
  Save();
  return Value::Struct();
}

Answer CloudWatch::SetAlarmState(const Value& input) {
  const auto alarm = alarms_.find(input.String("AlarmName"));
  if (alarm == alarms_.end()) return NotFound();
  Move(alarm->second,
       {AlarmStateOf(input.String("StateValue")), std::string(input.String("StateReason"))},
       std::string(input.String("StateReasonData")));
  Save();
  return Value::Struct();
}

Answer CloudWatch::DescribeAlarmHistory(const Value& input) {
  Value::List found;
  for (const Value& item : history_) {
    if (input.Has("AlarmName") && item.String("AlarmName") != input.String("AlarmName")) continue;
    if (input.Has("HistoryItemType") &&
        item.String("HistoryItemType") != input.String("HistoryItemType")) {
      continue;
    }
    const base::WallTime at = item.Find("Timestamp")->time();
    if (input.Has("StartDate") && at < input.Find("StartDate")->time()) continue;
    if (input.Has("EndDate") && at > input.Find("EndDate")->time()) continue;
    found.push_back(item);
  }
  if (input.String("ScanBy", "TimestampDescending") == "TimestampDescending") {
    std::reverse(found.begin(), found.end());
  }
  return Paged(input, "AlarmHistoryItems", found, input.Int("MaxRecords", kDefaultPage));
}

Answer CloudWatch::EnableAlarmActions(const Value& input) {
  return SwitchActions(input, Actions::kOn);
}
Answer CloudWatch::DisableAlarmActions(const Value& input) {
  return SwitchActions(input, Actions::kOff);
}

Answer CloudWatch::SwitchActions(const Value& input, Actions actions) {
  for (const Value& name : input.Items("AlarmNames")) {
    const auto alarm = alarms_.find(name.str());
    if (alarm != alarms_.end()) alarm->second.record.Set("ActionsEnabled", actions == Actions::kOn);
  }
  Save();
  return Value::Struct();
}

// What the alarm's data say now. Windows end at this instant, so that a lab need not wait for a
// full minute.
Verdict CloudWatch::Look(Alarm& alarm) {
  const AlarmRule rule = RuleOf(alarm.record);
  const base::Duration period = std::chrono::seconds(alarm.record.Int("Period", 60));
  const int count = rule.evaluation_periods + kExtraWindows;
  // One nanosecond later: a sample of this very instant counts.
  const Window window{host_.clock().Now() - count * period + base::Duration(1), period, count};
  const std::string_view statistic =
      alarm.record.String("Statistic", alarm.record.String("ExtendedStatistic"));
  std::vector<std::optional<double>> points;
  for (const auto& samples :
       store_.Windows(KeyOf(alarm.record), window, alarm.record.String("Unit"))) {
    points.push_back(Statistic(samples, statistic));
  }
  Verdict verdict = Evaluate(rule, points, alarm.stream);
  alarm.stream = verdict.state;
  return verdict;
}

void CloudWatch::Move(Alarm& alarm, const Verdict& verdict, const std::string& data) {
  const base::WallTime now = host_.clock().Now();
  const std::string before(alarm.record.String("StateValue"));
  const std::string after(Name(verdict.state));
  alarm.record.Set("StateValue", after);
  alarm.record.Set("StateReason", verdict.reason);
  alarm.record.Set("StateUpdatedTimestamp", now);
  if (!data.empty()) alarm.record.Set("StateReasonData", data);
  if (before == after) return;
  alarm.record.Set("StateTransitionedTimestamp", now);
  Record(alarm, "StateUpdate", fmt::format("Alarm updated from {} to {}", before, after));
  const std::string_view actions = verdict.state == AlarmState::kOk ? "OKActions"
                                   : verdict.state == AlarmState::kAlarm
                                       ? "AlarmActions"
                                       : "InsufficientDataActions";
  if (!alarm.record.Flag("ActionsEnabled", true)) return;
  for (const Value& action : alarm.record.Items(actions)) {
    Record(
        alarm, "Action",
        fmt::format("Failed to execute action {}: this lab has nothing behind it", action.str()));
  }
}

void CloudWatch::Record(const Alarm& alarm, std::string_view type, std::string summary) {
  history_.push_back(Value::Struct({{"AlarmName", alarm.record.String("AlarmName")},
                                    {"AlarmType", "MetricAlarm"},
                                    {"Timestamp", host_.clock().Now()},
                                    {"HistoryItemType", type},
                                    {"HistorySummary", std::move(summary)}}));
  while (history_.size() > limits_.history) history_.pop_front();
}

void CloudWatch::Tick() {
  bool moved = false;
  for (auto& [name, alarm] : alarms_) {
    const Verdict verdict = Look(alarm);
    if (alarm.record.String("StateValue") == Name(verdict.state)) continue;
    Move(alarm, verdict, "");
    moved = true;
  }
  if (moved) Save();
  host_.After(host_.pace() == Pace::kAws ? limits_.evaluate_aws : limits_.evaluate,
              [this] { Tick(); });
}

void CloudWatch::Save() {
  Value::List alarms;
  for (const auto& [name, alarm] : alarms_) alarms.push_back(alarm.record);
  SaveState(host_, "cloudwatch", Value::Struct({{"Alarms", Value(std::move(alarms))}}));
}

}  // namespace leeward::lab::cloudwatch

namespace leeward::lab {

std::unique_ptr<Service> MakeCloudWatch(Host& host) {
  return std::make_unique<cloudwatch::CloudWatch>(host);
}

}  // namespace leeward::lab
