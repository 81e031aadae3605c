// RDS instances: a recovery point is a DB snapshot, made, copied and restored by RDS itself.
#include <fmt/format.h>

#include <array>

#include "lab/services/backup_ask.h"
#include "lab/services/backup_checks.h"
#include "lab/services/backup_resource.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::string_view kInstance = "db:";
constexpr std::string_view kSnapshot = "snapshot:";
constexpr base::Duration kDatabaseAgain = std::chrono::milliseconds(200);
constexpr base::Duration kDatabaseWithin = std::chrono::hours(2);
constexpr double kGigabyte = 1 << 30;
constexpr std::string_view kRdsKey = "alias/aws/rds";

// What a restore may be told, and what RDS takes it as.
enum class As { kText, kNumber, kFlag, kList };
struct RestoreMember {
  const char* name;
  As as;
};
constexpr auto kRestoreMembers = std::to_array<RestoreMember>({
    {"DBInstanceIdentifier", As::kText},
    {"DBInstanceClass", As::kText},
    {"DBSubnetGroupName", As::kText},
    {"DBParameterGroupName", As::kText},
    {"AvailabilityZone", As::kText},
    {"Engine", As::kText},
    {"LicenseModel", As::kText},
    {"StorageType", As::kText},
    {"Port", As::kNumber},
    {"MultiAZ", As::kFlag},
    {"PubliclyAccessible", As::kFlag},
    {"AutoMinorVersionUpgrade", As::kFlag},
    {"CopyTagsToSnapshot", As::kFlag},
    {"DeletionProtection", As::kFlag},
    {"VpcSecurityGroupIds", As::kList},
});

// Nothing for text that is not of the kind.
std::optional<Value> ReadAs(As as, const std::string& text) {
  if (as == As::kText) return Value(text);
  if (as == As::kFlag && (text == "true" || text == "false")) return Value(text == "true");
  const auto read = shapes::FromJson(text);
  if (!read.ok()) return std::nullopt;
  if (as == As::kNumber && read->is_int()) return *read;
  if (as == As::kList && read->is_list()) return *read;
  return std::nullopt;
}

class RdsBackups : public BackupResource {
 public:
  explicit RdsBackups(Host& host) : host_(host) {}

  std::string_view type() const override { return "RDS"; }
  bool Owns(const ArnParts& arn) const override {
    return arn.service == "rds" && arn.resource.starts_with(kInstance);
  }
  Keeper keeper(const Value& /*preferences*/) const override { return Keeper::kService; }

