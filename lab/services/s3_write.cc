// What changes the versions of a key, one after the other.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/s3.h"
#include "lab/services/s3_list.h"
#include "lab/services/s3_policy.h"
#include "lab/services/s3_rules.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::size_t kIdLength = 32;

ApiError Unmet(std::string_view condition) {
  return {"PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
          412, Value::Struct({{"Condition", condition}})};
}

// Of a write, about what is there now.
Problem CheckThere(const Bucket& bucket, std::string_view key, const Value& conditions) {
  const Version* newest = bucket.Newest(key);
  const bool there = newest != nullptr && !newest->is_marker;
  if (conditions.Has("IfNoneMatch") && there) return Unmet("If-None-Match");
  if (!conditions.Has("IfMatch")) return std::nullopt;
  if (!there) return NoSuchKey(key);
  if (!MatchesETag(conditions.String("IfMatch"), newest->etag)) return Unmet("If-Match");
  return std::nullopt;
}

}  // namespace

std::string S3::TurnOf(const Bucket& bucket, std::string_view key) {
  return fmt::format("{}/{}", bucket.name, key);
}

Await<Nothing> S3::Turn(std::string name) {
  return Await<Nothing>([this, name = std::move(name)](Await<Nothing>::Done done) {
    const auto [at, free] = turns_.try_emplace(name);
    if (free) return done({});
    at->second.push_back([done = std::move(done)] { done({}); });
  });
}

void S3::EndTurn(const std::string& name) {
  const auto at = turns_.find(name);
  if (at->second.empty()) {
    turns_.erase(at);
    return;
  }
  auto next = std::move(at->second.front());
  at->second.pop_front();
  host_.Post(std::move(next));
}

std::string S3::NewVersionId() {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
  std::string id;
  while (id.size() < kIdLength) id += kLetters[host_.random().Below(kLetters.size())];
  return id;
}

Flow<Answer> S3::Write(BucketPtr bucket, Draft* draft) {
  const std::string turn = TurnOf(*bucket, draft->key);
  ++bucket->writing;
  co_await Turn(turn);
  Answer answer = co_await WriteInTurn(bucket, draft);
  EndTurn(turn);
  --bucket->writing;
  co_return answer;
}

// A replica comes with its id and time; what is new is newer than all that is there.
Flow<Answer> S3::WriteInTurn(BucketPtr bucket, Draft* draft) {
  Version& version = draft->version;
  if (bucket->gone) co_return NoSuchBucket(bucket->name);
  if (auto problem = CheckThere(*bucket, draft->key, draft->conditions)) co_return *problem;
  if (version.id.empty()) {
    const Version* newest = bucket->Newest(draft->key);
    version.time =
        std::max(host_.clock().Now().since_epoch.count(), newest == nullptr ? 0 : newest->time + 1);
    version.id =
        bucket->versioning == Versioning::kEnabled ? NewVersionId() : std::string(kNullVersion);
    version.copies = CopiesOf(bucket->rules, draft->key, version);
  } else if (bucket->Find(draft->key, version.id) != nullptr) {
    co_return Value::Struct();
  }
  version.number = bucket->next++;
  const Store::Place place{bucket->name, draft->key};
  std::function<base::Status()> put = [this, place, draft] {
    return store_.Put(place, draft->version, draft->bytes);
  };
  const base::Status written = co_await Offload<base::Status>(host_, std::move(put));
  if (auto problem = DiskProblem(written)) co_return *problem;
  const Version* replaced = bucket->Find(draft->key, version.id);
  const std::uint64_t old = replaced == nullptr ? 0 : replaced->number;
  if (old != 0) bucket->Remove(draft->key, old);
  bucket->Add(draft->key, version);
  Enqueue(bucket, draft->key, version);
  if (old != 0) {
    const Problem problem = co_await DropVersion(bucket, draft->key, old);
    if (problem) co_return *problem;
  }
  co_return Value::Struct();
}

Flow<Problem> S3::DropVersion(BucketPtr bucket, std::string key, std::uint64_t number) {
  bucket->Remove(key, number);
  const Store::Place place{bucket->name, key};
  std::function<base::Status()> drop = [this, place, number] { return store_.Drop(place, number); };
  const base::Status dropped = co_await Offload<base::Status>(host_, std::move(drop));
  co_return DiskProblem(dropped);
}

