// Buckets: made, set and deleted where they live.
#include <fmt/format.h>

#include "lab/services/ask_region.h"
#include "lab/services/dispatch.h"
#include "lab/services/s3.h"
#include "lab/services/s3_policy.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

// Where S3 began, some things are as they were then.
constexpr std::string_view kFirstRegion = "us-east-1";

ApiError Incompatible(std::string_view constraint) {
  return {"IllegalLocationConstraintException",
          fmt::format("The {} location constraint is incompatible for the region specific endpoint "
                      "this request was sent to.",
                      constraint),
          400,
          {}};
}

ApiError Busy() {
  return {"OperationAborted",
          "A conflicting conditional operation is currently in progress against this resource. "
          "Please try again.",
          409,
          {}};
}

// Why a bucket cannot be deleted now.
Problem WhyKept(const Bucket& bucket) {
  if (bucket.gone) return NoSuchBucket(bucket.name);
  if (!bucket.keys.empty()) {
    return ApiError{"BucketNotEmpty",
                    bucket.versioning == Versioning::kNever
                        ? "The bucket you tried to delete is not empty"
                        : "The bucket you tried to delete is not empty. You must delete all "
                          "versions in the bucket.",
                    409, Value::Struct({{"BucketName", bucket.name}})};
  }
  return bucket.writing > 0 ? Problem(Busy()) : std::nullopt;
}

// The Region that a request asks for, which reached this one; or why it cannot.
std::variant<std::string, ApiError> RegionAsked(const Value& input, const std::string& here) {
  const Value& configuration = input.Sub("CreateBucketConfiguration");
  for (const char* member : {"Location", "Bucket", "Tags"}) {
    if (configuration.Has(member)) return NotServedHere(fmt::format("{} of a new bucket", member));
  }
  std::string_view constraint = configuration.String("LocationConstraint");
  if (constraint == "EU") constraint = "eu-west-1";
  if (constraint == here || here == kFirstRegion)
    return std::string(constraint.empty() ? here : constraint);
  return Incompatible(constraint.empty() ? "unspecified" : constraint);
}

}  // namespace

Flow<Answer> S3::CreateBucket(Value input) {
  const std::string name(input.String("Bucket"));
  if (auto problem = CheckBucketName(name)) co_return *problem;
  if (auto problem = CheckWrite(input)) co_return *problem;
  const auto asked = RegionAsked(input, host_.region());
  if (const auto* error = std::get_if<ApiError>(&asked)) co_return *error;
  const std::string region = std::get<std::string>(asked);
  const Value ask = Value::Struct({{"Name", name}});
  const Answer made = co_await AskRegion(host_, region, "s3", "MakeBucket", ask, limits.call * 3);
  if (const auto* error = std::get_if<ApiError>(&made)) {
    if (error->code == "InvalidParameterValue")  // not one of the lab's
      co_return S3Invalid("InvalidLocationConstraint",
                          "The specified location-constraint is not valid");
    if (TimedOut(made)) co_return CannotTell(fmt::format("{} does not answer", region));
    co_return *error;
  }
  co_return Value::Struct(
      {{"Location",
        region == kFirstRegion ? "/" + name : fmt::format("http://{}.s3.amazonaws.com/", name)}});
}

Flow<Answer> S3::MakeBucket(Value input) {
  const std::string name(input.String("Name"));
  if (buckets_.contains(name)) {
    if (host_.region() == kFirstRegion) co_return Value::Struct();
    co_return ApiError{
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
        409,
        {}};
  }
  if (buckets_.size() >= limits.buckets) {
    co_return S3Invalid("TooManyBuckets", "You have attempted to create more buckets than allowed");
  }
  if (!making_.insert(name).second) co_return Busy();
  Answer made = co_await MakeHere(name);
  making_.erase(name);
  co_return made;
}

Flow<Answer> S3::MakeHere(std::string name) {
  const Value claim =
      Value::Struct({{"Name", name}, {"Region", host_.region()}, {"Created", host_.clock().Now()}});
  const Answer claimed = co_await AskNames("Claim", claim);
  if (TimedOut(claimed)) co_return CannotTell(fmt::format("{} does not answer", NamesRegion()));
  if (IsError(claimed)) co_return claimed;
  auto bucket = std::make_shared<Bucket>();
  bucket->name = name;
  bucket->created = claim.Sub("Created").time();
  const Value saved = Save(*bucket);
  std::function<base::Status()> make = [this, saved] { return store_.MakeBucket(saved); };
  const base::Status made = co_await Offload<base::Status>(host_, std::move(make));
  if (auto problem = DiskProblem(made)) co_return *problem;
  buckets_[name] = bucket;
  co_return Value::Struct();
}

Flow<Answer> S3::DeleteBucket(BucketPtr bucket, Value /*input*/) {
  if (auto problem = WhyKept(*bucket)) co_return *problem;
  const Value mine = Value::Struct({{"Name", bucket->name}, {"Region", host_.region()}});
  const Answer freed = co_await AskNames("Disclaim", mine);
  if (TimedOut(freed)) co_return CannotTell(fmt::format("{} does not answer", NamesRegion()));
  if (IsError(freed)) co_return freed;
  if (auto problem = WhyKept(*bucket)) {
    if (!bucket->gone) Announce().Detach();
    co_return *problem;
  }
  bucket->gone = true;
  std::function<base::Status()> remove = [this, name = bucket->name] {
    return store_.RemoveBucket(name);
  };
  const base::Status removed = co_await Offload<base::Status>(host_, std::move(remove));
  buckets_.erase(bucket->name);
  if (auto problem = DiskProblem(removed)) co_return *problem;
  co_return Value::Struct();
}

