// Replicas: what each Region is told, what it makes of it, and how they part.
//
// The primary sends all of a secret at each change, and each second again to whoever did not
// answer. A replica takes it when it is newer than what it has. Generations count the replicas that
// a secret was given, so that nothing that was sent for an earlier one changes, drops or takes back
// a later.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ask_region.h"
#include "lab/services/secretsmanager.h"

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

constexpr std::string_view kService = "secretsmanager";

// Names one replica of one secret, in messages between the two Regions.
Value NameReplica(const Secret& secret, std::string_view primary, std::int64_t generation) {
  return Value::Struct({{"Name", secret.name},
                        {"Suffix", secret.suffix},
                        {"Primary", primary},
                        {"Generation", generation}});
}

bool IsFrom(const Origin& origin, const Secret& secret, const Value& named) {
  return origin.region == named.String("Primary") && secret.suffix == named.String("Suffix");
}

ApiError Released() { return {"Released", "The replica was made standalone.", 409, {}}; }

ApiError ReplicationFailed(std::string_view why) {
  return {"ReplicationFailed", fmt::format("Replication failed: {}", why), 400, {}};
}

}  // namespace

Problem SecretsManager::CheckReplicaRegions(const Secret& secret, const Value& input) const {
  std::set<std::string_view> regions;
  const bool overwrite = input.Flag("ForceOverwriteReplicaSecret", false);
  for (const Value& each : input.Items("AddReplicaRegions")) {
    const std::string_view region = each.String("Region");
    if (region.empty() || region == host_.region()) {
      return InvalidParameter("Invalid replica region.");
    }
    if (!regions.insert(region).second) {
      return InvalidParameter(fmt::format("The Region {} is given more than once.", region));
    }
    const Replica* known = const_cast<Secret&>(secret).In(region);
    if (known != nullptr && known->status != Sync::kFailed && !overwrite) {
      return InvalidParameter(fmt::format("The secret is already replicated to {}.", region));
    }
  }
  return std::nullopt;
}

void SecretsManager::AddReplicas(Secret& secret, const Value& input) {
  for (const Value& each : input.Items("AddReplicaRegions")) {
    Replica replica;
    replica.region = each.String("Region");
    replica.key = each.String("KmsKeyId");
    replica.generation = ++secret.generation;
    replica.overwrite = input.Flag("ForceOverwriteReplicaSecret", false);
    if (Replica* known = secret.In(replica.region)) {
      *known = std::move(replica);
    } else {
      secret.replicas.push_back(std::move(replica));
    }
  }
}

Answer SecretsManager::ReplicateSecretToRegions(const Value& input) {
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  if (auto problem = CheckReplicaRegions(secret, input)) return *problem;
  AddReplicas(secret, input);
  Save();
  PushAll(secret);
  return Value::Struct(
      {{"ARN", ArnOf(host_, secret)}, {"ReplicationStatus", ShowReplicas(secret)}});
}

void SecretsManager::PushAll(const Secret& secret) {
  std::vector<std::string> regions;
  for (const Replica& replica : secret.replicas) {
    if (replica.status == Sync::kInProgress) regions.push_back(replica.region);
  }
  for (const std::string& region : regions) Push(secret.name, region).Detach();
}

Flow<> SecretsManager::Push(std::string name, std::string region) {
  const std::string word = name + " " + region;
  if (!pushing_.insert(word).second) {
    push_again_.insert(word);
    co_return;
  }
  bool answered = false;
  do {
    push_again_.erase(word);
    answered = co_await PushOnce(name, region);
  } while (answered && push_again_.contains(word));
  pushing_.erase(word);
}

// Whether the other Region answered.
Flow<bool> SecretsManager::PushOnce(std::string name, std::string region) {
  const auto found = secrets_.find(name);
  Replica* replica = found == secrets_.end() ? nullptr : found->second.In(region);
  if (replica == nullptr || replica->status == Sync::kFailed) co_return true;
  const Secret& secret = found->second;
  Value ask = NameReplica(secret, host_.region(), replica->generation);
  ask.Set("Revision", secret.revision);
  ask.Set("Key", replica->key);
  ask.Set("Overwrite", replica->overwrite);
  ask.Set("Content", Shared(secret));
  const Answer answer =
      co_await AskRegion(host_, region, std::string(kService), "TakeReplica", ask, limits.call);
  if (TimedOut(answer)) co_return false;
  Pushed(name, region, ask, answer);
  co_return true;
}

