// Versions on their way to other buckets. A version that is not copied yet says so in its record,
// so that nothing is forgotten when the process is killed; one that arrived without the sender
// hearing of it is sent again and taken once.
//
// To each Region a few at a time, oldest first, until it answers; a Region that does not answer
// holds up none but its own.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ask_region.h"
#include "lab/services/region_links.h"
#include "lab/services/s3.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::string_view kPieceMissing = "PieceMissing";

}  // namespace

void S3::Enqueue(const BucketPtr& bucket, const std::string& key, const Version& version) {
  for (const Copy& copy : version.copies) {
    if (copy.state != CopyState::kPending) continue;
    lanes_[copy.region].jobs.emplace(
        std::pair(version.time, next_job_++),
        Job{bucket, key, version.number, version.size, copy.bucket, copy.rule, false});
    StartWorkers(copy.region);
  }
}

void S3::EnqueueAll(const BucketPtr& bucket) {
  for (const auto& [key, versions] : bucket->keys) {
    for (const Version& version : versions) Enqueue(bucket, key, version);
  }
}

void S3::StartWorkers(const std::string& region) {
  Lane& lane = lanes_[region];
  if (lane.workers >= limits.copies || lane.jobs.size() <= lane.workers) return;
  ++lane.workers;
  // Not here: what is enqueued is still being written about.
  host_.Post([this, region] { WorkOn(region).Detach(); });
}

S3::Lane::Jobs::iterator S3::NextJob(Lane& lane) {
  return std::find_if(lane.jobs.begin(), lane.jobs.end(),
                      [](const auto& each) { return !each.second.running; });
}

Flow<> S3::WorkOn(std::string region) {
  Lane& lane = lanes_[region];
  for (;;) {
    const auto next = NextJob(lane);
    if (next == lane.jobs.end()) break;
    const auto name = next->first;
    next->second.running = true;
    const Job job = next->second;
    const bool done = co_await CopyOnce(region, job);
    if (done) {
      lane.jobs.erase(name);
    } else {
      lane.jobs.at(name).running = false;
      co_await Sleep(host_, limits.tell);
    }
  }
  --lane.workers;
}

// False: nobody answered, and it is to be tried again.
Flow<bool> S3::CopyOnce(std::string region, Job job) {
  const Version* there = nullptr;
  const auto versions = job.bucket->keys.find(job.key);
  if (versions != job.bucket->keys.end()) {
    for (const Version& each : versions->second)
      if (each.number == job.number) there = &each;
  }
  if (there == nullptr) co_return true;  // deleted for good, which is not replicated
  const Version version = *there;
  const Answer sent = co_await Send(region, job, version);
  const auto* error = std::get_if<ApiError>(&sent);
  if (error != nullptr && error->code == "NoSuchKey") co_return true;
  const bool again =
      error != nullptr && (error->http_status == 0 || error->http_status >= 500 ||
                           error->code == kPieceMissing || error->code == "RequestTimeout");
  if (again) co_return false;
  const CopyState state = error == nullptr ? CopyState::kCompleted : CopyState::kFailed;
  if (error != nullptr) ++failed_[{job.bucket->name, job.rule}];
  const Problem problem = co_await Settle(job, state);
  co_return !problem;
}

Flow<Answer> S3::Send(std::string region, Job job, Version version) {
  const std::string upload =
      fmt::format("{}/{}/{}/{}", host_.region(), job.bucket->name, job.number, job.to);
  Value ask = Value::Struct({{"Bucket", job.to}, {"Key", job.key}, {"Upload", upload}});
  ask.Set("Offset", 0).Set("Version", Save(version));
  std::int64_t offset = 0;
  while (!version.is_marker) {
    const std::int64_t count = std::min(limits.piece, version.size - offset);
    const bool last = offset + count == version.size;
    const Part part{offset, count, false};
    Answer read = co_await ReadBytes(job.bucket, job.key, version, part);
    if (std::holds_alternative<ApiError>(read)) co_return read;
    ask.Set("Offset", offset).Set("Bytes", std::move(std::get<Value>(read)));
    if (last) break;
    Answer taken = co_await AskRegion(host_, region, "s3", "TakePiece", ask, limits.copy);
    if (std::holds_alternative<ApiError>(taken)) co_return taken;
    offset += count;
  }
  Answer taken = co_await AskRegion(host_, region, "s3", "TakeVersion", ask, limits.copy);
  co_return taken;
}

// In the version's record, unless it is deleted meanwhile.
Flow<Problem> S3::Settle(Job job, CopyState state) {
  const std::string turn = TurnOf(*job.bucket, job.key);
  ++job.bucket->writing;
  co_await Turn(turn);
  const Problem problem = co_await SettleInTurn(job, state);
  EndTurn(turn);
  --job.bucket->writing;
  co_return problem;
}

Flow<Problem> S3::SettleInTurn(Job job, CopyState state) {
  const auto versions = job.bucket->keys.find(job.key);
  if (versions == job.bucket->keys.end()) co_return Problem();
  const auto at = std::find_if(versions->second.begin(), versions->second.end(),
                               [&](const Version& each) { return each.number == job.number; });
  if (at == versions->second.end()) co_return Problem();
  for (Copy& copy : at->copies) {
    if (copy.bucket == job.to) copy.state = state;
  }
  const Store::Place place{job.bucket->name, job.key};
  std::function<base::Status()> put = [this, place, version = *at] {
    return store_.PutRecord(place, version);
  };
  const base::Status done = co_await Offload<base::Status>(host_, std::move(put));
  co_return DiskProblem(done);
}

Flow<> S3::Measure() {
  for (;;) {
    for (const auto& [name, bucket] : buckets_) {
      for (const Rule& rule : bucket->rules) {
        if (rule.enabled && rule.metrics) PublishRule(*bucket, rule);
      }
    }
    co_await Sleep(host_, limits.measure);
  }
}

// Pending and late where the copies go, failed where they come from, as S3 publishes them.
void S3::PublishRule(const Bucket& bucket, const Rule& rule) {
  const std::pair name(bucket.name, rule.id);
  double bytes = 0;
  double operations = 0;
  std::int64_t oldest = 0;
  for (const auto& [when, job] : lanes_[rule.region].jobs) {
    if (job.bucket->name != bucket.name || job.rule != rule.id) continue;
    if (operations == 0) oldest = when.first;
    bytes += static_cast<double>(job.size);
    ++operations;
  }
  const base::Duration behind = host_.clock().Now().since_epoch - base::Duration(oldest);
  const double latency = operations == 0 ? 0 : std::max(0.0, base::Seconds(behind));
  if (auto* sink = FindSibling<MetricSink>(host_, "cloudwatch")) {
    const Dimensions dimensions{
        {"SourceBucket", bucket.name}, {"DestinationBucket", rule.bucket}, {"RuleId", rule.id}};
    const auto failed = static_cast<double>(std::exchange(failed_[name], 0));
    sink->Publish("AWS/S3", "OperationsFailedReplication", dimensions, "Count", failed);
  }
  if (!telling_.insert(name).second) return;  // the last are still on their way
  const Value metrics = Value::Struct({{"Source", bucket.name},
                                       {"Destination", rule.bucket},
                                       {"Rule", rule.id},
                                       {"Bytes", bytes},
                                       {"Operations", operations},
                                       {"Latency", latency}});
  host_.CallRegion(rule.region, "s3", "TakeMetrics", metrics, limits.call,
                   [this, name](const Answer& /*answer*/) { telling_.erase(name); });
}

}  // namespace leeward::lab::s3