// Of all Regions, by name.
Flow<Answer> S3::ListBuckets(Value input) {
  const Answer answer = co_await AskNames("ListNames", Value::Struct());
  if (IsError(answer)) co_return CannotTell(fmt::format("{} does not answer", NamesRegion()));
  const Value& names = std::get<Value>(answer).Sub("Names");
  std::map<std::string, Value> sorted;
  if (names.is_members()) sorted.insert(names.members().begin(), names.members().end());
  constexpr std::int64_t kAll = 10'000;
  const auto limit = static_cast<std::size_t>(input.Int("MaxBuckets", kAll));
  Value::List buckets;
  std::string last;
  bool more = false;
  for (const auto& [name, each] : sorted) {
    const std::string_view region = each.String("Region");
    const bool wanted = name > input.String("ContinuationToken") &&
                        name.starts_with(input.String("Prefix")) &&
                        input.String("BucketRegion", region) == region;
    if (!wanted) continue;
    more = buckets.size() >= limit;
    if (more) break;
    buckets.push_back(Value::Struct(
        {{"Name", name}, {"CreationDate", each.Sub("Created")}, {"BucketRegion", region}}));
    last = name;
  }
  Value list = Value::Struct({{"Owner", Owner()}, {"Buckets", Value(std::move(buckets))}});
  if (more) list.Set("ContinuationToken", last);
  if (input.Has("Prefix")) list.Set("Prefix", input.String("Prefix"));
  co_return list;
}

Answer S3::HeadBucket(Bucket& /*bucket*/, const Value& /*input*/) {
  return Value::Struct({{"BucketRegion", host_.region()}});
}

Answer S3::GetBucketLocation(Bucket& /*bucket*/, const Value& /*input*/) {
  if (host_.region() == kFirstRegion) return Value::Struct();
  return Value::Struct({{"LocationConstraint", host_.region()}});
}

Answer S3::GetBucketVersioning(Bucket& bucket, const Value& /*input*/) {
  if (bucket.versioning == Versioning::kNever) return Value::Struct();
  const bool on = bucket.versioning == Versioning::kEnabled;
  return Value::Struct({{"Status", on ? "Enabled" : "Suspended"}});
}

Flow<Answer> S3::PutBucketVersioning(BucketPtr bucket, Value input) {
  if (auto problem = CheckWrite(input)) co_return *problem;
  const Value& wanted = input.Sub("VersioningConfiguration");
  if (wanted.Has("MFADelete")) co_return NotServedHere("MFA delete");
  const std::string status(wanted.String("Status"));
  if (status.empty()) {
    co_return S3Invalid("IllegalVersioningConfigurationException",
                        "The Versioning element must be specified");
  }
  const Problem leave = co_await AskLeave();
  if (leave) co_return *leave;
  if (bucket->gone) co_return NoSuchBucket(bucket->name);
  if (!bucket->rules.empty() && status == "Suspended") {
    co_return ApiError{
        "InvalidBucketState",
        "A replication configuration is present on this bucket, so you cannot change the "
        "versioning state. To change the versioning state, first delete the replication "
        "configuration.",
        409,
        {}};
  }
  bucket->versioning = status == "Enabled" ? Versioning::kEnabled : Versioning::kSuspended;
  const Problem problem = co_await SaveBucket(bucket);
  if (problem) co_return *problem;
  co_return Value::Struct();
}

Flow<Answer> S3::PutBucketPolicy(BucketPtr bucket, Value input) {
  const std::string policy(input.String("Policy"));
  if (auto problem = CheckPolicy(policy, bucket->name)) co_return *problem;
  const Problem leave = co_await AskLeave();
  if (leave) co_return *leave;
  if (bucket->gone) co_return NoSuchBucket(bucket->name);
  bucket->policy = policy;
  const Problem saved = co_await SaveBucket(bucket);
  if (saved) co_return *saved;
  co_return Value::Struct();
}

Flow<Answer> S3::DeleteBucketPolicy(BucketPtr bucket, Value /*input*/) {
  const Problem leave = co_await AskLeave();
  if (leave) co_return *leave;
  if (bucket->gone) co_return NoSuchBucket(bucket->name);
  bucket->policy.clear();
  const Problem saved = co_await SaveBucket(bucket);
  if (saved) co_return *saved;
  co_return Value::Struct();
}

Answer S3::GetBucketPolicy(Bucket& bucket, const Value& /*input*/) {
  if (!bucket.policy.empty()) return Value::Struct({{"Policy", bucket.policy}});
  return ApiError{"NoSuchBucketPolicy", "The bucket policy does not exist", 404,
                  Value::Struct({{"BucketName", bucket.name}})};
}

// As it is when its turn has come.
Flow<Problem> S3::SaveBucket(BucketPtr bucket) {
  const std::string turn = TurnOf(*bucket, "");
  ++bucket->writing;
  co_await Turn(turn);
  std::function<base::Status()> save = [this, saved = Save(*bucket)] {
    return store_.SaveBucket(saved);
  };
  const base::Status done = co_await Offload<base::Status>(host_, std::move(save));
  EndTurn(turn);
  --bucket->writing;
  co_return DiskProblem(done);
}

}  // namespace leeward::lab::s3
