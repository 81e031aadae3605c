#include "lab/services/secretsmanager_secret.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

constexpr std::array<std::string_view, 3> kSyncNames = {"InProgress", "InSync", "Failed"};

Value TextList(const std::vector<std::string>& texts) {
  Value list = Value::EmptyList();
  for (const std::string& text : texts) list.list().push_back(text);
  return list;
}

void SetTime(Value& value, std::string_view name, const std::optional<base::WallTime>& time) {
  if (time) value.Set(name, *time);
}

std::optional<base::WallTime> TimeIn(const Value& value, std::string_view name) {
  const Value* found = value.Find(name);
  return found == nullptr ? std::nullopt : std::optional(found->time());
}

Value SaveVersion(const Version& version) {
  Value saved = Value::Struct({{"Id", version.id},
                               {"Content", version.content},
                               {"Created", version.created},
                               {"Stages", TextList(version.stages)},
                               {"Key", version.key}});
  SetTime(saved, "Accessed", version.accessed);
  return saved;
}

Version LoadVersion(const Value& saved) {
  Version version;
  version.id = saved.String("Id");
  version.content = saved.Sub("Content");
  version.created = TimeIn(saved, "Created").value_or(base::WallTime{});
  version.accessed = TimeIn(saved, "Accessed");
  for (const Value& stage : saved.Items("Stages")) version.stages.push_back(stage.str());
  version.key = saved.String("Key");
  return version;
}

Value SaveOrigin(const Origin& origin) {
  return Value::Struct({{"Region", origin.region},
                        {"Generation", origin.generation},
                        {"Revision", origin.revision}});
}

Origin LoadOrigin(const Value& saved) {
  return {std::string(saved.String("Region")), saved.Int("Generation"), saved.Int("Revision")};
}

Value SaveReplica(const Replica& replica) {
  return Value::Struct({{"Region", replica.region},
                        {"Key", replica.key},
                        {"Generation", replica.generation},
                        {"Revision", replica.revision},
                        {"Overwrite", replica.overwrite},
                        {"Status", static_cast<std::int64_t>(replica.status)},
                        {"Message", replica.message}});
}

Replica LoadReplica(const Value& saved) {
  Replica replica;
  replica.region = saved.String("Region");
  replica.key = saved.String("Key");
  replica.generation = saved.Int("Generation");
  replica.revision = saved.Int("Revision");
  replica.overwrite = saved.Flag("Overwrite", false);
  replica.status = static_cast<Sync>(saved.Int("Status"));
  replica.message = saved.String("Message");
  return replica;
}

}  // namespace

std::string_view NameOf(Sync sync) { return kSyncNames.at(static_cast<std::size_t>(sync)); }

bool Version::Has(std::string_view stage) const {
  return std::find(stages.begin(), stages.end(), stage) != stages.end();
}

Version* Secret::Find(std::string_view version_id) {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const Version& each) { return each.id == version_id; });
  return found == versions.end() ? nullptr : &*found;
}

const Version* Secret::Find(std::string_view version_id) const {
  return const_cast<Secret*>(this)->Find(version_id);
}

Version* Secret::AtStage(std::string_view stage) {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const Version& each) { return each.Has(stage); });
  return found == versions.end() ? nullptr : &*found;
}

const Version* Secret::AtStage(std::string_view stage) const {
  return const_cast<Secret*>(this)->AtStage(stage);
}

Replica* Secret::In(std::string_view region) {
  const auto found = std::find_if(replicas.begin(), replicas.end(),
                                  [&](const Replica& each) { return each.region == region; });
  return found == replicas.end() ? nullptr : &*found;
}

void RemoveStage(Version& version, std::string_view stage) { std::erase(version.stages, stage); }

void MoveStage(Secret& secret, std::string_view stage, std::string_view to_version) {
  Version* to = secret.Find(to_version);
  Version* from = secret.AtStage(stage);
  if (to == nullptr || from == to) return;
  if (from != nullptr) RemoveStage(*from, stage);
  to->stages.emplace_back(stage);
  if (stage != kCurrent || from == nullptr) return;
  if (Version* previous = secret.AtStage(kPrevious)) RemoveStage(*previous, kPrevious);
  from->stages.emplace_back(kPrevious);
}

// When it was read last is each Region's own.
Value Shared(const Secret& secret) {
  Value versions = Value::EmptyList();
  for (Version version : secret.versions) {
    version.accessed.reset();
    version.key.clear();
    versions.list().push_back(SaveVersion(version));
  }
  return Value::Struct({{"Description", secret.description},
                        {"Type", secret.type},
                        {"Tags", Value(secret.tags)},
                        {"Created", secret.created},
                        {"Changed", secret.changed},
                        {"Versions", std::move(versions)}});
}

void TakeShared(Secret& secret, const Value& shared) {
  secret.description = shared.String("Description");
  secret.type = shared.String("Type");
  secret.tags = shared.Items("Tags");
  secret.created = TimeIn(shared, "Created").value_or(base::WallTime{});
  secret.changed = TimeIn(shared, "Changed").value_or(base::WallTime{});
  std::vector<Version> versions;
  for (const Value& saved : shared.Items("Versions")) {
    Version version = LoadVersion(saved);
    version.key = secret.key;
    if (const Version* known = secret.Find(version.id)) version.accessed = known->accessed;
    versions.push_back(std::move(version));
  }
  secret.versions = std::move(versions);
}

