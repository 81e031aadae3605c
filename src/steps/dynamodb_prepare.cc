// Putting a replica in place, and beside it what AWS does not copy.
#include <algorithm>

#include "probe/canary.h"
#include "steps/dynamodb.h"
#include "steps/kms_keys.h"

namespace leeward::steps {
namespace {

using model::Consistency;
using model::Dynamodb;

constexpr char kImages[] = "NEW_AND_OLD_IMAGES";

bool IsBusy(const base::Error& error) {
  return error.code() == base::ErrorCode::kWrongState &&
         error.service_code() == "ResourceInUseException";
}

// Makes a change that AWS refuses while another is under way, until it is accepted.
Status Update(const Work& work, const Region& region, const Value& input) {
  const auto updated =
      work.Await<bool>(Place(std::string(input.String("TableName")), region) + " to take a change",
                       work.ApiPace(), [&]() -> Result<std::optional<bool>> {
                         const auto answer = work.Call(region, "dynamodb", "UpdateTable", input);
                         if (answer.ok()) return std::optional<bool>(true);
                         if (IsBusy(answer.error())) return std::optional<bool>();
                         return answer.error();
                       });
  return updated.ok() ? base::Ok() : Status(updated.error());
}

// Replication reads the stream, so there has to be one with both images.
Status EnsureStream(const Work& work, const Dynamodb& dynamodb, const Region& region,
                    const Table& table) {
  if (dynamodb.consistency == Consistency::kStrong) return base::Ok();
  if (table.stream_view == kImages) return base::Ok();
  if (!table.stream_view.empty()) {
    return base::WrongState(Place(dynamodb.table, region) + " has a stream of " +
                            table.stream_view + ", and replication needs one of " + kImages +
                            "; change it when nothing reads it");
  }
  work.Say(Place(dynamodb.table, region) + ": turning on its stream");
  RETURN_IF_ERROR(Update(
      work, region,
      Value::Struct({{"TableName", dynamodb.table},
                     {"StreamSpecification",
                      Value::Struct({{"StreamEnabled", true}, {"StreamViewType", kImages}})}})));
  const auto active = AwaitTable(work, region, dynamodb.table);
  return active.ok() ? base::Ok() : Status(active.error());
}

// The key that AWS manages is that of a replica for which none is named.
constexpr char kAwsTableKey[] = "alias/aws/dynamodb";

Value Create(const Region& region, const std::string& key) {
  Value create = Value::Struct({{"RegionName", region.str()}});
  if (!key.empty() && key != kAwsTableKey) create.Set("KMSMasterKeyId", key);
  return Value::Struct({{"Create", create}});
}

Status CheckReplicaKey(const Work& work, const Dynamodb& dynamodb, const Region& source,
                       const Table& table) {
  const std::string& key = dynamodb.kms_key;
  if (key.empty()) return base::Ok();
  if (!table.under_kms) {
    return base::WrongState(Place(dynamodb.table, source) +
                            " is under a key that AWS owns, and so are its replicas; leave "
                            "'kms-key' out, or encrypt it under a key of your own first");
  }
  RETURN_IF_ERROR(NeedKmsKey(work, work.region(), key));
  const bool third = dynamodb.consistency == Consistency::kStrong &&
                     dynamodb.third == model::ThirdMember::kReplica;
  if (third) RETURN_IF_ERROR(NeedKmsKey(work, work.application().regions.witness, key));
  return base::Ok();
}

// One call makes an eventual replica; one call makes both further members of a strong table.
Value Creation(const Work& work, const Dynamodb& dynamodb) {
  Value::List replicas = {Create(work.region(), dynamodb.kms_key)};
  Value input = Value::Struct({{"TableName", dynamodb.table}});
  if (dynamodb.consistency == Consistency::kStrong) {
    const Region& third = work.application().regions.witness;
    input.Set("MultiRegionConsistency", "STRONG");
    if (dynamodb.third == model::ThirdMember::kReplica)
      replicas.push_back(Create(third, dynamodb.kms_key));
    else
      input.Set("GlobalTableWitnessUpdates", Value::List{Create(third, "")});
  }
  input.Set("ReplicaUpdates", std::move(replicas));
  return input;
}

Status CreateReplica(const Work& work, const Dynamodb& dynamodb, const Region& source,
                     const Table& table) {
  ASSIGN_OR_RETURN(const std::optional<Table> stranger,
                   DescribeTable(work, work.region(), dynamodb.table));
  if (stranger && stranger->status != "CREATING") {
    return base::WrongState(Place(dynamodb.table, work.region()) +
                            " exists and is no replica of the one in " + source.str() +
                            "; a replica needs the name: delete that table, or copy it elsewhere");
  }
  if (dynamodb.consistency == Consistency::kStrong) {
    if (!table.replicas.empty()) {
      return base::WrongState(Place(dynamodb.table, source) +
                              " is a strong table without a replica in " + work.region().str() +
                              "; AWS fixes its members for good, so make another table");
    }
    RETURN_IF_ERROR(CheckEmpty(work, dynamodb, source));
  }
  RETURN_IF_ERROR(CheckReplicaKey(work, dynamodb, source, table));
  RETURN_IF_ERROR(EnsureStream(work, dynamodb, source, table));
  work.Say("adding a replica of " + dynamodb.table + " in " + work.region().str());
  return Update(work, source, Creation(work, dynamodb));
}

// What can be said of a replica that will not become well by waiting.
base::Error Unwell(const Work& work, const Dynamodb& dynamodb, const std::string& status,
                   const std::string& why) {
  std::string what = "the replica of " + Place(dynamodb.table, work.region()) + " is " + status +
                     (why.empty() ? "" : " (" + why + ")");
  if (status == "CREATION_FAILED")
    what += "; delete that replica (UpdateTable, ReplicaUpdates, Delete), then run again";
  else
    what += "; see to it in DynamoDB, then run the same command again";
  return base::WrongState(what);
}

Status AwaitReplica(const Work& work, const Dynamodb& dynamodb, const Region& source) {
  std::string seen;
  const auto active = work.Await<bool>(
      "the replica of " + Place(dynamodb.table, work.region()) + " to be ACTIVE", work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const Table table, NeedTable(work, source, dynamodb.table));
        const auto found = table.replicas.find(work.region());
        const std::string now = found == table.replicas.end() ? "not there yet" : found->second;
        if (now != seen)
          work.Say("the replica of " + Place(dynamodb.table, work.region()) + ": " + now);
        seen = now;
        const bool passing = now == "not there yet" || now == "CREATING" || now == "UPDATING";
        if (passing) return std::optional<bool>();
        if (now == "ACTIVE") return std::optional<bool>(true);
        const auto why = table.why.find(work.region());
        return Unwell(work, dynamodb, now, why == table.why.end() ? "" : why->second);
      });
  if (!active.ok()) return active.error();
  const auto usable = AwaitTable(work, work.region(), dynamodb.table);
  return usable.ok() ? base::Ok() : Status(usable.error());
}

