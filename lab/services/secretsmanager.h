// The lab's Secrets Manager in one Region: secrets with their versions, and this Region's side of
// their replication (secretsmanager_replicas.cc).
//
// Requests are checked and answered at once from the saved state, which its owner alone can read.
// No value is ever part of a message, an error or a log line.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/flow.h"
#include "lab/services/secretsmanager_checks.h"
#include "lab/services/secretsmanager_secret.h"

namespace leeward::lab::secretsmanager {

struct Limits {
  std::size_t secrets = 500'000;       // as the quota of an account
  std::size_t versions = 100;          // of a secret
  std::size_t value = 65536;           // bytes
  base::Duration call{2'000'000'000};  // to another Region's Secrets Manager
  base::Duration tell{1'000'000'000};  // between attempts to tell it what it does not know yet
};

class SecretsManager : public Service {
 public:
  explicit SecretsManager(Host& host) : host_(host) {}

  std::string_view name() const override { return "secretsmanager"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;
  void HandleInternal(std::string_view operation, const shapes::Value& input, Reply reply) override;

  Limits limits;

 private:
  using Value = shapes::Value;
  // What another Region is told until it says that it knows.
  struct Notice {
    std::string region;
    std::string operation;
    Value input;
  };
  static std::span<const OperationRow<SecretsManager>> Table();
  static std::span<const OperationRow<SecretsManager>> InternalTable();

  // secretsmanager_values.cc
  Answer CreateSecret(const Value& input);
  Answer GetSecretValue(const Value& input);
  Answer PutSecretValue(const Value& input);
  Answer UpdateSecret(const Value& input);
  Answer UpdateSecretVersionStage(const Value& input);
  Answer CreateAgain(const Secret& secret, const Value& input) const;
  Problem CheckNewVersion(const Secret& secret, const Value& input) const;
  Problem CheckKey(std::string_view key) const;
  bool KeyWorks(std::string_view key) const;
  void AddVersion(Secret& secret, const Value& input, const std::vector<std::string>& stages);
  Answer UpdateKeyOfReplica(Secret& secret, const Value& input);

  // secretsmanager_lists.cc
  Answer DescribeSecret(const Value& input);
  Answer ListSecrets(const Value& input);
  Answer ListSecretVersionIds(const Value& input);
  Answer GetResourcePolicy(const Value& input);
  Answer DeleteSecret(const Value& input);
  Answer RestoreSecret(const Value& input);
  Answer TagResource(const Value& input);
  Answer UntagResource(const Value& input);
  Answer GetRandomPassword(const Value& input);

  // secretsmanager_replicas.cc
  Answer ReplicateSecretToRegions(const Value& input);
  Answer RemoveRegionsFromReplication(const Value& input);
  Answer StopReplicationToReplica(const Value& input);
  Problem CheckReplicaRegions(const Secret& secret, const Value& input) const;
  void AddReplicas(Secret& secret, const Value& input);
  void PushAll(const Secret& secret);
  Flow<> Push(std::string name, std::string region);
  Flow<bool> PushOnce(std::string name, std::string region);
  void Pushed(const std::string& name, const std::string& region, const Value& sent,
              const Answer& answer);
  Answer TakeReplica(const Value& input);
  Problem WhyNotReplica(const Secret& existing, const Value& input) const;
  bool IsReleased(const Value& input) const;
  Answer DropReplica(const Value& input);
  Answer ReleaseReplica(const Value& input);
  void SendNotice(Notice notice);
  Flow<> Send(Notice notice);
  Flow<> TellForever();
  void TellWhatIsLeft();
  void PurgeDue();

  // secretsmanager.cc
  Secret* Find(std::string_view name_or_arn);
  // One whose value may be changed here: found, not a replica, not marked for deletion.
  std::variant<Secret*, ApiError> FindWritable(std::string_view name_or_arn);
  std::string NewSuffix();
  Secret& Make(std::string_view name);
  // What replicas have to learn: saved, and on its way.
  void Changed(Secret& secret);
  void Save();

  Host& host_;
  std::map<std::string, Secret, std::less<>> secrets_;  // by name
  std::vector<Notice> notices_;

  // Not saved.
  std::set<std::string, std::less<>> pushing_;     // "name region"
  std::set<std::string, std::less<>> push_again_;  // "name region"
};

}  // namespace leeward::lab::secretsmanager

namespace leeward::lab {
std::unique_ptr<Service> MakeSecretsManager(Host& host);
}
