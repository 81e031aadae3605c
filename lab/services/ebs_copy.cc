// Copies of snapshots: asked for in the Region that gets one, which fetches what it does not have
// yet, block by block, through the lab's network. A copy goes on after a kill of its own Region,
// and waits while the source's does not answer.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lab/services/ask_region.h"
#include "lab/services/ebs.h"
#include "lab/services/ebs_checks.h"
#include "lab/services/presigned.h"

namespace leeward::lab::ebs {
namespace {

using shapes::Value;

constexpr std::string_view kSelf = "ec2";

ApiError BadUrl(std::string_view why) {
  return BadValue(fmt::format("Invalid presigned URL in parameter presignedUrl: {}.", why));
}

std::string_view WhyNotCopied(const ApiError& error) {
  return error.code == "InvalidSnapshot.NotFound" ? "the source snapshot is gone"
                                                  : std::string_view(error.message);
}

}  // namespace

// It is this very call, signed for the source's Region by whoever may read there.
std::optional<ApiError> Ebs::CheckPresigned(const Value& input) const {
  const std::string_view from = input.String("SourceRegion");
  const auto why = WhyNotPresigned(host_, input.String("PresignedUrl"),
                                   {kSelf,
                                    from,
                                    {{"Action", "CopySnapshot"},
                                     {"SourceRegion", from},
                                     {"SourceSnapshotId", input.String("SourceSnapshotId")},
                                     {"DestinationRegion", host_.region()}}});
  return why ? std::optional(BadUrl(*why)) : std::nullopt;
}

void Ebs::CopySnapshot(const Value& input, Reply reply) {
  CheckCopy(Asker::kClient, input, std::move(reply));
}

void Ebs::CheckCopy(Asker asker, const Value& input, Reply reply) {
  if (auto error = CheckId(input.String("SourceSnapshotId"), "snap-")) return reply(*error);
  if (auto refused = RefuseMembers(input, {"DestinationOutpostArn", "CompletionDurationMinutes",
                                           "DestinationAvailabilityZone"}))
    return reply(*refused);
  if (input.Has("DestinationRegion") && input.String("DestinationRegion") != host_.region()) {
    return reply(BadValue(fmt::format("Value ({}) for parameter destinationRegion is invalid.",
                                      input.String("DestinationRegion"))));
  }
  if (input.Has("PresignedUrl")) {
    if (auto error = CheckPresigned(input)) return reply(*error);
  }
  const auto tags = TagsFor(input, "snapshot");
  if (const auto* error = std::get_if<ApiError>(&tags)) return reply(*error);
  if (copying_.size() >= limits.copies) {
    return reply(ApiError{"ResourceLimitExceeded",
                          fmt::format("Too many snapshot copies in progress. The limit is {} for "
                                      "this destination region.",
                                      limits.copies),
                          400,
                          {}});
  }
  BeginCopy(asker, input, std::move(reply)).Detach();
}

Flow<> Ebs::BeginCopy(Asker asker, Value input, Reply reply) {
  const std::string region(input.String("SourceRegion"));
  const std::string source(input.String("SourceSnapshotId"));
  const Value ask = Value::Struct({{"SnapshotId", source}});
  const Answer told = co_await AskRegion(host_, region, std::string(kSelf),
                                         "DescribeSnapshotForCopy", ask, limits.call);
  if (IsError(told)) {
    const ApiError silent{"ServiceUnavailable", "The source Region does not answer.", 503, {}};
    reply(TimedOut(told) ? Answer(silent) : told);
    co_return;
  }
  const Value& from = std::get<Value>(told).Sub("Record");
  const bool encrypted = from.Flag("Encrypted", false);
  if (encrypted && asker == Asker::kClient && !input.Has("PresignedUrl")) {
    reply(ApiError{"MissingParameter",
                   "The request must contain the parameter presignedUrl: the snapshot is encrypted",
                   400,
                   {}});
    co_return;
  }
  if (encrypted && !input.Flag("Encrypted", true)) {
    reply(BadValue("The copy of an encrypted snapshot is encrypted."));
    co_return;
  }
  const std::string id = NewId("snap-");
  const Value tags = std::get<Value>(TagsFor(input, "snapshot"));
  // AWS gives copies a volume that must not be used for anything.
  Value record = Value::Struct({{"SnapshotId", id},
                                {"VolumeId", "vol-ffffffff"},
                                {"State", "pending"},
                                {"StartTime", host_.clock().Now()},
                                {"Progress", "0%"},
                                {"OwnerId", host_.account()},
                                {"Description", input.String("Description")},
                                {"VolumeSize", from.Int("VolumeSize")},
                                {"Encrypted", encrypted || input.Flag("Encrypted", false)},
                                {"StorageTier", "standard"},
                                {"Tags", tags}});
  // Without a key in the request it is the Region's own: the source's is of another Region.
  if (record.Flag("Encrypted", false)) Encrypt(record, input, "");
  snapshots_[id] = std::move(record);
  copying_[id] = {region, source};
  Save();
  reply(Value::Struct({{"SnapshotId", id}, {"Tags", tags}}));
  RunCopy(id).Detach();
}

Flow<> Ebs::RunCopy(std::string id) {
  const Copying from = copying_[id];
  const std::string why = WhyNotEncrypted(snapshots_[id]);
  base::Status copied = base::WrongState(why);
  if (why.empty()) copied = co_await Fetch(id, from);
  const auto kept = snapshots_.find(id);
  if (kept == snapshots_.end()) co_return;
  copying_.erase(id);
  if (!copied.ok()) {
    kept->second.Set("State", "error");
    kept->second.Set("StateMessage", copied.error().message());
    Save();
    co_return;
  }
  Complete(id).Detach();
  Save();
}

Flow<base::Status> Ebs::Fetch(std::string id, Copying from) {
  const Value ask = Value::Struct({{"SnapshotId", from.snapshot}, {"WithMap", true}});
  Answer told = Value();
  while (true) {
    told = co_await AskRegion(host_, from.region, std::string(kSelf), "DescribeSnapshotForCopy",
                              ask, limits.call);
    if (!snapshots_.contains(id)) co_return base::Cancelled("deleted");
    if (!TimedOut(told)) break;
    co_await Sleep(host_, limits.source_retry);
  }
  if (IsError(told)) co_return base::NotFound(std::string(WhyNotCopied(std::get<ApiError>(told))));
  BlockMap have;
  const Value::List blocks = std::get<Value>(told).Items("Blocks");
  base::Status fetched = base::Ok();
  for (const Value& block : blocks) {
    const std::string digest(block.String("Digest"));
    fetched = co_await FetchBlock(id, from, digest);
    if (!fetched.ok()) break;
    have[static_cast<std::uint32_t>(block.Int("Index"))] = digest;
    const auto record = snapshots_.find(id);
    if (record == snapshots_.end()) fetched = base::Cancelled("deleted");
    if (!fetched.ok()) break;
    // 100 % is what is completed.
    record->second.Set(
        "Progress", fmt::format("{}%", have.size() * 99 / std::max<std::size_t>(blocks.size(), 1)));
  }
  if (fetched.ok()) fetched = blocks_.Keep(id, have);
  if (!fetched.ok()) blocks_.Release(have);
  co_return fetched;
}

Flow<base::Status> Ebs::FetchBlock(std::string id, Copying from, std::string digest) {
  const std::function<bool()> hold = [this, digest] { return blocks_.Hold(digest); };
  const bool here = co_await Offload<bool>(host_, hold);
  if (here) co_return base::Ok();
  const Value ask = Value::Struct({{"SnapshotId", from.snapshot}, {"Digest", digest}});
  while (snapshots_.contains(id)) {
    const Answer told = co_await AskRegion(host_, from.region, std::string(kSelf),
                                           "ReadSnapshotBlock", ask, limits.call);
    if (TimedOut(told)) {
      co_await Sleep(host_, limits.source_retry);
      continue;
    }
    if (IsError(told))
      co_return base::NotFound(std::string(WhyNotCopied(std::get<ApiError>(told))));
    const Value& bytes = std::get<Value>(told).Sub("Bytes");
    if (!bytes.is_blob()) co_return base::Corrupt("the source sent no block");
    const std::string text = bytes.blob().bytes;
    const std::function<base::Status()> put = [this, digest, text] {
      return blocks_.Put(digest, text);
    };
    const base::Status kept = co_await Offload<base::Status>(host_, put);
    co_return kept;
  }
  co_return base::Cancelled("deleted");
}

void Ebs::DescribeForCopy(const Value& input, Reply reply) {
  const std::string id(input.String("SnapshotId"));
  const auto found = snapshots_.find(id);
  if (found == snapshots_.end()) return reply(SnapshotNotFound(id));
  if (found->second.String("State") != "completed") {
    return reply(WrongState(
        fmt::format("Snapshot {} is in the {} state.", id, found->second.String("State"))));
  }
  Value answer = Value::Struct({{"Record", found->second}});
  if (!input.Flag("WithMap", false)) return reply(std::move(answer));
  const auto map = blocks_.MapOf(id);
  if (!map.ok()) return reply(ApiError{"InternalError", map.error().message(), 500, {}});
  Value blocks = Value::EmptyList();
  for (const auto& [index, digest] : *map) {
    blocks.list().push_back(
        Value::Struct({{"Index", static_cast<std::int64_t>(index)}, {"Digest", digest}}));
  }
  answer.Set("Blocks", std::move(blocks));
  reply(std::move(answer));
}

void Ebs::ReadForCopy(const Value& input, Reply reply) {
  const std::string id(input.String("SnapshotId"));
  if (!snapshots_.contains(id)) return reply(SnapshotNotFound(id));
  const std::string digest(input.String("Digest"));
  auto read = std::make_shared<std::optional<base::Result<std::string>>>();
  host_.RunBlocking([this, digest, read] { read->emplace(blocks_.Read(digest)); },
                    [read, reply] {
                      base::Result<std::string>& bytes = **read;
                      if (!bytes.ok()) {
                        return reply(ApiError{"InternalError", bytes.error().message(), 500, {}});
                      }
                      reply(Value::Struct({{"Bytes", shapes::Blob{*std::move(bytes)}}}));
                    });
}

}  // namespace leeward::lab::ebs