Flow<Answer> S3::DeleteObject(BucketPtr bucket, Value input) {
  if (auto problem = CheckWrite(input)) co_return *problem;
  if (input.Has("IfMatch")) co_return NotServedHere("conditional deletes");
  const std::string key(input.String("Key"));
  if (auto problem = CheckKey(key)) co_return *problem;
  const std::string id(input.String("VersionId"));
  Answer answer = co_await DeleteOne(bucket, key, id);
  co_return answer;
}

// Answers VersionId and DeleteMarker, as DeleteObject does.
Flow<Answer> S3::DeleteOne(BucketPtr bucket, std::string key, std::string id) {
  if (!id.empty()) {
    const std::string turn = TurnOf(*bucket, key);
    ++bucket->writing;
    co_await Turn(turn);
    Answer answer = co_await DeleteVersion(bucket, key, id);
    EndTurn(turn);
    --bucket->writing;
    co_return answer;
  }
  if (bucket->versioning == Versioning::kNever) {
    Answer answer = co_await DeleteOne(bucket, key, std::string(kNullVersion));
    if (std::holds_alternative<ApiError>(answer)) co_return answer;
    co_return Value::Struct();
  }
  Draft draft;
  draft.key = key;
  draft.version.is_marker = true;
  const Answer written = co_await Write(bucket, &draft);
  if (std::holds_alternative<ApiError>(written)) co_return written;
  co_return Value::Struct({{"DeleteMarker", true}, {"VersionId", draft.version.id}});
}

// What is not there is deleted already.
Flow<Answer> S3::DeleteVersion(BucketPtr bucket, std::string key, std::string id) {
  Value answer = Value::Struct({{"VersionId", id}});
  const Version* version = bucket->Find(key, id);
  if (version == nullptr) co_return answer;
  if (version->is_marker) answer.Set("DeleteMarker", true);
  const Problem problem = co_await DropVersion(bucket, key, version->number);
  if (problem) co_return *problem;
  co_return answer;
}

Flow<Answer> S3::DeleteObjects(BucketPtr bucket, Value input) {
  if (auto problem = CheckWrite(input)) co_return *problem;
  const Value& wanted = input.Sub("Delete");
  const Value::List objects = wanted.Items("Objects");
  if (objects.empty() || objects.size() > limits.deletes) {
    co_return S3Invalid("MalformedXML",
                        "The XML you provided was not well-formed or did not validate against our "
                        "published schema");
  }
  const bool quiet = wanted.Flag("Quiet", false);
  Value::List deleted;
  Value::List errors;
  for (const Value& object : objects) {
    const std::string key(object.String("Key"));
    const std::string id(object.String("VersionId"));
    const Attempt attempt{ActionOf("DeleteObject", object), key,
                          std::string(input.String(kCaller))};
    Problem problem = CheckAllowed(*bucket, attempt);
    if (!problem) problem = CheckKey(key);
    for (const char* condition : {"ETag", "LastModifiedTime", "Size"}) {
      if (object.Has(condition)) problem = NotServedHere("conditional deletes");
    }
    Answer answer = Value::Struct();
    if (problem) {
      answer = *problem;
    } else {
      answer = co_await DeleteOne(bucket, key, id);
    }
    Value entry = Value::Struct({{"Key", key}});
    if (!id.empty()) entry.Set("VersionId", id);
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      entry.Set("Code", error->code).Set("Message", error->message);
      errors.push_back(std::move(entry));
      continue;
    }
    const Value& done = std::get<Value>(answer);
    if (done.Flag("DeleteMarker", false))
      entry.Set("DeleteMarker", true).Set("DeleteMarkerVersionId", done.String("VersionId"));
    if (!quiet) deleted.push_back(std::move(entry));
  }
  co_return Value::Struct(
      {{"Deleted", Value(std::move(deleted))}, {"Errors", Value(std::move(errors))}});
}

Answer S3::ListObjectsV2(Bucket& bucket, const Value& input) {
  return ListObjects(bucket, input, Owner());
}

Answer S3::ListObjectVersions(Bucket& bucket, const Value& input) {
  return ListVersions(bucket, input, Owner());
}

}  // namespace leeward::lab::s3