void SecretsManager::Pushed(const std::string& name, const std::string& region, const Value& sent,
                            const Answer& answer) {
  const auto found = secrets_.find(name);
  Replica* replica = found == secrets_.end() ? nullptr : found->second.In(region);
  if (replica == nullptr || replica->generation != sent.Int("Generation") ||
      found->second.suffix != sent.String("Suffix")) {
    return;
  }
  if (const auto* error = std::get_if<ApiError>(&answer)) {
    if (error->http_status >= 500) return;  // it has to be asked again
    if (error->code == "Released") {
      std::erase_if(found->second.replicas,
                    [&](const Replica& each) { return each.region == region; });
    } else {
      replica->status = Sync::kFailed;
      replica->message = error->code == "ReplicationFailed"
                             ? error->message
                             : ReplicationFailed(error->message).message;
    }
    return Save();
  }
  replica->revision = sent.Int("Revision");
  const bool all = replica->revision == found->second.revision;
  replica->status = all ? Sync::kInSync : Sync::kInProgress;
  replica->message.clear();
  Save();
}

// In the replica's Region: what stands in the way of a replica under this name.
Problem SecretsManager::WhyNotReplica(const Secret& existing, const Value& input) const {
  const std::int64_t generation = input.Int("Generation");
  if (existing.release && IsFrom(existing.release->from, existing, input) &&
      generation <= existing.release->from.generation) {
    return Released();
  }
  if (existing.origin && IsFrom(*existing.origin, existing, input)) return std::nullopt;
  const std::string_view primary = input.String("Primary");
  const bool busy = std::any_of(existing.replicas.begin(), existing.replicas.end(),
                                [&](const Replica& each) { return each.region != primary; });
  if (busy) {
    return ReplicationFailed(fmt::format("Secret name {} in region {} is replicated to others.",
                                         existing.name, host_.region()));
  }
  if (input.Flag("Overwrite", false)) return std::nullopt;
  return ReplicationFailed(
      fmt::format("Secret name {} already exists in region {}.", existing.name, host_.region()));
}

// Also when the standalone secret is gone before its primary knew of it.
bool SecretsManager::IsReleased(const Value& input) const {
  return std::any_of(notices_.begin(), notices_.end(), [&](const Notice& notice) {
    const Value& told = notice.input;
    return notice.operation == "ReleaseReplica" && told.String("Name") == input.String("Name") &&
           told.String("Suffix") == input.String("Suffix") &&
           told.String("Primary") == input.String("Primary") &&
           told.Int("Generation") >= input.Int("Generation");
  });
}

Answer SecretsManager::TakeReplica(const Value& input) {
  const std::string_view name = input.String("Name");
  if (IsReleased(input)) return Released();
  const auto existing = secrets_.find(name);
  const bool there = existing != secrets_.end();
  if (there) {
    if (auto problem = WhyNotReplica(existing->second, input)) return *problem;
  }
  const bool same = there && existing->second.origin &&
                    IsFrom(*existing->second.origin, existing->second, input) &&
                    existing->second.origin->generation >= input.Int("Generation");
  if (same && existing->second.origin->revision >= input.Int("Revision")) return Value::Struct();
  if (same && existing->second.origin->generation > input.Int("Generation")) {
    return Value::Struct();
  }
  if (!same) {
    if (auto problem = CheckKey(input.String("Key"))) return ReplicationFailed(problem->message);
    Secret& made = Make(name);
    made.suffix = input.String("Suffix");
    made.key = input.String("Key");
  }
  Secret& replica = secrets_.find(name)->second;
  replica.origin =
      Origin{std::string(input.String("Primary")), input.Int("Generation"), input.Int("Revision")};
  TakeShared(replica, input.Sub("Content"));
  Save();
  return Value::Struct();
}

