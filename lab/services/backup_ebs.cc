// EBS volumes: a recovery point is a snapshot, made, copied and restored by EBS itself, which does
// not delete it while it is one.
#include <fmt/format.h>

#include <charconv>

#include "lab/services/backup_ask.h"
#include "lab/services/backup_checks.h"
#include "lab/services/backup_resource.h"
#include "lab/services/region_links.h"
#include "lab/services/volume_snapshots.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::string_view kVolumeKind = "volume/";
constexpr std::string_view kSnapshotKind = "snapshot/";
constexpr base::Duration kVolumeAgain = std::chrono::milliseconds(50);
constexpr base::Duration kVolumeWithin = std::chrono::hours(2);
constexpr std::int64_t kVolumeGigabyte = std::int64_t{1} << 30;

std::string VolumeIdIn(std::string_view arn) {
  return ParseArn(arn).resource.substr(kVolumeKind.size());
}
std::string SnapshotIdIn(std::string_view arn) {
  return ParseArn(arn).resource.substr(kSnapshotKind.size());
}

std::optional<std::int64_t> GigabytesIn(std::string_view text) {
  std::int64_t gigabytes = 0;
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, gigabytes);
  if (error != std::errc() || read != end) return std::nullopt;
  return gigabytes;
}

Await<Answer> AskToMake(VolumeSnapshots& volumes, Value input) {
  return Await<Answer>([&volumes, input = std::move(input)](Await<Answer>::Done done) {
    volumes.MakeSnapshot(input, std::move(done));
  });
}
Await<Answer> AskToCopy(VolumeSnapshots& volumes, Value input) {
  return Await<Answer>([&volumes, input = std::move(input)](Await<Answer>::Done done) {
    volumes.CopyIn(input, std::move(done));
  });
}

ResourceSeen VolumeSeenOf(Host& host, const Value& volume) {
  ResourceSeen seen;
  const std::string id(volume.String("VolumeId"));
  seen.arn = Arn(host, "ec2", std::string(kVolumeKind) + id);
  for (const Value& tag : volume.Items("Tags")) {
    seen.tags.Set(tag.String("Key"), tag.String("Value"));
    if (tag.String("Key") == "Name") seen.name = tag.String("Value");
  }
  seen.metadata.Set("volumeId", id);
  seen.metadata.Set("volumeType", volume.String("VolumeType"));
  seen.metadata.Set("volumeSize", std::to_string(volume.Int("Size")));
  seen.metadata.Set("availabilityZone", volume.String("AvailabilityZone"));
  seen.metadata.Set("encrypted", volume.Flag("Encrypted", false) ? "true" : "false");
  seen.key = volume.String("KmsKeyId");
  if (!seen.key.empty()) seen.metadata.Set("kmsKeyId", seen.key);
  return seen;
}

class EbsBackups : public BackupResource {
 public:
  explicit EbsBackups(Host& host) : host_(host) {}

  std::string_view type() const override { return "EBS"; }
  bool Owns(const ArnParts& arn) const override {
    return arn.service == "ec2" && arn.resource.starts_with(kVolumeKind);
  }
  Keeper keeper(const Value& /*preferences*/) const override { return Keeper::kService; }

  Flow<base::Result<ResourceSeen>> Look(std::string arn) override {
    const base::Result<Value> volume = co_await LookAt(VolumeIdIn(arn));
    if (!volume.ok()) co_return volume.error();
    co_return VolumeSeenOf(host_, *volume);
  }

  Flow<std::vector<ResourceSeen>> List() override {
    std::vector<ResourceSeen> all;
    Value ask = Value::Struct();
    for (;;) {
      const Answer answer = co_await AskSibling(host_, "ec2", "DescribeVolumes", ask);
      const auto* page = std::get_if<Value>(&answer);
      if (page == nullptr) break;
      for (const Value& volume : page->Items("Volumes")) all.push_back(VolumeSeenOf(host_, volume));
      if (!page->Has("NextToken")) break;
      ask.Set("NextToken", page->String("NextToken"));
    }
    co_return all;
  }

