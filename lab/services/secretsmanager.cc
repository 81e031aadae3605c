#include "lab/services/secretsmanager.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/saved_state.h"

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

constexpr std::size_t kSuffix = 6;

}  // namespace

std::span<const OperationRow<SecretsManager>> SecretsManager::Table() {
  using S = SecretsManager;
  static constexpr auto kTable = std::to_array<OperationRow<S>>({
      {"CreateSecret", &S::CreateSecret},
      {"DeleteSecret", &S::DeleteSecret},
      {"DescribeSecret", &S::DescribeSecret},
      {"GetRandomPassword", &S::GetRandomPassword},
      {"GetResourcePolicy", &S::GetResourcePolicy},
      {"GetSecretValue", &S::GetSecretValue},
      {"ListSecretVersionIds", &S::ListSecretVersionIds},
      {"ListSecrets", &S::ListSecrets},
      {"PutSecretValue", &S::PutSecretValue},
      {"RemoveRegionsFromReplication", &S::RemoveRegionsFromReplication},
      {"ReplicateSecretToRegions", &S::ReplicateSecretToRegions},
      {"RestoreSecret", &S::RestoreSecret},
      {"StopReplicationToReplica", &S::StopReplicationToReplica},
      {"TagResource", &S::TagResource},
      {"UntagResource", &S::UntagResource},
      {"UpdateSecret", &S::UpdateSecret},
      {"UpdateSecretVersionStage", &S::UpdateSecretVersionStage},
  });
  return kTable;
}

std::span<const OperationRow<SecretsManager>> SecretsManager::InternalTable() {
  using S = SecretsManager;
  static constexpr auto kTable = std::to_array<OperationRow<S>>({
      {"DropReplica", &S::DropReplica},
      {"ReleaseReplica", &S::ReleaseReplica},
      {"TakeReplica", &S::TakeReplica},
  });
  return kTable;
}

void SecretsManager::Handle(const Call& call, Reply reply) {
  RunOperation(*this, Table(), call, std::move(reply));
}

void SecretsManager::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (TryOperation(*this, InternalTable(), operation, input, reply)) return;
  Service::HandleInternal(operation, input, std::move(reply));
}

base::Status SecretsManager::Start() {
  ASSIGN_OR_RETURN(const Value state, LoadState(host_, "secretsmanager"));
  for (const Value& saved : state.Items("Secrets")) {
    Secret secret = LoadSecret(saved);
    std::string name = secret.name;
    secrets_.emplace(std::move(name), std::move(secret));
  }
  for (const Value& saved : state.Items("Notices")) {
    notices_.push_back({std::string(saved.String("Region")), std::string(saved.String("Operation")),
                        saved.Sub("Input")});
  }
  TellForever().Detach();
  return base::Ok();
}

// By name, by ARN, or by an ARN without its last seven characters.
Secret* SecretsManager::Find(std::string_view name_or_arn) {
  const std::string prefix = Arn(host_, "secretsmanager", "secret:");
  std::string_view name = name_or_arn;
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  const auto whole = secrets_.find(name);
  if (whole != secrets_.end()) return &whole->second;
  if (name.size() == name_or_arn.size() || name.size() <= kSuffix + 1) return nullptr;
  const auto found = secrets_.find(name.substr(0, name.size() - kSuffix - 1));
  if (found == secrets_.end() || ArnOf(host_, found->second) != name_or_arn) return nullptr;
  return &found->second;
}

std::variant<Secret*, ApiError> SecretsManager::FindWritable(std::string_view name_or_arn) {
  Secret* secret = Find(name_or_arn);
  if (secret == nullptr) return NotFound();
  if (secret->is_replica()) return NotOnReplica();
  if (secret->deleted) return MarkedForDeletion();
  return secret;
}

std::string SecretsManager::NewSuffix() {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string suffix;
  while (suffix.size() < kSuffix) suffix += kLetters[host_.random().Below(kLetters.size())];
  return suffix;
}

Secret& SecretsManager::Make(std::string_view name) {
  Secret& secret = secrets_[std::string(name)];
  secret = Secret{};
  secret.name = name;
  secret.suffix = NewSuffix();
  secret.created = secret.changed = host_.clock().Now();
  return secret;
}

void SecretsManager::Changed(Secret& secret) {
  secret.changed = host_.clock().Now();
  ++secret.revision;
  for (Replica& replica : secret.replicas) {
    if (replica.status == Sync::kInSync) replica.status = Sync::kInProgress;
  }
  Save();
  PushAll(secret);
}

void SecretsManager::Save() {
  Value::List secrets;
  for (const auto& [name, secret] : secrets_) secrets.push_back(secretsmanager::Save(secret));
  Value::List notices;
  for (const Notice& notice : notices_) {
    notices.push_back(Value::Struct(
        {{"Region", notice.region}, {"Operation", notice.operation}, {"Input", notice.input}}));
  }
  SaveState(host_, "secretsmanager",
            Value::Struct(
                {{"Secrets", Value(std::move(secrets))}, {"Notices", Value(std::move(notices))}}),
            StateReaders::kOwner);
}

}  // namespace leeward::lab::secretsmanager

namespace leeward::lab {

std::unique_ptr<Service> MakeSecretsManager(Host& host) {
  return std::make_unique<secretsmanager::SecretsManager>(host);
}

}  // namespace leeward::lab