Answer SecretsManager::RemoveRegionsFromReplication(const Value& input) {
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  const Value::List& regions = input.Items("RemoveReplicaRegions");
  for (const Value& region : regions) {
    if (secret.In(region.str()) == nullptr) {
      return InvalidParameter(
          fmt::format("The secret is not replicated to region {}.", region.str()));
    }
  }
  for (const Value& region : regions) {
    const Replica* replica = secret.In(region.str());
    if (replica == nullptr) continue;  // named twice
    SendNotice(
        {replica->region, "DropReplica", NameReplica(secret, host_.region(), replica->generation)});
    std::erase_if(secret.replicas,
                  [&](const Replica& each) { return each.region == region.str(); });
  }
  Save();
  TellWhatIsLeft();
  return Value::Struct(
      {{"ARN", ArnOf(host_, secret)}, {"ReplicationStatus", ShowReplicas(secret)}});
}

// In the replica's Region.
Answer SecretsManager::DropReplica(const Value& input) {
  const auto found = secrets_.find(input.String("Name"));
  if (found == secrets_.end()) return Value::Struct();
  const Secret& secret = found->second;
  if (secret.origin && IsFrom(*secret.origin, secret, input) &&
      secret.origin->generation <= input.Int("Generation")) {
    secrets_.erase(found);
    Save();
  }
  return Value::Struct();
}

// The one call that is made in the replica's Region, and needs no other.
Answer SecretsManager::StopReplicationToReplica(const Value& input) {
  Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  if (!secret->is_replica()) {
    return InvalidParameter(
        "Operation not permitted on a secret that is not a replica. Call must be made in the "
        "replica's region.");
  }
  const Origin from = *secret->origin;
  secret->release = Release{from};
  secret->origin.reset();
  // Replicas that are given to it from here on are later than any that its primary gave it.
  secret->generation = std::max(secret->generation, from.generation);
  secret->revision = std::max(secret->revision, from.revision) + 1;
  SendNotice({from.region, "ReleaseReplica",
              NameReplica(*secret, from.region, from.generation).Set("Replica", host_.region())});
  Save();
  TellWhatIsLeft();
  return Value::Struct({{"ARN", ArnOf(host_, *secret)}});
}

// In the primary's Region.
Answer SecretsManager::ReleaseReplica(const Value& input) {
  const auto found = secrets_.find(input.String("Name"));
  if (found == secrets_.end() || found->second.suffix != input.String("Suffix")) {
    return Value::Struct();
  }
  const auto gone = std::erase_if(found->second.replicas, [&](const Replica& each) {
    return each.region == input.String("Replica") && each.generation <= input.Int("Generation");
  });
  if (gone > 0) Save();
  return Value::Struct();
}

void SecretsManager::SendNotice(Notice notice) { notices_.push_back(std::move(notice)); }

// One that is answered, however, is done.
Flow<> SecretsManager::Send(Notice notice) {
  const Answer answer = co_await AskRegion(host_, notice.region, std::string(kService),
                                           notice.operation, notice.input, limits.call);
  const auto* error = std::get_if<ApiError>(&answer);
  if (error != nullptr && (error->http_status == 0 || error->http_status >= 500)) co_return;
  std::erase_if(notices_, [&](const Notice& each) {
    return each.region == notice.region && each.operation == notice.operation &&
           each.input == notice.input;
  });
  Save();
}

void SecretsManager::TellWhatIsLeft() {
  const std::vector<Notice> notices = notices_;
  for (const Notice& notice : notices) Send(notice).Detach();
}

Flow<> SecretsManager::TellForever() {
  for (;;) {
    PurgeDue();
    std::vector<std::string> names;
    for (const auto& [name, secret] : secrets_) {
      if (!secret.replicas.empty()) names.push_back(name);
    }
    for (const std::string& name : names) {
      const auto found = secrets_.find(name);
      if (found != secrets_.end()) PushAll(found->second);
    }
    TellWhatIsLeft();
    co_await Sleep(host_, limits.tell);
  }
}

void SecretsManager::PurgeDue() {
  const base::WallTime now = host_.clock().Now();
  const auto gone = std::erase_if(
      secrets_, [&](const auto& each) { return each.second.deleted && each.second.purge <= now; });
  if (gone > 0) Save();
}

}  // namespace leeward::lab::secretsmanager
