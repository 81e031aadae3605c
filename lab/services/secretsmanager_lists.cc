// What is told of secrets, their tags, and their end.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/secretsmanager.h"
#include "lab/services/secretsmanager_password.h"

namespace leeward::lab::secretsmanager {
namespace {

using shapes::Value;

constexpr std::int64_t kPageOfSecrets = 100;

Answer SecretPage(const Value& input, std::string_view key, const Value::List& items) {
  Page page;
  const auto size = static_cast<std::size_t>(input.Int("MaxResults", kPageOfSecrets));
  if (!TakePage(items, input.String("NextToken"), size, page)) {
    return ApiError{"InvalidNextTokenException", "Invalid NextToken value.", 400, {}};
  }
  Value answer = Value::Struct({{key.data(), Value(std::move(page.items))}});
  if (!page.next_token.empty()) answer.Set("NextToken", page.next_token);
  return answer;
}

// Whether `a` comes before `b`, in ascending order.
bool Earlier(const Secret& a, const Secret& b, std::string_view by) {
  const auto when = [&](const Secret& secret) {
    if (by == "last-changed-date") return secret.changed;
    if (by == "last-accessed-date") return secret.accessed.value_or(base::WallTime{});
    return secret.created;
  };
  if (by == "name" || when(a) == when(b)) return a.name < b.name;
  return when(a) < when(b);
}

Value ShowVersion(const Version& version) {
  Value shown = Value::Struct({{"VersionId", version.id}, {"CreatedDate", version.created}});
  Value stages = Value::EmptyList();
  for (const std::string& stage : version.stages) stages.list().push_back(stage);
  if (!version.stages.empty()) shown.Set("VersionStages", std::move(stages));
  if (version.accessed) shown.Set("LastAccessedDate", *version.accessed);
  const std::string key = version.key.empty() ? "DefaultEncryptionKey" : version.key;
  return shown.Set("KmsKeyIds", Value(Value::List{Value(key)}));
}

}  // namespace

Answer SecretsManager::DescribeSecret(const Value& input) {
  const Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  Value shown = Describe(host_, *secret);
  Value stages = StagesByVersion(*secret);
  if (!stages.members().empty()) shown.Set("VersionIdsToStages", std::move(stages));
  if (!secret->replicas.empty()) shown.Set("ReplicationStatus", ShowReplicas(*secret));
  return shown;
}

Answer SecretsManager::ListSecrets(const Value& input) {
  for (const Value& filter : input.Items("Filters")) {
    if (!filter.Has("Key") || filter.Items("Values").empty()) {
      return InvalidParameter("Every filter must have a Key and Values.");
    }
  }
  std::vector<const Secret*> found;
  for (const auto& [name, secret] : secrets_) {
    if (secret.deleted && !input.Flag("IncludePlannedDeletion", false)) continue;
    if (Passes(secret, input.Items("Filters"), host_.region())) found.push_back(&secret);
  }
  const std::string_view by = input.String("SortBy", "created-date");
  const bool falling = input.String("SortOrder", "asc") == "desc";
  std::sort(found.begin(), found.end(), [&](const Secret* a, const Secret* b) {
    return falling ? Earlier(*b, *a, by) : Earlier(*a, *b, by);
  });
  Value::List shown;
  for (const Secret* secret : found) {
    Value entry = Describe(host_, *secret);
    Value stages = StagesByVersion(*secret);
    if (!stages.members().empty()) entry.Set("SecretVersionsToStages", std::move(stages));
    shown.push_back(std::move(entry));
  }
  return SecretPage(input, "SecretList", shown);
}

Answer SecretsManager::ListSecretVersionIds(const Value& input) {
  const Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  Value::List shown;
  for (const Version& version : secret->versions) {
    if (version.stages.empty() && !input.Flag("IncludeDeprecated", false)) continue;
    shown.push_back(ShowVersion(version));
  }
  Answer answer = SecretPage(input, "Versions", shown);
  if (auto* value = std::get_if<Value>(&answer)) {
    value->Set("ARN", ArnOf(host_, *secret)).Set("Name", secret->name);
  }
  return answer;
}

// None can be attached: a lab without IAM would not hold anybody to it.
Answer SecretsManager::GetResourcePolicy(const Value& input) {
  const Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  if (secret->deleted) return MarkedForDeletion();
  return Value::Struct({{"ARN", ArnOf(host_, *secret)}, {"Name", secret->name}});
}

Answer SecretsManager::DeleteSecret(const Value& input) {
  const auto read = ReadDeletion(input);
  if (const auto* error = std::get_if<ApiError>(&read)) return *error;
  const auto& asked = std::get<DeletionAsked>(read);
  Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  if (secret->is_replica()) return NotOnReplica();
  if (secret->deleted && !asked.at_once) return MarkedForDeletion();
  if (!secret->replicas.empty()) {
    std::string regions;
    for (const Replica& replica : secret->replicas) {
      regions += (regions.empty() ? "" : ",") + replica.region;
    }
    return InvalidParameter(
        fmt::format("You can't delete secret {} that still has replica regions [{}]",
                    input.String("SecretId"), regions));
  }
  secret->deleted = host_.clock().Now();
  secret->purge = *secret->deleted + asked.window;
  const Value answer = Value::Struct(
      {{"ARN", ArnOf(host_, *secret)}, {"Name", secret->name}, {"DeletionDate", secret->purge}});
  if (asked.at_once) secrets_.erase(std::string(secret->name));
  Save();
  return answer;
}

Answer SecretsManager::RestoreSecret(const Value& input) {
  Secret* secret = Find(input.String("SecretId"));
  if (secret == nullptr) return NotFound();
  if (secret->is_replica()) return NotOnReplica();
  secret->deleted.reset();
  Save();
  return Value::Struct({{"ARN", ArnOf(host_, *secret)}, {"Name", secret->name}});
}

Answer SecretsManager::TagResource(const Value& input) {
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  if (auto problem = CheckTags(input.Items("Tags"))) return *problem;
  Value::List tags = secret.tags;
  for (const Value& tag : input.Items("Tags")) {
    std::erase_if(tags, [&](const Value& old) { return old.String("Key") == tag.String("Key"); });
    tags.push_back(tag);
  }
  if (auto problem = CheckTags(tags)) return *problem;
  secret.tags = std::move(tags);
  Changed(secret);
  return Value::Struct();
}

Answer SecretsManager::UntagResource(const Value& input) {
  const auto found = FindWritable(input.String("SecretId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Secret& secret = *std::get<Secret*>(found);
  for (const Value& key : input.Items("TagKeys")) {
    std::erase_if(secret.tags, [&](const Value& tag) { return tag.String("Key") == key.str(); });
  }
  Changed(secret);
  return Value::Struct();
}

Answer SecretsManager::GetRandomPassword(const Value& input) {
  auto password = MakePassword(input, host_.random());
  if (!password) {
    return InvalidParameter(
        "The password cannot be made of what is left after the exclusions, or is too short for "
        "each of the required types.");
  }
  return Value::Struct({{"RandomPassword", *password}});
}

}  // namespace leeward::lab::secretsmanager
