// FakeS3: a bucket in each of two Regions as far as the steps of buckets see them: versions, one
// configuration of rules each, copies that come over after some looks, and CloudWatch's word on
// them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "steps/s3.h"
#include "steps/testing/shop.h"

namespace leeward::steps::testing {

class FakeS3 {
 public:
  struct Version {
    std::string key, id;
    Value metadata = {};
    base::WallTime modified = {};
    std::string status = {};  // of its copy
    int looks = 0;            // until it comes over
  };
  struct Bucket {
    std::string region;
    std::string versioning = {};
    Value replication = {};
    std::vector<Version> versions = {};  // the newest last
  };
  struct Metrics {
    base::WallTime at;
    double latency = 0, operations = 0;
  };

  explicit FakeS3(Shop& shop) : shop_(shop) {
    On("s3:HeadBucket", &FakeS3::Head);
    On("s3:GetBucketVersioning", &FakeS3::GetVersioning);
    On("s3:PutBucketVersioning", &FakeS3::PutVersioning);
    On("s3:GetBucketReplication", &FakeS3::GetReplication);
    On("s3:PutBucketReplication", &FakeS3::PutReplication);
    On("s3:PutObject", &FakeS3::PutObject);
    On("s3:HeadObject", &FakeS3::HeadObject);
    On("s3:ListObjectVersions", &FakeS3::ListVersions);
    On("s3control:CreateJob", &FakeS3::CreateJob);
    On("s3control:DescribeJob", &FakeS3::DescribeJob);
    On("cloudwatch:GetMetricData", &FakeS3::GetMetrics);
  }

  Bucket& In(const std::string& region) {
    return buckets.at(region == kHome ? kHomeBucket : kRecoveryBucket);
  }
  // As the application does.
  void Write(const std::string& region, const std::string& key) { Put(In(region), key, Value()); }
  std::vector<std::string> RulesIn(const std::string& region) {
    std::vector<std::string> ids;
    for (const Value& rule : In(region).replication.Items("Rules"))
      ids.emplace_back(rule.String("ID"));
    return ids;
  }
  bool Has(const std::string& region, const std::string& key) {
    return Find(In(region), key, "") != nullptr;
  }
  // The versions of one key and the status of the newest.
  std::string StatusOf(const std::string& region, const std::string& key) {
    return Find(In(region), key, "")->status;
  }

  static constexpr char kHome[] = "us-east-1", kRecovery[] = "us-west-2";
  static constexpr char kHomeBucket[] = "pictures-east", kRecoveryBucket[] = "pictures-west";
  std::map<std::string, Bucket> buckets = {{kHomeBucket, {.region = kHome}},
                                           {kRecoveryBucket, {.region = kRecovery}}};
  std::map<std::string, Metrics> metrics;  // by the Region that gets the copies
  std::set<std::string> dark;
  std::set<std::string> refused;  // keys whose copies fail
  std::string job_fails;          // why every job does; empty: none does
  bool jobs_hang = false;
  int looks = 2;  // until a copy comes over

 private:
  void On(const std::string& operation, Result<Value> (FakeS3::*answer)(const SeenCall& call)) {
    shop_.aws.On(operation, [this, answer](const SeenCall& call) -> Result<Value> {
      if (dark.contains(call.options.region)) return base::Unreachable("no answer in 1.0 s");
      Follow();
      return (this->*answer)(call);
    });
  }
  static base::Error Refusal(base::ErrorCode code, const std::string& service_code) {
    return base::Error(code, "s3: " + service_code).WithServiceCode(service_code);
  }
  Bucket* Named(const SeenCall& call) {
    const auto found = buckets.find(std::string(call.input.String("Bucket")));
    return found == buckets.end() ? nullptr : &found->second;
  }
  static const Version* Find(const Bucket& bucket, std::string_view key, std::string_view id) {
    for (auto one = bucket.versions.rbegin(); one != bucket.versions.rend(); ++one) {
      if (one->key == key && (id.empty() || one->id == id)) return &*one;
    }
    return nullptr;
  }
  static bool IsCopied(const Bucket& bucket) {
    for (const Value& rule : bucket.replication.Items("Rules")) {
      if (rule.String("Status") == "Enabled") return true;
    }
    return false;
  }
  void Put(Bucket& bucket, const std::string& key, const Value& metadata) {
    bucket.versions.push_back({key, "v" + std::to_string(++ids_), metadata, shop_.clock.Now(),
                               IsCopied(bucket) ? "PENDING" : "", looks});
  }
  // Copies that are due come over, unless their Region or the other is dark.
  void Follow() {
    if (!dark.empty()) return;
    for (auto& [name, bucket] : buckets) {
      for (Version& version : bucket.versions) {
        if (version.status != "PENDING" || --version.looks > 0) continue;
        version.status = refused.contains(version.key) ? "FAILED" : "COMPLETED";
        if (version.status == "FAILED") continue;
        Version copy = version;
        copy.status = "REPLICA";
        buckets.at(name == kHomeBucket ? kRecoveryBucket : kHomeBucket).versions.push_back(copy);
      }
    }
  }

