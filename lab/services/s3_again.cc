// Versions that are copied because somebody asks for it: by the rules of now, whatever has become
// of them before. A replica that is there already is taken once, and stays as it is.
#include <algorithm>

#include "lab/services/s3.h"
#include "lab/services/s3_rules.h"

namespace leeward::lab::s3 {
namespace {

std::string_view AgainStatus(const Version& version) {
  const std::string_view status = ReplicationStatus(version);
  return status.empty() ? "NONE" : status;
}

bool IsWanted(const AgainFilter& filter, const Bucket& bucket, std::string_view key,
              const Version& version) {
  if (!filter.statuses.empty() && !filter.statuses.contains(AgainStatus(version))) return false;
  const base::WallTime time = TimeOf(version);
  const bool there = std::any_of(filter.prefixes.begin(), filter.prefixes.end(),
                                 [&](const std::string& each) { return key.starts_with(each); });
  if (!filter.prefixes.empty() && !there) return false;
  if (filter.after && time <= *filter.after) return false;
  if (filter.before && time >= *filter.before) return false;
  return filter.rules == AgainFilter::Rules::kAny || !CopiesOf(bucket.rules, key, version).empty();
}

// Those that are to be sent now, of which none is under way already.
std::vector<Copy> MergeCopies(std::vector<Copy> wanted, std::vector<Copy>* copies) {
  std::vector<Copy> fresh;
  for (Copy& copy : wanted) {
    const auto there = std::find_if(copies->begin(), copies->end(),
                                    [&](const Copy& each) { return each.bucket == copy.bucket; });
    if (there == copies->end()) {
      copies->push_back(copy);
    } else if (there->state == CopyState::kPending) {
      continue;
    } else {
      *there = copy;
    }
    fresh.push_back(std::move(copy));
  }
  return fresh;
}

}  // namespace

std::variant<std::vector<AgainTask>, ApiError> S3::WhatToCopy(std::string_view name,
                                                              const AgainFilter& filter) const {
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return NoSuchBucket(name);
  const Bucket& bucket = *found->second;
  if (bucket.rules.empty()) {
    return ApiError{"ReplicationConfigurationNotFoundError",
                    "The replication configuration was not found", 404,
                    Value::Struct({{"BucketName", bucket.name}})};
  }
  std::vector<AgainTask> tasks;
  for (const auto& [key, versions] : bucket.keys) {
    for (const Version& version : versions) {
      if (IsWanted(filter, bucket, key, version)) tasks.push_back({key, version.id});
    }
  }
  return tasks;
}

void S3::CopyAgain(std::string_view name, const AgainTask& task,
                   std::function<void(AgainState)> done) {
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return done(AgainState::kFailed);
  LineUp(found->second, task, std::move(done)).Detach();
}

Flow<> S3::LineUp(BucketPtr bucket, AgainTask task, std::function<void(AgainState)> done) {
  const std::string turn = TurnOf(*bucket, task.key);
  ++bucket->writing;
  co_await Turn(turn);
  const AgainState state = co_await LineUpInTurn(bucket, task);
  EndTurn(turn);
  --bucket->writing;
  done(state);
}

Flow<AgainState> S3::LineUpInTurn(BucketPtr bucket, AgainTask task) {
  const Version* there = bucket->Find(task.key, task.version);
  if (there == nullptr || bucket->gone) co_return AgainState::kFailed;
  Version version = *there;
  std::vector<Copy> wanted = CopiesOf(bucket->rules, task.key, version);
  if (wanted.empty()) co_return AgainState::kFailed;
  Version sent = version;
  sent.copies = MergeCopies(std::move(wanted), &version.copies);
  if (sent.copies.empty()) co_return AgainState::kWaiting;
  const Store::Place place{bucket->name, task.key};
  std::function<base::Status()> put = [this, place, version] {
    return store_.PutRecord(place, version);
  };
  const base::Status written = co_await Offload<base::Status>(host_, std::move(put));
  if (DiskProblem(written)) co_return AgainState::kFailed;
  auto& versions = bucket->keys.find(task.key)->second;
  for (Version& each : versions) {
    if (each.number == version.number) each.copies = version.copies;
  }
  Enqueue(bucket, task.key, sent);
  co_return AgainState::kWaiting;
}

AgainState S3::StateOf(std::string_view name, const AgainTask& task) const {
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return AgainState::kFailed;
  const Version* version = found->second->Find(task.key, task.version);
  if (version == nullptr) return AgainState::kFailed;
  AgainState state = AgainState::kSucceeded;
  for (const Copy& copy : version->copies) {
    if (copy.state == CopyState::kPending) return AgainState::kWaiting;
    if (copy.state == CopyState::kFailed) state = AgainState::kFailed;
  }
  return state;
}

}  // namespace leeward::lab::s3
