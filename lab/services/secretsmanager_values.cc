// The values of secrets: their versions, and the labels that say which is which.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/keys.h"
#include "lab/services/region_links.h"
#include "lab/services/secretsmanager.h"

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

std::vector<std::string> StagesIn(const Value& input) {
  std::vector<std::string> stages;
  for (const Value& stage : input.Items("VersionStages")) stages.push_back(stage.str());
  if (stages.empty()) stages.emplace_back(kCurrent);
  return stages;
}

std::size_t BytesOf(const Value& content) {
  if (content.Has("SecretString")) return content.String("SecretString").size();
  return content.Has("SecretBinary") ? content.Sub("SecretBinary").blob().bytes.size() : 0;
}

bool SameContent(const Version& version, const Value& input) {
  return version.content == ContentOf(input);
}

// Versions without labels go, the oldest first.
void Forget(Secret& secret, std::size_t most) {
  while (secret.versions.size() > most) {
    const auto old = std::find_if(secret.versions.begin(), secret.versions.end(),
                                  [](const Version& version) { return version.stages.empty(); });
    if (old == secret.versions.end()) return;
    secret.versions.erase(old);
  }
}

Value Named(const Host& host, const Secret& secret) {
  return Value::Struct({{"ARN", ArnOf(host, secret)}, {"Name", secret.name}});
}

ApiError CannotEncrypt() {
  return {"EncryptionFailure",
          "Secrets Manager can't encrypt the protected secret text using the provided KMS key. "
          "Check that the KMS key is available, enabled, and not in an invalid state.",
          400,
          {}};
}

ApiError CannotDecrypt() {
  return {"DecryptionFailure",
          "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
          400,
          {}};
}

}  // namespace

Problem SecretsManager::CheckKey(std::string_view key) const {
  if (key.empty() || key == kManagedKey) return std::nullopt;
  const auto* keys = FindSibling<Keys>(host_, "kms");
  if (keys == nullptr) {
    return InvalidParameter(
        fmt::format("The key {} is not known: this Region has no KMS. Leave KmsKeyId out.", key));
  }
  const auto seen = keys->See(key);
  if (!seen) {
    return InvalidParameter(
        fmt::format("The KMS key {} does not exist in {}.", key, host_.region()));
  }
  if (!seen->usable) return CannotEncrypt();
  return std::nullopt;
}

bool SecretsManager::KeyWorks(std::string_view key) const {
  if (key.empty() || key == kManagedKey) return true;
  const auto* keys = FindSibling<Keys>(host_, "kms");
  const auto seen = keys == nullptr ? std::nullopt : keys->See(key);
  return seen && seen->usable;
}

// The same request again is answered as the first was, also when the secret has moved on since.
Answer SecretsManager::CreateAgain(const Secret& secret, const Value& input) const {
  if (secret.deleted) {
    return InvalidRequest(
        "You can't create this secret because a secret with this name is already scheduled for "
        "deletion.");
  }
  const Version* version = secret.Find(input.String("ClientRequestToken"));
  if (!secret.is_replica() && version != nullptr && SameContent(*version, input)) {
    return Named(host_, secret).Set("VersionId", version->id);
  }
  return ApiError{
      "ResourceExistsException",
      fmt::format("The operation failed because the secret {} already exists.", secret.name),
      400,
      {}};
}

