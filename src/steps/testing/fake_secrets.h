// FakeSecrets: Secrets Manager and KMS in two Regions as far as the steps of secrets see them:
// versions with labels, one replica each, that follows after it has been looked at a few times.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "steps/secretsmanager.h"
#include "steps/testing/shop.h"

namespace leeward::steps::testing {

class FakeSecrets {
 public:
  struct Version {
    std::string value;
    std::set<std::string> stages;
  };
  struct Secret {
    std::map<std::string, Version> versions = {};
    std::string primary = {};  // of a replica: where it comes from
    // Of a primary: where its replica is, and what is said of it.
    std::string replica = {}, status = {}, message = {}, key = {};
    int looks = 0;  // until the replica has it
    bool deleted = false;
  };
  using Place = std::pair<std::string, std::string>;  // Region and name

  explicit FakeSecrets(Shop& shop) : shop_(shop) {
    On("secretsmanager:DescribeSecret", &FakeSecrets::Describe);
    On("secretsmanager:ListSecretVersionIds", &FakeSecrets::ListVersions);
    On("secretsmanager:GetSecretValue", &FakeSecrets::GetValue);
    On("secretsmanager:CreateSecret", &FakeSecrets::Create);
    On("secretsmanager:ReplicateSecretToRegions", &FakeSecrets::Replicate);
    On("secretsmanager:StopReplicationToReplica", &FakeSecrets::StopReplication);
    On("kms:DescribeKey", &FakeSecrets::DescribeKey);
  }

  // A new current version.
  void Put(const std::string& region, const std::string& version) {
    Secret& secret = secrets[{region, kName}];
    for (auto& [id, one] : secret.versions) {
      one.stages.erase("AWSPREVIOUS");
      if (one.stages.erase("AWSCURRENT") > 0) one.stages.insert("AWSPREVIOUS");
    }
    secret.versions[version] = {"value of " + version, {"AWSCURRENT"}};
    if (secret.replica.empty()) return;
    secret.status = "InProgress";
    secret.looks = 2;
  }
  Secret& In(const std::string& region) { return secrets.at({region, kName}); }
  bool Has(const std::string& region, const std::string& name = kName) const {
    return secrets.contains({region, name});
  }

  static constexpr char kHome[] = "us-east-1", kRecovery[] = "us-west-2", kName[] = "shop/login";
  std::map<Place, Secret> secrets;
  std::map<Place, std::string> keys;  // their states
  std::string refusal;                // why the other Region takes no replica
  std::set<std::string> dark;

 private:
  void On(const std::string& operation,
          Result<Value> (FakeSecrets::*answer)(const SeenCall& call)) {
    shop_.aws.On(operation, [this, answer](const SeenCall& call) -> Result<Value> {
      if (dark.contains(call.options.region)) return base::Unreachable("no answer in 1.0 s");
      return (this->*answer)(call);
    });
  }
  static base::Error Absent() {
    return base::Error(base::ErrorCode::kNotFound, "secretsmanager: no such secret")
        .WithServiceCode("ResourceNotFoundException");
  }
  Secret* Named(const SeenCall& call) {
    const auto found =
        secrets.find({call.options.region, std::string(call.input.String("SecretId"))});
    return found == secrets.end() ? nullptr : &found->second;
  }
  void Follow(const Place& place, Secret& secret) {
    if (secret.status != "InProgress" || --secret.looks > 0) return;
    secret.status = refusal.empty() ? "InSync" : "Failed";
    secret.message = refusal;
    if (!refusal.empty()) return;
    Secret& replica = secrets[{secret.replica, place.second}];
    replica = Secret{.versions = secret.versions, .primary = place.first, .key = secret.key};
  }

  Result<Value> Describe(const SeenCall& call) {
    Secret* secret = Named(call);
    if (secret == nullptr) return Absent();
    const std::string name(call.input.String("SecretId"));
    Follow({call.options.region, name}, *secret);
    Value labels = Value::Struct();
    for (const auto& [id, version] : secret->versions) {
      Value::List stages;
      for (const std::string& stage : version.stages) stages.emplace_back(stage);
      if (!stages.empty()) labels.Set(id, stages);
    }
    Value told = Value::Struct({{"ARN", "arn:" + call.options.region + ":" + name},
                                {"Name", name},
                                {"LastChangedDate", shop_.clock.Now()},
                                {"VersionIdsToStages", labels}});
    if (secret->deleted) told.Set("DeletedDate", shop_.clock.Now());
    if (!secret->primary.empty()) told.Set("PrimaryRegion", secret->primary);
    if (secret->replica.empty()) return told;
    told.Set("PrimaryRegion", call.options.region);
    told.Set("ReplicationStatus", Value::List{Value::Struct({{"Region", secret->replica},
                                                             {"Status", secret->status},
                                                             {"StatusMessage", secret->message}})});
    return told;
  }
  Result<Value> ListVersions(const SeenCall& call) {
    Secret* secret = Named(call);
    if (secret == nullptr) return Absent();
    Value::List told;
    for (const auto& [id, version] : secret->versions)
      told.push_back(Value::Struct({{"VersionId", id}}));
    return Value::Struct({{"Versions", told}});
  }
  Result<Value> GetValue(const SeenCall& call) {
    Secret* secret = Named(call);
    if (secret == nullptr) return Absent();
    const std::string id(call.input.String("VersionId"));
    return Value::Struct({{"VersionId", id}, {"SecretString", secret->versions.at(id).value}});
  }
  Result<Value> Create(const SeenCall& call) {
    Secret& made = secrets[{call.options.region, std::string(call.input.String("Name"))}];
    made.versions[std::string(call.input.String("ClientRequestToken"))] = {
        std::string(call.input.String("SecretString")), {"AWSCURRENT"}};
    return Value::Struct({{"Name", call.input.String("Name")}});
  }
  Result<Value> Replicate(const SeenCall& call) {
    Secret* secret = Named(call);
    if (secret == nullptr) return Absent();
    const Value& into = call.input.Items("AddReplicaRegions").front();
    const std::string region(into.String("Region"));
    secret->replica = region;
    secret->status = "InProgress";
    secret->message.clear();
    secret->key = into.String("KmsKeyId");
    secret->looks = 2;
    const bool taken = secrets.contains({region, std::string(call.input.String("SecretId"))});
    if (taken && !call.input.Flag("ForceOverwriteReplicaSecret", false)) {
      secret->status = "Failed";
      secret->message = "the name is taken";
    }
    return Value::Struct();
  }
  Result<Value> StopReplication(const SeenCall& call) {
    Secret* secret = Named(call);
    if (secret == nullptr) return Absent();
    const auto from = secrets.find({secret->primary, std::string(call.input.String("SecretId"))});
    if (from != secrets.end()) from->second.replica.clear();
    secret->primary.clear();
    return Value::Struct();
  }
  Result<Value> DescribeKey(const SeenCall& call) {
    const std::string key(call.input.String("KeyId"));
    const auto found = keys.find({call.options.region, key});
    if (found == keys.end()) {
      return base::Error(base::ErrorCode::kNotFound, "kms: no such key")
          .WithServiceCode("NotFoundException");
    }
    return Value::Struct(
        {{"KeyMetadata", Value::Struct({{"Arn", "arn:" + key}, {"KeyState", found->second}})}});
  }

  Shop& shop_;
};

}  // namespace leeward::steps::testing