Value Save(const Secret& secret) {
  Value saved = Value::Struct({{"Name", secret.name},
                               {"Suffix", secret.suffix},
                               {"Description", secret.description},
                               {"Type", secret.type},
                               {"Key", secret.key},
                               {"Tags", Value(secret.tags)},
                               {"Created", secret.created},
                               {"Changed", secret.changed},
                               {"Purge", secret.purge},
                               {"Revision", secret.revision},
                               {"Generation", secret.generation}});
  SetTime(saved, "Accessed", secret.accessed);
  SetTime(saved, "Deleted", secret.deleted);
  Value versions = Value::EmptyList();
  for (const Version& version : secret.versions) versions.list().push_back(SaveVersion(version));
  saved.Set("Versions", std::move(versions));
  Value replicas = Value::EmptyList();
  for (const Replica& replica : secret.replicas) replicas.list().push_back(SaveReplica(replica));
  saved.Set("Replicas", std::move(replicas));
  if (secret.origin) saved.Set("Origin", SaveOrigin(*secret.origin));
  if (secret.release) saved.Set("Release", SaveOrigin(secret.release->from));
  return saved;
}

Secret LoadSecret(const Value& saved) {
  Secret secret;
  secret.name = saved.String("Name");
  secret.suffix = saved.String("Suffix");
  secret.key = saved.String("Key");
  secret.description = saved.String("Description");
  secret.type = saved.String("Type");
  secret.tags = saved.Items("Tags");
  secret.created = TimeIn(saved, "Created").value_or(base::WallTime{});
  secret.changed = TimeIn(saved, "Changed").value_or(base::WallTime{});
  secret.accessed = TimeIn(saved, "Accessed");
  secret.deleted = TimeIn(saved, "Deleted");
  secret.purge = TimeIn(saved, "Purge").value_or(base::WallTime{});
  secret.revision = saved.Int("Revision");
  secret.generation = saved.Int("Generation");
  for (const Value& each : saved.Items("Versions")) secret.versions.push_back(LoadVersion(each));
  for (const Value& each : saved.Items("Replicas")) secret.replicas.push_back(LoadReplica(each));
  if (saved.Has("Origin")) secret.origin = LoadOrigin(saved.Sub("Origin"));
  if (saved.Has("Release")) secret.release = Release{LoadOrigin(saved.Sub("Release"))};
  return secret;
}

std::string ArnOf(const Host& host, const Secret& secret) {
  return Arn(host, "secretsmanager", fmt::format("secret:{}-{}", secret.name, secret.suffix));
}

base::WallTime DayOf(base::WallTime time) {
  constexpr base::Duration kDay = std::chrono::hours(24);
  return {time.since_epoch - time.since_epoch % kDay};
}

Value ShowValue(const Host& host, const Secret& secret, const Version& version) {
  Value shown = version.content;
  return shown.Set("ARN", ArnOf(host, secret))
      .Set("Name", secret.name)
      .Set("VersionId", version.id)
      .Set("VersionStages", TextList(version.stages))
      .Set("CreatedDate", version.created);
}

Value ShowReplicas(const Secret& secret) {
  Value list = Value::EmptyList();
  for (const Replica& replica : secret.replicas) {
    Value shown =
        Value::Struct({{"Region", replica.region},
                       {"KmsKeyId", replica.key.empty() ? std::string(kManagedKey) : replica.key},
                       {"Status", NameOf(replica.status)}});
    if (!replica.message.empty()) shown.Set("StatusMessage", replica.message);
    list.list().push_back(std::move(shown));
  }
  return list;
}

Value Describe(const Host& host, const Secret& secret) {
  Value shown = Value::Struct({{"ARN", ArnOf(host, secret)},
                               {"Name", secret.name},
                               {"LastChangedDate", secret.changed},
                               {"CreatedDate", secret.created}});
  if (!secret.description.empty()) shown.Set("Description", secret.description);
  if (!secret.type.empty()) shown.Set("Type", secret.type);
  if (!secret.key.empty()) shown.Set("KmsKeyId", secret.key);
  if (!secret.tags.empty()) shown.Set("Tags", Value(secret.tags));
  SetTime(shown, "LastAccessedDate", secret.accessed);
  SetTime(shown, "DeletedDate", secret.deleted);
  if (secret.origin) {
    shown.Set("PrimaryRegion", secret.origin->region);
  } else if (!secret.replicas.empty()) {
    shown.Set("PrimaryRegion", host.region());
  }
  return shown;
}

Value StagesByVersion(const Secret& secret) {
  Value map = Value::Struct();
  for (const Version& version : secret.versions) {
    if (!version.stages.empty()) map.Set(version.id, TextList(version.stages));
  }
  return map;
}

}  // namespace leeward::lab::secretsmanager