Answer SecretsManager::CreateSecret(const Value& input) {
  const std::string_view name = input.String("Name");
  if (auto problem = CheckName(name)) return *problem;
  if (auto problem = CheckContent(input)) return *problem;
  if (auto problem = CheckTags(input.Items("Tags"))) return *problem;
  const auto existing = secrets_.find(name);
  if (existing != secrets_.end()) return CreateAgain(existing->second, input);
  if (secrets_.size() >= limits.secrets) {
    return ApiError{"LimitExceededException", "The account has too many secrets.", 400, {}};
  }
  if (BytesOf(ContentOf(input)) > limits.value) {
    return InvalidParameter(fmt::format("The value is longer than {} bytes.", limits.value));
  }
  if (auto problem = CheckKey(input.String("KmsKeyId"))) return *problem;
  if (auto problem = CheckReplicaRegions(Secret{}, input)) return *problem;
  Secret& secret = Make(name);
  secret.description = input.String("Description");
  secret.type = input.String("Type");
  secret.key = input.String("KmsKeyId");
  secret.tags = input.Items("Tags");
  if (!ContentOf(input).is_null()) AddVersion(secret, input, {std::string(kCurrent)});
  AddReplicas(secret, input);
  Changed(secret);
  Value answer = Named(host_, secret);
  if (const Version* version = secret.AtStage(kCurrent)) answer.Set("VersionId", version->id);
  if (!secret.replicas.empty()) answer.Set("ReplicationStatus", ShowReplicas(secret));
  return answer;
}

Answer SecretsManager::GetSecretValue(const Value& input) {
  Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  if (secret->deleted) return MarkedForDeletion();
  const std::string_view id = input.String("VersionId");
  const std::string_view stage = input.String("VersionStage", id.empty() ? kCurrent : "");
  Version* version = id.empty() ? secret->AtStage(stage) : secret->Find(id);
  if (version == nullptr) {
    return NotFoundFor(id.empty() ? fmt::format("staging label: {}", stage)
                                  : fmt::format("VersionId: {}", id));
  }
  if (!stage.empty() && !version->Has(stage)) {
    return InvalidRequest(
        "You provided a VersionStage that is not associated to the provided VersionId.");
  }
  if (!KeyWorks(version->key)) return CannotDecrypt();
  const base::WallTime today = DayOf(host_.clock().Now());
  if (version->accessed != today || secret->accessed != today) {
    version->accessed = secret->accessed = today;
    Save();
  }
  return ShowValue(host_, *secret, *version);
}

// Also that the key lets the value in.
Problem SecretsManager::CheckNewVersion(const Secret& secret, const Value& input) const {
  if (BytesOf(ContentOf(input)) > limits.value) {
    return InvalidParameter(fmt::format("The value is longer than {} bytes.", limits.value));
  }
  const bool full = secret.versions.size() >= limits.versions &&
                    std::none_of(secret.versions.begin(), secret.versions.end(),
                                 [](const Version& each) { return each.stages.empty(); });
  if (full) {
    return ApiError{
        "LimitExceededException",
        fmt::format("All {} versions of the secret have staging labels.", limits.versions),
        400,
        {}};
  }
  if (!KeyWorks(secret.key)) return CannotEncrypt();
  return std::nullopt;
}

void SecretsManager::AddVersion(Secret& secret, const Value& input,
                                const std::vector<std::string>& stages) {
  Version version;
  version.id = input.String("ClientRequestToken");
  version.content = ContentOf(input);
  version.created = host_.clock().Now();
  version.key = secret.key;
  const std::string id = version.id;
  const bool first = secret.versions.empty();
  secret.versions.push_back(std::move(version));
  for (const std::string& stage : stages) MoveStage(secret, stage, id);
  if (first) MoveStage(secret, kCurrent, id);
  Forget(secret, limits.versions);
}

Answer SecretsManager::PutSecretValue(const Value& input) {
  if (input.Has("RotationToken")) {
    return InvalidParameter("RotationToken is not served by this lab, which rotates nothing.");
  }
  if (auto problem = CheckContent(input)) return *problem;
  if (ContentOf(input).is_null()) {
    return InvalidRequest("You must provide either SecretString or SecretBinary.");
  }
  if (auto problem = CheckStages(input.Items("VersionStages"))) return *problem;
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  const std::string_view token = input.String("ClientRequestToken");
  if (const Version* known = secret.Find(token)) {
    if (!SameContent(*known, input)) return TokenInUse(token, ArnOf(host_, secret));
  } else {
    if (auto problem = CheckNewVersion(secret, input)) return *problem;
    AddVersion(secret, input, StagesIn(input));
    Changed(secret);
  }
  const Value shown = ShowValue(host_, secret, *secret.Find(token));
  Value answer = Named(host_, secret).Set("VersionId", token);
  if (!shown.Items("VersionStages").empty()) {
    answer.Set("VersionStages", shown.Sub("VersionStages"));
  }
  return answer;
}

