// Keys: making them, what is told of them, their states, policies and tags.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/kms.h"
#include "lab/services/kms_cipher.h"
#include "lab/services/kms_page.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;

constexpr std::size_t kNewMaterial = 32;
constexpr std::int64_t kUsualWindow = 30;  // days

bool IsPending(const Key& key) { return key.window.has_value(); }

Problem CheckPolicyName(const Value& input) {
  if (input.String("PolicyName", "default") == "default") return std::nullopt;
  return ApiError{"NotFoundException", "No such policy exists", 400, {}};
}

}  // namespace

std::string Kms::NewId(std::string_view prefix) {
  ports::Random& random = host_.random();
  if (!prefix.empty()) return fmt::format("{}{}", prefix, random.Hex(32));
  return fmt::format("{}-{}-4{}-a{}-{}", random.Hex(8), random.Hex(4), random.Hex(3), random.Hex(3),
                     random.Hex(12));
}

Answer Kms::CreateKey(const Value& input) {
  if (auto problem = CheckCreateKey(input)) return *problem;
  if (auto problem = CheckKeyTags(input.Items("Tags"))) return *problem;
  if (input.Has("Policy")) {
    if (auto problem = CheckKeyPolicy(input.String("Policy"), host_.account())) return *problem;
  }
  if (keys_.size() >= limits.keys) {
    return ApiError{"LimitExceededException", "The account has too many keys.", 400, {}};
  }
  const bool multi = input.Flag("MultiRegion", false);
  Key key;
  key.id = NewId(multi ? "mrk-" : "");
  key.material = RandomBytes(host_.random(), kNewMaterial);
  key.description = input.String("Description");
  key.policy = input.String("Policy", DefaultPolicy(host_.account()));
  key.tags = input.Items("Tags");
  key.created = host_.clock().Now();
  if (multi) key.family = Family{host_.region(), 1, 1, {host_.region()}};
  const Value shown = Metadata(host_, key);
  keys_[key.id] = std::move(key);
  Save();
  return Value::Struct({{"KeyMetadata", shown}});
}

Answer Kms::DescribeKey(const Value& input) {
  const Found found = Find(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  return Value::Struct({{"KeyMetadata", Metadata(host_, *std::get<Key*>(found))}});
}

Answer Kms::ListKeys(const Value& input) {
  Value::List shown;
  for (const auto& [id, key] : keys_) {
    shown.push_back(Value::Struct({{"KeyId", id}, {"KeyArn", ArnOfKey(host_, id)}}));
  }
  return KeyPage(input, "Keys", shown);
}

Answer Kms::SetEnabled(const Value& input, State state) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Key& key = *std::get<Key*>(found);
  const State now = key.state();
  if (now != State::kEnabled && now != State::kDisabled) {
    return WrongState(ArnOfKey(host_, key.id), now);
  }
  key.enabled = state == State::kEnabled;
  Save();
  return Value::Struct();
}

Answer Kms::EnableKey(const Value& input) { return SetEnabled(input, State::kEnabled); }

Answer Kms::DisableKey(const Value& input) { return SetEnabled(input, State::kDisabled); }

// The waiting period of a primary begins when its last replica is gone.
void Kms::BeginWindow(Key& key) {
  if (!key.window || key.deletion) return;
  const bool primary = key.family && key.family->primary == host_.region();
  if (primary && key.family->regions.size() > 1) return;
  key.deletion = host_.clock().Now() + std::chrono::hours(24) * *key.window;
}

Answer Kms::ScheduleKeyDeletion(const Value& input) {
  const std::int64_t days = input.Int("PendingWindowInDays", kUsualWindow);
  if (auto problem = CheckWindow(days)) return *problem;
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Key& key = *std::get<Key*>(found);
  const State now = key.state();
  if (IsPending(key) || now == State::kUpdating) return WrongState(ArnOfKey(host_, key.id), now);
  key.window = days;
  BeginWindow(key);
  Save();
  Value answer = Value::Struct({{"KeyId", ArnOfKey(host_, key.id)},
                                {"KeyState", NameOf(key.state())},
                                {"PendingWindowInDays", days}});
  if (key.deletion) answer.Set("DeletionDate", *key.deletion);
  return answer;
}

Answer Kms::CancelKeyDeletion(const Value& input) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Key& key = *std::get<Key*>(found);
  const std::string arn = ArnOfKey(host_, key.id);
  if (!IsPending(key)) {
    return ApiError{
        "KMSInvalidStateException", fmt::format("{} is not pending deletion.", arn), 400, {}};
  }
  key.window.reset();
  key.deletion.reset();
  key.enabled = false;
  Save();
  return Value::Struct({{"KeyId", arn}});
}

Answer Kms::GetKeyPolicy(const Value& input) {
  const Found found = Find(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  if (auto problem = CheckPolicyName(input)) return *problem;
  return Value::Struct({{"Policy", std::get<Key*>(found)->policy}, {"PolicyName", "default"}});
}

Answer Kms::PutKeyPolicy(const Value& input) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  if (auto problem = CheckPolicyName(input)) return *problem;
  if (auto problem = CheckKeyPolicy(input.String("Policy"), host_.account())) return *problem;
  std::get<Key*>(found)->policy = input.String("Policy");
  Save();
  return Value::Struct();
}

Answer Kms::ListKeyPolicies(const Value& input) {
  const Found found = Find(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  return KeyPage(input, "PolicyNames", {Value("default")});
}

Answer Kms::ListResourceTags(const Value& input) {
  const Found found = Find(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  return KeyPage(input, "Tags", std::get<Key*>(found)->tags);
}

Answer Kms::TagResource(const Value& input) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Key& key = *std::get<Key*>(found);
  if (IsPending(key)) return WrongState(ArnOfKey(host_, key.id), key.state());
  if (auto problem = CheckKeyTags(input.Items("Tags"))) return *problem;
  Value::List tags = key.tags;
  for (const Value& tag : input.Items("Tags")) {
    std::erase_if(tags,
                  [&](const Value& old) { return old.String("TagKey") == tag.String("TagKey"); });
    tags.push_back(tag);
  }
  if (auto problem = CheckKeyTags(tags)) return *problem;
  key.tags = std::move(tags);
  Save();
  return Value::Struct();
}

Answer Kms::UntagResource(const Value& input) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Key& key = *std::get<Key*>(found);
  if (IsPending(key)) return WrongState(ArnOfKey(host_, key.id), key.state());
  for (const Value& name : input.Items("TagKeys")) {
    std::erase_if(key.tags, [&](const Value& tag) { return tag.String("TagKey") == name.str(); });
  }
  Save();
  return Value::Struct();
}

}  // namespace leeward::lab::kms