  Flow<base::Result<BackedUp>> BackUp(BackupOrder order) override {
    VolumeSnapshots* volumes = Volumes();
    if (volumes == nullptr) co_return base::ServiceBroken("EC2 is not in this Region");
    Value ask = Value::Struct();
    ask.Set("VolumeId", VolumeIdIn(order.arn)).Set("CopyTagsFromSource", "volume");
    ask.Set("Description", "This snapshot is created by the AWS Backup service.");
    const Answer answer = co_await AskToMake(*volumes, ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const base::Result<BackedUp> made =
        co_await AwaitSnapshot(std::string(std::get<Value>(answer).String("SnapshotId")));
    co_return made;
  }

  Problem CheckRestore(const Value& asked) const override {
    if (asked.String("availabilityZone").empty())
      return InvalidValue("Invalid restore metadata. You must provide availabilityZone");
    for (const char* unserved : {"iops", "throughput"}) {
      if (!asked.String(unserved).empty()) return NotServed(unserved);
    }
    const std::string_view encrypted = asked.String("encrypted", "false");
    if (encrypted != "true" && encrypted != "false")
      return InvalidValue("Invalid restore metadata. encrypted is true or false");
    if (!asked.String("kmsKeyId").empty() && encrypted != "true") {
      return InvalidValue(
          "Invalid restore metadata. If kmsKeyId is specified, encrypted must be set to true");
    }
    const std::string_view size = asked.String("volumeSize");
    if (!size.empty() && !GigabytesIn(size))
      return InvalidValue(fmt::format("Invalid restore metadata. volumeSize is {}", size));
    return std::nullopt;
  }

  Flow<base::Result<std::string>> Restore(RestoreOrder order) override {
    VolumeSnapshots* volumes = Volumes();
    if (volumes == nullptr) co_return base::ServiceBroken("EC2 is not in this Region");
    const Value& asked = order.asked;
    Value ask = Value::Struct();
    ask.Set("SnapshotId", SnapshotIdIn(order.point_arn));
    ask.Set("AvailabilityZone", asked.String("availabilityZone"));
    if (!asked.String("volumeType").empty()) ask.Set("VolumeType", asked.String("volumeType"));
    if (const auto gigabytes = GigabytesIn(asked.String("volumeSize"))) ask.Set("Size", *gigabytes);
    if (asked.String("encrypted") == "true") ask.Set("Encrypted", true);
    if (!asked.String("kmsKeyId").empty()) ask.Set("KmsKeyId", asked.String("kmsKeyId"));
    const Answer answer = volumes->RestoreVolume(ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const base::Result<std::string> made =
        co_await AwaitVolume(std::string(std::get<Value>(answer).String("VolumeId")));
    co_return made;
  }

  Problem CheckCopy() const override { return std::nullopt; }

  Flow<base::Result<BackedUp>> CopyIn(CopyInOrder order) override {
    VolumeSnapshots* volumes = Volumes();
    if (volumes == nullptr) co_return base::ServiceBroken("EC2 is not in this Region");
    Value ask = Value::Struct();
    ask.Set("SourceRegion", ParseArn(order.point_arn).region);
    ask.Set("SourceSnapshotId", SnapshotIdIn(order.point_arn)).Set("Encrypted", true);
    if (!order.key.empty()) ask.Set("KmsKeyId", order.key);
    ask.Set("Description", "This snapshot is copied by the AWS Backup service.");
    const Answer answer = co_await AskToCopy(*volumes, ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const std::string id(std::get<Value>(answer).String("SnapshotId"));
    const base::Result<BackedUp> copied = co_await AwaitSnapshot(id);
    if (!copied.ok()) static_cast<void>(Drop(*volumes, id));
    co_return copied;
  }

  Flow<base::Status> Forget(std::string point_arn) override {
    VolumeSnapshots* volumes = Volumes();
    if (volumes == nullptr) co_return base::ServiceBroken("EC2 is not in this Region");
    const Answer answer = Drop(*volumes, SnapshotIdIn(point_arn));
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    co_return base::Ok();
  }

 private:
  VolumeSnapshots* Volumes() const {
    auto* keeper = FindSibling<KeepsVolumes>(host_, "ec2");
    return keeper == nullptr ? nullptr : &keeper->Volumes();
  }

  static Answer Drop(VolumeSnapshots& volumes, std::string_view id) {
    Value named = Value::Struct();
    return volumes.DropSnapshot(named.Set("SnapshotId", id));
  }

  Flow<base::Result<Value>> LookAt(std::string id) {
    Value ask = Value::Struct();
    ask.Set("VolumeIds", Value(Value::List{Value(id)}));
    const Answer answer = co_await AskSibling(host_, "ec2", "DescribeVolumes", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::NotFound(error->message);
    co_return std::get<Value>(answer).Items("Volumes").front();
  }

  Flow<base::Result<BackedUp>> AwaitSnapshot(std::string id) {
    const base::MonotonicTime begun = host_.clock().Monotonic();
    for (;;) {
      const VolumeSnapshots* volumes = Volumes();
      const auto seen = volumes == nullptr ? std::nullopt : volumes->SeeSnapshot(id);
      if (!seen) co_return base::NotFound(fmt::format("The snapshot {} is gone", id));
      if (seen->state == "error")
        co_return base::ServiceBroken(fmt::format("The snapshot {}: {}", id, seen->message));
      if (seen->state == "completed") {
        BackedUp made;
        made.point_arn = SnapshotArn(host_.region(), id);
        made.bytes = seen->gigabytes * kVolumeGigabyte;
        made.key = seen->key;
        co_return made;
      }
      if (host_.clock().Monotonic() - begun > kVolumeWithin)
        co_return base::Unreachable(fmt::format("EBS has not made the snapshot {} in time", id));
      co_await Sleep(host_, kVolumeAgain);
    }
  }

  Flow<base::Result<std::string>> AwaitVolume(std::string id) {
    const base::MonotonicTime begun = host_.clock().Monotonic();
    for (;;) {
      const base::Result<Value> volume = co_await LookAt(id);
      if (!volume.ok()) co_return volume.error();
      const std::string state(volume->String("State"));
      if (state == "available" || state == "in-use")
        co_return Arn(host_, "ec2", std::string(kVolumeKind) + id);
      if (state != "creating") {
        co_return base::ServiceBroken(fmt::format("The volume {} is in the state {}: {}", id, state,
                                                  volume->Flag("Encrypted", false)
                                                      ? "its key may not be accessible"
                                                      : "its blocks could not be read"));
      }
      if (host_.clock().Monotonic() - begun > kVolumeWithin)
        co_return base::Unreachable(fmt::format("EBS has not restored {} in time", id));
      co_await Sleep(host_, kVolumeAgain);
    }
  }

  Host& host_;
};

}  // namespace

std::unique_ptr<BackupResource> MakeEbsBackups(Host& host) {
  return std::make_unique<EbsBackups>(host);
}

}  // namespace leeward::lab::backup