// --- What AWS does not copy: each is set in the new Region where the source has it
// -----------------------------------------------------------------------------------------

Result<Value> PointInTime(const Work& work, const Region& region, const std::string& name) {
  ASSIGN_OR_RETURN(const Value answer,
                   work.CallPatiently(region, "dynamodb", "DescribeContinuousBackups",
                                      Value::Struct({{"TableName", name}})));
  return answer.Sub("ContinuousBackupsDescription").Sub("PointInTimeRecoveryDescription");
}

bool IsOn(const Value& point_in_time) {
  return point_in_time.String("PointInTimeRecoveryStatus") == "ENABLED";
}

Result<bool> CopyPointInTime(const Work& work, const std::string& name, const Region& source) {
  ASSIGN_OR_RETURN(const Value there, PointInTime(work, source, name));
  if (!IsOn(there)) return false;
  ASSIGN_OR_RETURN(const Value here, PointInTime(work, work.region(), name));
  if (IsOn(here)) return true;
  Value wanted = Value::Struct({{"PointInTimeRecoveryEnabled", true}});
  if (there.Has("RecoveryPeriodInDays"))
    wanted.Set("RecoveryPeriodInDays", there.Int("RecoveryPeriodInDays"));
  const auto turned_on = work.CallPatiently(
      work.region(), "dynamodb", "UpdateContinuousBackups",
      Value::Struct({{"TableName", name}, {"PointInTimeRecoverySpecification", wanted}}));
  if (!turned_on.ok()) return turned_on.error();
  return true;
}

