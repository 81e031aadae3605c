// The names of buckets: one list for all Regions, kept in us-east-1 as the setting of S3's buckets
// is. Objects are read and written without it; a bucket is not made, deleted or set otherwise while
// that Region is away.
//
// A Region that says a name is its own and has no such bucket has it no longer: a name that was
// claimed for a bucket that was never made is free for the next who asks.
#include <fmt/format.h>

#include <algorithm>

#include "lab/core/item_peers.h"
#include "lab/services/ask_region.h"
#include "lab/services/s3.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::string_view kHome = "us-east-1";

ApiError Owned() {
  return {"BucketAlreadyOwnedByYou",
          "Your previous request to create the named bucket succeeded and you already own it.",
          409,
          {}};
}

}  // namespace

// In a lab without that Region, the first by name.
std::string S3::NamesRegion() {
  std::vector<std::string> regions{host_.region()};
  auto* lab = dynamic_cast<KnowsItemStores*>(&host_);
  if (lab == nullptr) return std::string(kHome);
  for (const auto& peer : lab->ItemStoresElsewhere()) regions.push_back(peer.region);
  if (std::find(regions.begin(), regions.end(), kHome) != regions.end()) return std::string(kHome);
  return *std::min_element(regions.begin(), regions.end());
}

Await<Answer> S3::AskNames(std::string operation, Value input) {
  return AskRegion(host_, NamesRegion(), "s3", std::move(operation), std::move(input), limits.call);
}

Flow<S3::Found> S3::FindBucket(std::string name) {
  const auto here = buckets_.find(name);
  if (here != buckets_.end()) co_return Found{here->second, {}};
  if (auto problem = CheckBucketName(name)) co_return Found{nullptr, *problem};
  const Value ask = Value::Struct({{"Name", name}});
  const Answer answer = co_await AskNames("Whose", ask);
  const auto* told = std::get_if<Value>(&answer);
  if (told == nullptr) {
    const auto known = known_.find(name);
    if (known != known_.end()) co_return Found{nullptr, Elsewhere(name, known->second)};
    co_return Found{nullptr, CannotTell("The names of buckets cannot be asked for")};
  }
  const std::string region(told->String("Region"));
  // It may have been made meanwhile.
  const auto now = buckets_.find(name);
  if (now != buckets_.end()) co_return Found{now->second, {}};
  if (region.empty() || region == host_.region()) co_return Found{nullptr, NoSuchBucket(name)};
  if (known_.size() >= limits.known) known_.clear();
  known_[name] = region;
  co_return Found{nullptr, Elsewhere(name, region)};
}

Flow<Problem> S3::AskLeave() {
  const Answer answer = co_await AskNames("Leave", Value::Struct());
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    if (error->http_status == 0)
      co_return CannotTell(fmt::format("{} does not answer", NamesRegion()));
    co_return *error;
  }
  co_return Problem();
}

Flow<Answer> S3::Leave(Value /*input*/) {
  if (control_plane_down_)
    co_return CannotTell(fmt::format("The control plane of {} is down", host_.region()));
  co_return Value::Struct();
}

Flow<Answer> S3::HasBucket(Value input) {
  const std::string_view name = input.String("Name");
  co_return Value::Struct({{"Has", buckets_.contains(name) || making_.contains(name)}});
}

Flow<Problem> S3::SaveNames() {
  const std::string turn = "names";
  co_await Turn(turn);
  std::function<base::Status()> save = [this, names = names_] { return store_.SaveNames(names); };
  const base::Status saved = co_await Offload<base::Status>(host_, std::move(save));
  EndTurn(turn);
  co_return DiskProblem(saved);
}

Flow<Answer> S3::Claim(Value input) {
  if (control_plane_down_)
    co_return CannotTell(fmt::format("The control plane of {} is down", host_.region()));
  const std::string name(input.String("Name"));
  const std::string holder(names_.Sub(name).String("Region"));
  if (!holder.empty() && holder != input.String("Region")) {
    const Value ask = Value::Struct({{"Name", name}});
    const Answer answer = co_await AskRegion(host_, holder, "s3", "HasBucket", ask, limits.call);
    const auto* told = std::get_if<Value>(&answer);
    if (told == nullptr || told->Flag("Has", true)) co_return Owned();
    if (names_.Sub(name).String("Region") != holder) co_return Owned();
  }
  names_.Set(
      name, Value::Struct({{"Region", input.String("Region")}, {"Created", input.Sub("Created")}}));
  const Problem problem = co_await SaveNames();
  if (problem) co_return *problem;
  co_return Value::Struct();
}

// After a Region has started: what it has, which the names may have lost.
Flow<Answer> S3::ClaimAgain(Value input) {
  for (const Value& each : input.Items("Buckets")) {
    const std::string_view name = each.String("Name");
    if (names_.Has(name)) continue;
    names_.Set(name, Value::Struct(
                         {{"Region", input.String("Region")}, {"Created", each.Sub("Created")}}));
  }
  const Problem problem = co_await SaveNames();
  if (problem) co_return *problem;
  co_return Value::Struct();
}

Flow<Answer> S3::Disclaim(Value input) {
  if (control_plane_down_)
    co_return CannotTell(fmt::format("The control plane of {} is down", host_.region()));
  const std::string_view name = input.String("Name");
  if (names_.Sub(name).String("Region") == input.String("Region")) names_.Erase(name);
  const Problem problem = co_await SaveNames();
  if (problem) co_return *problem;
  co_return Value::Struct();
}

Flow<Answer> S3::Whose(Value input) {
  co_return Value::Struct({{"Region", names_.Sub(input.String("Name")).String("Region")}});
}

Flow<Answer> S3::ListNames(Value /*input*/) { co_return Value::Struct({{"Names", names_}}); }

Flow<> S3::Announce() {
  if (buckets_.empty()) co_return;
  for (;;) {
    Value::List buckets;
    for (const auto& [name, bucket] : buckets_)
      buckets.push_back(Value::Struct({{"Name", name}, {"Created", bucket->created}}));
    const Value input =
        Value::Struct({{"Region", host_.region()}, {"Buckets", Value(std::move(buckets))}});
    const Answer answer = co_await AskNames("ClaimAgain", input);
    if (std::holds_alternative<Value>(answer)) co_return;
    co_await Sleep(host_, limits.tell);
  }
}

}  // namespace leeward::lab::s3
