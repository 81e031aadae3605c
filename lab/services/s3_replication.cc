// Replication as it is asked for, and what arrives of it from other buckets. What is sent is in
// s3_copies.cc.
#include <fmt/format.h>

#include "base/bytes.h"
#include "lab/services/ask_region.h"
#include "lab/services/region_links.h"
#include "lab/services/s3.h"
#include "lab/services/s3_policy.h"
#include "lab/services/s3_rules.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

// Each rule with an ID, as S3 gives one to what has none.
Value WithIds(const Value& configuration, ports::Random& random) {
  constexpr int kDigits = 48;
  Value::List rules;
  for (Value rule : configuration.Items("Rules")) {
    if (rule.String("ID").empty()) rule.Set("ID", random.Hex(kDigits));
    rules.push_back(std::move(rule));
  }
  Value out = configuration;
  out.Set("Rules", Value(std::move(rules)));
  return out;
}

ApiError PieceMissing() { return {"PieceMissing", "The pieces have to be sent again.", 409, {}}; }

}  // namespace

Flow<Answer> S3::PutBucketReplication(BucketPtr bucket, Value input) {
  if (auto problem = CheckWrite(input)) co_return *problem;
  if (bucket->versioning != Versioning::kEnabled) {
    co_return S3Invalid("InvalidRequest",
                        "Versioning must be 'Enabled' on the bucket to apply a replication "
                        "configuration");
  }
  const Value configuration = WithIds(input.Sub("ReplicationConfiguration"), host_.random());
  auto read = ReadRules(configuration, *bucket, host_.account());
  if (const auto* error = std::get_if<ApiError>(&read)) co_return *error;
  auto rules = std::get<std::vector<Rule>>(std::move(read));
  const Problem leave = co_await AskLeave();
  if (leave) co_return *leave;
  for (Rule& rule : rules) {
    const Problem problem = co_await PlaceRule(&rule);
    if (problem) co_return *problem;
  }
  if (bucket->gone) co_return NoSuchBucket(bucket->name);
  if (bucket->versioning != Versioning::kEnabled)
    co_return S3Invalid("InvalidRequest", "Versioning must be 'Enabled' on the bucket");
  bucket->replication = configuration;
  bucket->rules = std::move(rules);
  const Problem saved = co_await SaveBucket(bucket);
  if (saved) co_return *saved;
  co_return Value::Struct();
}

// Where the rule's bucket is: there, and with versions.
Flow<Problem> S3::PlaceRule(Rule* rule) {
  const Found found = co_await FindBucket(rule->bucket);
  rule->region =
      found.bucket != nullptr ? host_.region() : found.error.members.String("x-amz-bucket-region");
  if (rule->region.empty()) {
    if (found.error.http_status >= 500) co_return found.error;
    co_return S3Invalid("InvalidRequest", "Destination bucket must exist.");
  }
  const Value ask = Value::Struct({{"Name", rule->bucket}});
  const Answer answer =
      co_await AskRegion(host_, rule->region, "s3", "KnowBucket", ask, limits.call);
  const auto* told = std::get_if<Value>(&answer);
  if (told == nullptr) co_return CannotTell(fmt::format("{} does not answer", rule->region));
  if (!told->Flag("There", false))
    co_return S3Invalid("InvalidRequest", "Destination bucket must exist.");
  if (!told->Flag("Versions", false))
    co_return S3Invalid("InvalidRequest", "Destination bucket must have versioning enabled.");
  co_return Problem();
}

Flow<Answer> S3::KnowBucket(Value input) {
  const auto found = buckets_.find(input.String("Name"));
  const bool there = found != buckets_.end();
  const bool versions = there && found->second->versioning == Versioning::kEnabled;
  co_return Value::Struct({{"There", there}, {"Versions", versions}});
}