Result<bool> CopyDeletionProtection(const Work& work, const std::string& name, const Table& there) {
  if (!there.deletion_protection) return false;
  ASSIGN_OR_RETURN(const Table here, NeedTable(work, work.region(), name));
  if (here.deletion_protection) return true;
  RETURN_IF_ERROR(
      Update(work, work.region(),
             Value::Struct({{"TableName", name}, {"DeletionProtectionEnabled", true}})));
  const auto active = AwaitTable(work, work.region(), name);
  if (!active.ok()) return active.error();
  return true;
}

Result<Value::List> Tags(const Work& work, const Region& region, const std::string& arn) {
  ASSIGN_OR_RETURN(const Value answer, work.Pages(region, "dynamodb", "ListTagsOfResource",
                                                  Value::Struct({{"ResourceArn", arn}})));
  return answer.Items("Tags");
}

// How many tags the new Region's table has that it shall have; none is ever taken away.
Result<std::size_t> CopyTags(const Work& work, const std::string& from, const std::string& into,
                             const Region& source) {
  ASSIGN_OR_RETURN(const Value::List there, Tags(work, source, from));
  if (there.empty()) return std::size_t{0};
  ASSIGN_OR_RETURN(const Value::List here, Tags(work, work.region(), into));
  Value::List missing;
  for (const Value& tag : there) {
    if (std::find(here.begin(), here.end(), tag) == here.end()) missing.push_back(tag);
  }
  if (missing.empty()) return there.size();
  const auto tagged =
      work.CallPatiently(work.region(), "dynamodb", "TagResource",
                         Value::Struct({{"ResourceArn", into}, {"Tags", std::move(missing)}}));
  if (!tagged.ok()) return tagged.error();
  return there.size();
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

enum class PolicyCopy { kNone, kCopied, kItsOwn };

// A fence is not copied: the new Region is to be open.
Result<PolicyCopy> CopyPolicy(const Work& work, const std::string& from, const std::string& into,
                              const Region& source) {
  ASSIGN_OR_RETURN(const Policy there, ReadPolicy(work, source, from, work.limits().call));
  ASSIGN_OR_RETURN(const std::string plain, WithoutFence(there.text));
  if (plain.empty()) return PolicyCopy::kNone;
  ASSIGN_OR_RETURN(const Policy here, ReadPolicy(work, work.region(), into, work.limits().call));
  if (!here.text.empty()) return PolicyCopy::kItsOwn;
  const auto put = work.CallPatiently(
      work.region(), "dynamodb", "PutResourcePolicy",
      Value::Struct({{"ResourceArn", into}, {"Policy", Replaced(plain, from, into)}}));
  if (!put.ok()) return put.error();
  return PolicyCopy::kCopied;
}

// "point-in-time recovery, 3 tags", what the replica has as its source.
Result<std::string> CopySettings(const Work& work, const Dynamodb& dynamodb, const Region& source,
                                 const Table& there, const Table& here) {
  std::string text;
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : ", ") + one; };
  ASSIGN_OR_RETURN(const bool backups, CopyPointInTime(work, dynamodb.table, source));
  if (backups) add("point-in-time recovery");
  ASSIGN_OR_RETURN(const bool protection, CopyDeletionProtection(work, dynamodb.table, there));
  if (protection) add("deletion protection");
  ASSIGN_OR_RETURN(const std::size_t tags, CopyTags(work, there.arn, here.arn, source));
  if (tags > 0) add(std::to_string(tags) + (tags == 1 ? " tag" : " tags"));
  ASSIGN_OR_RETURN(const PolicyCopy policy, CopyPolicy(work, there.arn, here.arn, source));
  if (policy == PolicyCopy::kCopied) add("resource policy");
  if (policy == PolicyCopy::kItsOwn) add("a resource policy of its own, which is left alone");
  return text;
}