  Flow<base::Result<ResourceSeen>> Look(std::string arn) override {
    Value ask = Value::Struct();
    ask.Set("DBInstanceIdentifier", arn);
    const Answer answer = co_await AskSibling(host_, "rds", "DescribeDBInstances", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::NotFound(error->message);
    co_return SeenOf(std::get<Value>(answer).Items("DBInstances").front());
  }

  Flow<std::vector<ResourceSeen>> List() override {
    std::vector<ResourceSeen> all;
    Value ask = Value::Struct();
    for (;;) {
      const Answer answer = co_await AskSibling(host_, "rds", "DescribeDBInstances", ask);
      const auto* page = std::get_if<Value>(&answer);
      if (page == nullptr) break;
      for (const Value& instance : page->Items("DBInstances")) all.push_back(SeenOf(instance));
      if (!page->Has("Marker")) break;
      ask.Set("Marker", page->String("Marker"));
    }
    co_return all;
  }

  Flow<base::Result<BackedUp>> BackUp(BackupOrder order) override {
    Value ask = Value::Struct();
    ask.Set("DBInstanceIdentifier", NameIn(order.arn, kInstance));
    ask.Set("DBSnapshotIdentifier", "awsbackup-job-" + order.job);
    const Answer answer = co_await AskSibling(host_, "rds", "CreateDBSnapshot", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const base::Result<BackedUp> made = co_await AwaitSnapshot("awsbackup-job-" + order.job);
    co_return made;
  }

  Problem CheckRestore(const Value& asked) const override {
    if (asked.String("DBInstanceIdentifier").empty())
      return InvalidValue("Invalid restore metadata. You must provide DBInstanceIdentifier");
    for (const RestoreMember& member : kRestoreMembers) {
      const std::string text(asked.String(member.name));
      if (!text.empty() && !ReadAs(member.as, text))
        return InvalidValue(fmt::format("Invalid restore metadata. {} is {}", member.name, text));
    }
    return std::nullopt;
  }

  Flow<base::Result<std::string>> Restore(RestoreOrder order) override {
    Value ask = Value::Struct();
    ask.Set("DBSnapshotIdentifier", NameIn(order.point_arn, kSnapshot));
    for (const RestoreMember& member : kRestoreMembers) {
      const std::string text(order.asked.String(member.name));
      if (!text.empty()) ask.Set(member.name, *ReadAs(member.as, text));
    }
    const Answer answer = co_await AskSibling(host_, "rds", "RestoreDBInstanceFromDBSnapshot", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const base::Result<std::string> made =
        co_await AwaitInstance(std::string(ask.String("DBInstanceIdentifier")));
    co_return made;
  }

  Problem CheckCopy() const override { return std::nullopt; }

  Flow<base::Result<BackedUp>> CopyIn(CopyInOrder order) override {
    const std::string id = "awsbackup-copyjob-" + order.job;
    Value ask = Value::Struct();
    ask.Set("SourceDBSnapshotIdentifier", order.point_arn);
    ask.Set("TargetDBSnapshotIdentifier", id).Set("CopyTags", true);
    // RDS's own key only for what cannot do without: keys are of one Region.
    const bool covered = order.source == Cover::kEncrypted;
    if (!order.key.empty() || covered)
      ask.Set("KmsKeyId", order.key.empty() ? std::string(kRdsKey) : order.key);
    const Answer answer = co_await AskSibling(host_, "rds", "CopyDBSnapshot", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    const base::Result<BackedUp> copied = co_await AwaitSnapshot(id);
    if (!copied.ok()) {
      const std::string arn = Arn(host_, "rds", std::string(kSnapshot) + id);
      static_cast<void>(co_await Forget(arn));
    }
    co_return copied;
  }

  Flow<base::Status> Forget(std::string point_arn) override {
    Value ask = Value::Struct();
    ask.Set("DBSnapshotIdentifier", NameIn(point_arn, kSnapshot));
    const Answer answer = co_await AskSibling(host_, "rds", "DeleteDBSnapshot", ask);
    if (const auto* error = std::get_if<ApiError>(&answer))
      co_return base::ServiceBroken(error->message);
    co_return base::Ok();
  }

 private:
  static std::string NameIn(std::string_view arn, std::string_view kind) {
    return ParseArn(arn).resource.substr(kind.size());
  }

  static ResourceSeen SeenOf(const Value& instance) {
    ResourceSeen seen;
    seen.arn = instance.String("DBInstanceArn");
    seen.name = instance.String("DBInstanceIdentifier");
    seen.key = instance.String("KmsKeyId");
    for (const Value& tag : instance.Items("TagList"))
      seen.tags.Set(tag.String("Key"), tag.String("Value"));
    for (const char* name : {"DBInstanceIdentifier", "DBInstanceClass", "Engine", "LicenseModel",
                             "StorageType", "AvailabilityZone"}) {
      if (instance.Has(name)) seen.metadata.Set(name, instance.String(name));
    }
    seen.metadata.Set("DBSubnetGroupName",
                      instance.Sub("DBSubnetGroup").String("DBSubnetGroupName"));
    return seen;
  }

  Flow<base::Result<BackedUp>> AwaitSnapshot(std::string id) {
    Value ask = Value::Struct();
    ask.Set("DBSnapshotIdentifier", id);
    const base::MonotonicTime begun = host_.clock().Monotonic();
    for (;;) {
      const Answer answer = co_await AskSibling(host_, "rds", "DescribeDBSnapshots", ask);
      if (const auto* error = std::get_if<ApiError>(&answer))
        co_return base::NotFound(error->message);
      const Value& snapshot = std::get<Value>(answer).Items("DBSnapshots").front();
      if (snapshot.String("Status") == "failed")
        co_return base::ServiceBroken(fmt::format("RDS could not make the snapshot {}", id));
      if (snapshot.String("Status") == "available") {
        BackedUp made;
        made.point_arn = snapshot.String("DBSnapshotArn");
        made.key = snapshot.String("KmsKeyId");
        made.bytes = static_cast<std::int64_t>(
            static_cast<double>(snapshot.Int("AllocatedStorage")) * kGigabyte);
        co_return made;
      }
      if (host_.clock().Monotonic() - begun > kDatabaseWithin)
        co_return base::Unreachable(fmt::format("RDS has not made the snapshot {} in time", id));
      co_await Sleep(host_, kDatabaseAgain);
    }
  }

  Flow<base::Result<std::string>> AwaitInstance(std::string id) {
    Value ask = Value::Struct();
    ask.Set("DBInstanceIdentifier", id);
    const base::MonotonicTime begun = host_.clock().Monotonic();
    for (;;) {
      const Answer answer = co_await AskSibling(host_, "rds", "DescribeDBInstances", ask);
      if (const auto* error = std::get_if<ApiError>(&answer))
        co_return base::NotFound(error->message);
      const Value& instance = std::get<Value>(answer).Items("DBInstances").front();
      const std::string_view status = instance.String("DBInstanceStatus");
      if (status == "available") co_return std::string(instance.String("DBInstanceArn"));
      const bool failed = status == "failed" || status == "incompatible-restore";
      if (failed) co_return base::ServiceBroken(fmt::format("The instance {} is {}", id, status));
      if (host_.clock().Monotonic() - begun > kDatabaseWithin)
        co_return base::Unreachable(fmt::format("RDS has not restored {} in time", id));
      co_await Sleep(host_, kDatabaseAgain);
    }
  }

  Host& host_;
};

}  // namespace

std::unique_ptr<BackupResource> MakeRdsBackups(Host& host) {
  return std::make_unique<RdsBackups>(host);
}

}  // namespace leeward::lab::backup