Answer S3::GetBucketReplication(Bucket& bucket, const Value& /*input*/) {
  if (bucket.rules.empty()) {
    return ApiError{"ReplicationConfigurationNotFoundError",
                    "The replication configuration was not found", 404,
                    Value::Struct({{"BucketName", bucket.name}})};
  }
  return Value::Struct({{"ReplicationConfiguration", bucket.replication}});
}

// What waits to be copied still is.
Flow<Answer> S3::DeleteBucketReplication(BucketPtr bucket, Value /*input*/) {
  const Problem leave = co_await AskLeave();
  if (leave) co_return *leave;
  bucket->rules.clear();
  bucket->replication = Value();
  const Problem saved = co_await SaveBucket(bucket);
  if (saved) co_return *saved;
  co_return Value::Struct();
}

Flow<Answer> S3::TakePiece(Value input) {
  std::function<base::Status()> add = [this, piece = std::move(input)] {
    return store_.AddPiece(std::string(piece.String("Upload")), piece.Int("Offset"),
                           piece.Sub("Bytes").blob().bytes);
  };
  const base::Status added = co_await Offload<base::Status>(host_, std::move(add));
  if (added.ok()) co_return Value::Struct();
  if (added.error().code() == base::ErrorCode::kWrongState) co_return PieceMissing();
  co_return *DiskProblem(added);
}

// Taken once: one that is here already was sent again because its sender did not hear of it.
Flow<Answer> S3::TakeVersion(Value input) {
  const auto found = buckets_.find(input.String("Bucket"));
  if (found == buckets_.end()) co_return NoSuchBucket(input.String("Bucket"));
  const BucketPtr bucket = found->second;
  if (bucket->versioning != Versioning::kEnabled) {
    co_return ApiError{"InvalidBucketState", "The destination bucket has no versions.", 409,
                       Value::Struct()};
  }
  Draft draft;
  draft.key = input.String("Key");
  draft.version = LoadVersion(input.Sub("Version"));
  if (bucket->Find(draft.key, draft.version.id) != nullptr) co_return Value::Struct();
  const Attempt attempt{draft.version.is_marker ? "s3:ReplicateDelete" : "s3:ReplicateObject",
                        draft.key, ""};
  if (auto problem = CheckAllowed(*bucket, attempt)) co_return *problem;
  draft.version.copies.clear();
  draft.version.is_replica = true;
  if (!draft.version.is_marker) {
    const Answer taken = co_await TakeBytes(input, &draft);
    if (std::holds_alternative<ApiError>(taken)) co_return taken;
  }
  Answer written = co_await Write(bucket, &draft);
  co_return written;
}

Flow<Answer> S3::TakeBytes(Value input, Draft* draft) {
  std::function<base::Result<std::string>()> take = [this, piece = std::move(input)] {
    return store_.TakePieces(std::string(piece.String("Upload")), piece.Int("Offset"),
                             piece.Sub("Bytes").blob().bytes);
  };
  auto bytes = co_await Offload<base::Result<std::string>>(host_, std::move(take));
  if (!bytes.ok()) co_return PieceMissing();
  draft->bytes = *std::move(bytes);
  if (base::Crc32c(draft->bytes) != draft->version.crc) co_return PieceMissing();
  co_return Value::Struct();
}

// Of a rule that copies to a bucket here.
Flow<Answer> S3::TakeMetrics(Value input) {
  if (auto* sink = FindSibling<MetricSink>(host_, "cloudwatch")) {
    const Dimensions dimensions{{"SourceBucket", std::string(input.String("Source"))},
                                {"DestinationBucket", std::string(input.String("Destination"))},
                                {"RuleId", std::string(input.String("Rule"))}};
    sink->Publish("AWS/S3", "BytesPendingReplication", dimensions, "Bytes", input.Number("Bytes"));
    sink->Publish("AWS/S3", "OperationsPendingReplication", dimensions, "Count",
                  input.Number("Operations"));
    sink->Publish("AWS/S3", "ReplicationLatency", dimensions, "Seconds", input.Number("Latency"));
  }
  co_return Value::Struct();
}

}  // namespace leeward::lab::s3
