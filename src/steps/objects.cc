#include "steps/objects.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace leeward::steps {
namespace {

using shapes::Value;

constexpr std::string_view kOwn = ".leeward/";
constexpr std::string_view kStampName = "leeward-stamp";
// CloudWatch tells of a minute some minutes later; what is older says nothing of now.
constexpr base::Duration kMetricsOf = std::chrono::minutes(15);
constexpr int kMetricPeriod = 60;

struct LagMetric {
  const char* id;
  const char* name;
};
constexpr std::array<LagMetric, 3> kLagMetrics = {{{"latency", "ReplicationLatency"},
                                                   {"operations", "OperationsPendingReplication"},
                                                   {"bytes", "BytesPendingReplication"}}};

std::string KeyFor(const Bucket& bucket, std::string_view what) {
  std::string key = bucket.prefix + std::string(kOwn) + std::string(what);
  std::replace(key.begin() + static_cast<std::ptrdiff_t>(bucket.prefix.size()), key.end(), ':',
               '/');
  return key;
}

bool IsSameHeader(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

// Names of metadata are headers, of which nobody keeps the case.
std::string StampText(const Value& object) {
  const Value* metadata = object.Find("Metadata");
  if (metadata == nullptr || !metadata->is_members()) return "";
  for (const auto& [name, value] : metadata->members()) {
    if (IsSameHeader(name, kStampName) && value.is_string()) return value.str();
  }
  return "";
}

Value Dimension(const char* name, const std::string& value) {
  return Value::Struct({{"Name", name}, {"Value", value}});
}

struct Datapoint {
  base::WallTime at;
  double value;
};
std::optional<Datapoint> NewestDatapoint(const Value& metric_data, std::string_view id) {
  std::optional<Datapoint> newest;
  for (const Value& result : metric_data.Items("MetricDataResults")) {
    if (result.String("Id") != id) continue;
    const Value::List& times = result.Items("Timestamps");
    const Value::List& values = result.Items("Values");
    for (std::size_t i = 0; i < std::min(times.size(), values.size()); ++i) {
      if (newest && times[i].time() <= newest->at) continue;
      newest = {times[i].time(), values[i].number()};
    }
  }
  return newest;
}

}  // namespace

base::Status PutStamp(const Bucket& bucket, std::string_view what, base::WallTime stamp) {
  const Value metadata =
      Value::Struct({{std::string(kStampName), std::to_string(stamp.since_epoch.count())}});
  const auto put =
      bucket.call("PutObject", Value::Struct({{"Bucket", bucket.name},
                                              {"Key", KeyFor(bucket, what)},
                                              {"ContentType", "application/octet-stream"},
                                              {"Metadata", metadata}}));
  return put.ok() ? base::Ok() : base::Status(put.error());
}

base::Result<std::optional<ObjectStamp>> GetStamp(const Bucket& bucket, std::string_view what) {
  const std::string key = KeyFor(bucket, what);
  const auto told =
      bucket.call("HeadObject", Value::Struct({{"Bucket", bucket.name}, {"Key", key}}));
  if (!told.ok() && told.error().code() == base::ErrorCode::kNotFound)
    return std::optional<ObjectStamp>();
  if (!told.ok()) return told.error();
  const std::string text = StampText(*told);
  std::int64_t stamp = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, stamp).ptr != end) {
    return base::Corrupt("object " + key + " of bucket " + bucket.name +
                         " holds no stamp; delete it");
  }
  return std::optional<ObjectStamp>(ObjectStamp{base::WallTime{base::Duration(stamp)},
                                                std::string(told->String("ReplicationStatus"))});
}

bool IsLeewards(std::string_view prefix, std::string_view key) {
  return key.starts_with(prefix) && key.substr(prefix.size()).starts_with(kOwn);
}

std::string ReplicationRuleId(const model::ApplicationName& application,
                              const model::ComponentName& component) {
  return "leeward-" + application.str() + "-" + component.str();
}

Value LagQuestion(const CopyRoute& route, base::WallTime now) {
  Value::List queries;
  for (const LagMetric& one : kLagMetrics) {
    const Value metric =
        Value::Struct({{"Namespace", "AWS/S3"},
                       {"MetricName", one.name},
                       {"Dimensions", Value::List{Dimension("SourceBucket", route.from_bucket),
                                                  Dimension("DestinationBucket", route.to_bucket),
                                                  Dimension("RuleId", route.rule)}}});
    queries.push_back(Value::Struct(
        {{"Id", one.id},
         {"MetricStat",
          Value::Struct({{"Metric", metric}, {"Period", kMetricPeriod}, {"Stat", "Maximum"}})},
         {"ReturnData", true}}));
  }
  return Value::Struct({{"MetricDataQueries", std::move(queries)},
                        {"StartTime", now - kMetricsOf},
                        {"EndTime", now},
                        {"ScanBy", "TimestampDescending"}});
}

std::optional<CopyLag> ReadLag(const Value& metric_data) {
  const auto operations = NewestDatapoint(metric_data, "operations");
  const auto latency = NewestDatapoint(metric_data, "latency");
  // Both or none: what is under way says nothing of how old it is, and the other way round.
  if (!operations || !latency) return std::nullopt;
  CopyLag lag;
  lag.at = std::min(operations->at, latency->at);
  lag.latency = base::Duration(std::llround(latency->value * 1e9));
  lag.operations = std::llround(operations->value);
  if (const auto bytes = NewestDatapoint(metric_data, "bytes"))
    lag.bytes = std::llround(bytes->value);
  return lag;
}

}  // namespace leeward::steps