// A canary from the source, and that it arrived: until an observer writes, it is what tells how old
// the standby's items may be.
Status SendCanary(const Work& work, const Dynamodb& dynamodb, const Table& table,
                  const Region& source) {
  const auto in = [&](const Region& region) {
    return TableWith(work, dynamodb.table, table.key, region, work.limits().call);
  };
  const std::string what = probe::CanaryOf(source.str());
  const base::WallTime stamp = work.tools().clock.Now();
  const ItemTable there = in(source), here = in(work.region());
  Status sent = PutStamp(there, what, stamp);
  if (!sent.ok()) return sent;
  const auto arrived = work.Await<bool>(
      "a canary of " + source.str() + " in " + Place(dynamodb.table, work.region()), work.ApiPace(),
      [&]() -> Result<std::optional<bool>> {
        ASSIGN_OR_RETURN(const std::optional<base::WallTime> seen, GetStamp(here, what));
        if (seen && *seen >= stamp) return std::optional<bool>(true);
        return std::optional<bool>();
      });
  return arrived.ok() ? base::Ok() : Status(arrived.error());
}

}  // namespace

Result<StepOutcome> DynamodbCheckSource(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(Table table, NeedTable(work, work.region(), dynamodb->table));
  RETURN_IF_ERROR(CheckFits(*dynamodb, work.region(), table));
  ASSIGN_OR_RETURN(table, AwaitTable(work, work.region(), dynamodb->table));
  const bool strong = dynamodb->consistency == Consistency::kStrong;
  if (strong && table.replicas.empty()) RETURN_IF_ERROR(CheckEmpty(work, *dynamodb, work.region()));
  return StepOutcome{table.replicas.empty()
                         ? "active, no replica yet"
                         : "active, " + std::to_string(table.replicas.size()) + " replicas",
                     {{"arn", table.arn}}};
}

Result<StepOutcome> DynamodbReplicate(const Work& work) {
  ASSIGN_OR_RETURN(const Dynamodb* dynamodb, work.Component<Dynamodb>());
  ASSIGN_OR_RETURN(const std::string source_region, work.Parameter("source-region"));
  const Region source(source_region);
  ASSIGN_OR_RETURN(const Table there, NeedTable(work, source, dynamodb->table));
  RETURN_IF_ERROR(CheckFits(*dynamodb, source, there));
  const bool existed = there.replicas.contains(work.region());
  if (!existed) RETURN_IF_ERROR(CreateReplica(work, *dynamodb, source, there));
  RETURN_IF_ERROR(AwaitReplica(work, *dynamodb, source));
  ASSIGN_OR_RETURN(const Table here, NeedTable(work, work.region(), dynamodb->table));
  ASSIGN_OR_RETURN(const std::string settings, CopySettings(work, *dynamodb, source, there, here));
  RETURN_IF_ERROR(SendCanary(work, *dynamodb, here, source));
  return StepOutcome{std::string(existed ? "was there already" : "created") + ", a canary arrived" +
                         (settings.empty() ? "" : "; has " + settings),
                     {{"arn", here.arn}}};
}

}  // namespace leeward::steps