// The key under which it lies is the one thing of a replica that is its own Region's.
Answer SecretsManager::UpdateKeyOfReplica(Secret& secret, const Value& input) {
  const bool other = input.Has("Description") || input.Has("Type") || !ContentOf(input).is_null();
  if (other || !input.Has("KmsKeyId")) return NotOnReplica();
  if (auto problem = CheckKey(input.String("KmsKeyId"))) return *problem;
  secret.key = input.String("KmsKeyId");
  for (Version& version : secret.versions) version.key = secret.key;
  Save();
  return Named(host_, secret);
}

Answer SecretsManager::UpdateSecret(const Value& input) {
  if (auto problem = CheckContent(input)) return *problem;
  Secret* replica = Find(input.String("SecretId"));
  if (replica != nullptr && replica->is_replica()) return UpdateKeyOfReplica(*replica, input);
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  const std::string_view token = input.String("ClientRequestToken");
  const bool valued = !ContentOf(input).is_null();
  const Version* known = valued ? secret.Find(token) : nullptr;
  if (known != nullptr && !SameContent(*known, input)) {
    return TokenInUse(token, ArnOf(host_, secret));
  }
  if (auto problem = CheckKey(input.String("KmsKeyId"))) return *problem;
  Secret draft = secret;
  if (input.Has("KmsKeyId")) draft.key = input.String("KmsKeyId");
  if (valued && known == nullptr) {
    if (auto problem = CheckNewVersion(draft, input)) return *problem;
  }
  secret.key = draft.key;
  if (input.Has("Description")) secret.description = input.String("Description");
  if (input.Has("Type")) secret.type = input.String("Type");
  if (valued && known == nullptr) AddVersion(secret, input, {std::string(kCurrent)});
  // Those with labels are encrypted anew.
  for (Version& version : secret.versions) {
    if (input.Has("KmsKeyId") && !version.stages.empty()) version.key = secret.key;
  }
  Changed(secret);
  Value answer = Named(host_, secret);
  if (valued) answer.Set("VersionId", token);
  return answer;
}

Answer SecretsManager::UpdateSecretVersionStage(const Value& input) {
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  const std::string_view stage = input.String("VersionStage");
  const std::string_view to = input.String("MoveToVersionId");
  const std::string_view from = input.String("RemoveFromVersionId");
  for (const std::string_view id : {to, from}) {
    if (!id.empty() && secret.Find(id) == nullptr) {
      return NotFoundFor(fmt::format("VersionId: {}", id));
    }
  }
  Version* holder = secret.AtStage(stage);
  if (!from.empty() && (holder == nullptr || holder->id != from)) {
    return InvalidParameter(
        fmt::format("The staging label {} is not attached to version {}.", stage, from));
  }
  if (holder != nullptr && from.empty() && holder->id != to) {
    return InvalidParameter(fmt::format(
        "The parameter RemoveFromVersionId can't be empty. Staging label {} is currently attached "
        "to version {}, so you must explicitly reference that version in RemoveFromVersionId.",
        stage, holder->id));
  }
  if (to.empty() && stage == kCurrent) {
    return InvalidParameter(
        "You can only move staging label AWSCURRENT to a different secret version. It can't be "
        "completely removed.");
  }
  if (to.empty() && holder != nullptr) RemoveStage(*holder, stage);
  if (!to.empty()) MoveStage(secret, stage, to);
  Changed(secret);
  return Named(host_, secret);
}

}  // namespace leeward::lab::secretsmanager