  Result<Value> Head(const SeenCall& call) {
    const Bucket* bucket = Named(call);
    if (bucket == nullptr)
      return base::Error(base::ErrorCode::kNotFound, "s3 HeadBucket: HTTP status 404");
    if (bucket->region != call.options.region)
      return base::Error(base::ErrorCode::kService, "s3 HeadBucket: HTTP status 301");
    return Value::Struct({{"BucketRegion", bucket->region}});
  }
  Result<Value> GetVersioning(const SeenCall& call) {
    const std::string& state = Named(call)->versioning;
    return state.empty() ? Value::Struct() : Value::Struct({{"Status", state}});
  }
  Result<Value> PutVersioning(const SeenCall& call) {
    Named(call)->versioning = call.input.Sub("VersioningConfiguration").String("Status");
    return Value::Struct();
  }
  Result<Value> GetReplication(const SeenCall& call) {
    const Value& now = Named(call)->replication;
    if (now.is_null())
      return Refusal(base::ErrorCode::kNotFound, "ReplicationConfigurationNotFoundError");
    return Value::Struct({{"ReplicationConfiguration", now}});
  }
  Result<Value> PutReplication(const SeenCall& call) {
    for (const auto& [name, bucket] : buckets) {
      if (bucket.versioning != "Enabled")
        return Refusal(base::ErrorCode::kInvalid, "InvalidRequest");
    }
    std::set<std::int64_t> priorities;
    for (const Value& rule : call.input.Sub("ReplicationConfiguration").Items("Rules")) {
      if (!priorities.insert(rule.Int("Priority")).second)
        return Refusal(base::ErrorCode::kInvalid, "InvalidRequest");
    }
    Named(call)->replication = call.input.Sub("ReplicationConfiguration");
    return Value::Struct();
  }
  Result<Value> PutObject(const SeenCall& call) {
    Put(*Named(call), std::string(call.input.String("Key")), call.input.Sub("Metadata"));
    return Value::Struct();
  }
  Result<Value> HeadObject(const SeenCall& call) {
    const Version* found =
        Find(*Named(call), call.input.String("Key"), call.input.String("VersionId"));
    if (found == nullptr)
      return base::Error(base::ErrorCode::kNotFound, "s3 HeadObject: HTTP status 404");
    Value told = Value::Struct({{"VersionId", found->id}});
    if (!found->metadata.is_null()) told.Set("Metadata", found->metadata);
    if (!found->status.empty()) told.Set("ReplicationStatus", found->status);
    return told;
  }
  // Three versions a page.
  Result<Value> ListVersions(const SeenCall& call) {
    constexpr std::size_t kPage = 3;
    const Bucket& bucket = *Named(call);
    const std::string prefix(call.input.String("Prefix"));
    const std::string after(call.input.String("VersionIdMarker"));
    Value::List told;
    std::string last;
    bool on = after.empty(), more = false;
    for (const Version& one : bucket.versions) {
      if (on && one.key.starts_with(prefix)) {
        more = told.size() == kPage;
        if (more) break;
        told.push_back(Value::Struct(
            {{"Key", one.key}, {"VersionId", one.id}, {"LastModified", one.modified}}));
        last = one.id;
      }
      on = on || one.id == after;
    }
    Value answer = Value::Struct({{"Versions", told}, {"IsTruncated", more}});
    if (more) answer.Set("NextKeyMarker", "key").Set("NextVersionIdMarker", last);
    return answer;
  }
  // One job a token: the versions that it is to copy, by id.
  Result<Value> CreateJob(const SeenCall& call) {
    const std::string token(call.input.String("ClientRequestToken"));
    const auto [found, fresh] = jobs_.try_emplace(token, std::set<std::string>());
    if (!fresh || !job_fails.empty() || jobs_hang) return Value::Struct({{"JobId", token}});
    const std::string_view arn =
        call.input.Sub("ManifestGenerator").Sub("S3JobManifestGenerator").String("SourceBucket");
    for (Version& version : buckets.at(std::string(arn.substr(arn.rfind(':') + 1))).versions) {
      if (!version.status.empty() && version.status != "FAILED") continue;
      version.status = "PENDING";
      version.looks = looks;
      found->second.insert(version.id);
    }
    return Value::Struct({{"JobId", token}});
  }
  Result<Value> DescribeJob(const SeenCall& call) {
    const std::string id(call.input.String("JobId"));
    const std::set<std::string>& wanted = jobs_.at(id);
    std::int64_t done = 0, failed = 0;
    for (const auto& [name, bucket] : buckets) {
      for (const Version& version : bucket.versions) {
        if (!wanted.contains(version.id)) continue;
        done += version.status == "COMPLETED" ? 1 : 0;
        failed += version.status == "FAILED" ? 1 : 0;
      }
    }
    const auto total = static_cast<std::int64_t>(wanted.size());
    const bool whole = !jobs_hang && done + failed == total;
    Value job = Value::Struct({{"JobId", id}, {"Status", whole ? "Complete" : "Active"}});
    if (!job_fails.empty()) {
      job.Set("Status", "Failed");
      job.Set("FailureReasons", Value::List{Value::Struct({{"FailureReason", job_fails}})});
    }
    job.Set("ProgressSummary", Value::Struct({{"TotalNumberOfTasks", total},
                                              {"NumberOfTasksSucceeded", done},
                                              {"NumberOfTasksFailed", failed}}));
    return Value::Struct({{"Job", job}});
  }
  Result<Value> GetMetrics(const SeenCall& call) {
    Value::List results;
    const auto found = metrics.find(call.options.region);
    for (const Value& query : call.input.Items("MetricDataQueries")) {
      Value result = Value::Struct({{"Id", query.String("Id")}});
      if (found != metrics.end()) {
        const bool latency = query.String("Id") == "latency";
        result.Set("Timestamps", Value::List{found->second.at});
        result.Set("Values",
                   Value::List{latency ? found->second.latency : found->second.operations});
      }
      results.push_back(std::move(result));
    }
    return Value::Struct({{"MetricDataResults", results}});
  }

  Shop& shop_;
  std::map<std::string, std::set<std::string>> jobs_;
  int ids_ = 0;
};

}  // namespace leeward::steps::testing
