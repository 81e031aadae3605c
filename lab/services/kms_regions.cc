// Multi-Region keys: material that reaches another Region, and who is the primary.
//
// A Region that has the material uses it alone, whatever becomes of the others. Only the primary
// changes the family, and it tells it to the others until they know; a Region that has a later one
// answers with that. The primary moves by the old one asking the new one, so that it moves only
// while both answer; until the new one has answered, the old one changes nothing.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ask_region.h"
#include "lab/services/kms.h"

namespace leeward::lab::kms {
namespace {

using shapes::Value;

std::string WordOf(std::string_view id, std::string_view region) {
  return fmt::format("{} {}", id, region);
}

std::string StampOf(const Family& family) {
  return fmt::format("{}.{}", family.epoch, family.version);
}

ApiError NotMultiRegion(std::string_view arn) {
  return UnsupportedOperation(fmt::format("{} is not a multi-Region key.", arn));
}

ApiError NotPrimary(std::string_view arn, std::string_view primary) {
  return UnsupportedOperation(
      fmt::format("{} is not a primary key: its primary is in {}.", arn, primary));
}

}  // namespace

void Kms::ReplicateKey(const Value& input, Reply reply) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return reply(*error);
  const Key& key = *std::get<Key*>(found);
  const std::string arn = ArnOfKey(host_, key.id);
  const std::string region(input.String("ReplicaRegion"));
  if (!key.family) return reply(NotMultiRegion(arn));
  if (key.family->primary != host_.region()) return reply(NotPrimary(arn, key.family->primary));
  if (key.state() != State::kEnabled) return reply(WrongState(arn, key.state()));
  if (key.family->Has(region)) {
    return reply(ApiError{"AlreadyExistsException",
                          fmt::format("{} already has a key in {}.", arn, region),
                          400,
                          {}});
  }
  if (auto problem = CheckKeyTags(input.Items("Tags"))) return reply(*problem);
  const std::string policy(input.String("Policy", DefaultPolicy(host_.account())));
  if (auto problem = CheckKeyPolicy(policy, host_.account())) return reply(*problem);
  Value ask = Value::Struct({{"Id", key.id},
                             {"Material", shapes::Blob{key.material}},
                             {"Family", ToValue(*key.family)},
                             {"Description", input.String("Description")},
                             {"Policy", policy},
                             {"Tags", Value(input.Items("Tags"))}});
  RunReplicate(key.id, std::move(ask), region, std::move(reply)).Detach();
}

Flow<> Kms::RunReplicate(std::string id, Value ask, std::string region, Reply reply) {
  const Answer answer = co_await AskRegion(host_, region, "kms", "TakeKey", ask, limits.call);
  if (TimedOut(answer)) {
    reply(KeyTimedOut(region));
    co_return;
  }
  if (IsError(answer)) {
    reply(answer);
    co_return;
  }
  const auto found = keys_.find(id);
  Family* family = found == keys_.end() || !found->second.family ? nullptr : &*found->second.family;
  if (family == nullptr || family->primary != host_.region()) {
    reply(KeyNotFound(ArnOfKey(host_, id)));
    co_return;
  }
  if (!family->Has(region)) {
    family->regions.push_back(region);
    ++family->version;
    Save();
  }
  TellFamily(found->second);
  Value shown = std::get<Value>(answer);
  reply(shown.Set("ReplicaTags", ask.Sub("Tags")));
}

// In the Region of the replica. It is in use once the primary counts it.
Answer Kms::TakeKey(const Value& input) {
  const std::string id(input.String("Id"));
  const auto existing = keys_.find(id);
  if (existing != keys_.end() && !existing->second.joining) {
    return ApiError{
        "AlreadyExistsException", fmt::format("{} already exists.", ArnOfKey(host_, id)), 400, {}};
  }
  Key key;
  key.id = id;
  key.material = input.Sub("Material").blob().bytes;
  key.description = input.String("Description");
  key.policy = input.String("Policy");
  key.tags = input.Items("Tags");
  key.created = host_.clock().Now();
  key.joining = true;
  key.family = FamilyOf(input.Sub("Family"));
  std::erase_if(left_, [&](const auto& each) { return each.first == id; });
  Value shown = Metadata(host_, key);
  std::string policy = key.policy;
  keys_[id] = std::move(key);
  Save();
  return Value::Struct(
      {{"ReplicaKeyMetadata", std::move(shown)}, {"ReplicaPolicy", std::move(policy)}});
}

Answer Kms::UpdatePrimaryRegion(const Value& input) {
  const Found found = FindOwn(input.String("KeyId"));
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  Key& key = *std::get<Key*>(found);
  const std::string arn = ArnOfKey(host_, key.id);
  const std::string region(input.String("PrimaryRegion"));
  if (!key.family) return NotMultiRegion(arn);
  if (key.family->primary != host_.region()) return NotPrimary(arn, key.family->primary);
  const State now = key.state();
  if (now != State::kEnabled && now != State::kDisabled) return WrongState(arn, now);
  if (region == host_.region()) {
    return UnsupportedOperation(fmt::format("{} is the primary key already.", arn));
  }
  if (!key.family->Has(region)) {
    return ApiError{
        "NotFoundException", fmt::format("{} has no replica in {}.", arn, region), 400, {}};
  }
  key.moving_to = region;
  Save();
  MovePrimary(key.id).Detach();
  return Value::Struct();
}

// Until the new primary has answered nobody knows which of the two it is, and this one waits.
Flow<> Kms::MovePrimary(std::string id) {
  if (!moving_.insert(id).second) co_return;
  for (;;) {
    auto found = keys_.find(id);
    if (found == keys_.end() || found->second.moving_to.empty()) break;
    const std::string region = found->second.moving_to;
    Family next = *found->second.family;
    next.primary = region;
    ++next.epoch;
    next.version = 1;
    const Value ask = Value::Struct({{"Id", id}, {"Family", ToValue(next)}});
    const Answer answer =
        co_await AskRegion(host_, region, "kms", "BecomePrimary", ask, limits.call);
    found = keys_.find(id);
    if (found == keys_.end()) break;
    const auto* error = std::get_if<ApiError>(&answer);
    if (error == nullptr) {
      found->second.moving_to.clear();
      Adopt(found->second, FamilyOf(std::get<Value>(answer).Sub("Family")));
    } else if (error->http_status != 0 && error->http_status < 500) {
      found->second.moving_to.clear();  // it will not be
    } else {
      co_await Sleep(host_, limits.tell);
      continue;
    }
    Save();
    break;
  }
  moving_.erase(id);
}

// In the Region of the new primary.
Answer Kms::BecomePrimary(const Value& input) {
  const auto found = keys_.find(input.String("Id"));
  if (found == keys_.end() || !found->second.family) {
    return KeyNotFound(ArnOfKey(host_, input.String("Id")));
  }
  Key& key = found->second;
  const Family asked = FamilyOf(input.Sub("Family"));
  if (asked.epoch > key.family->epoch) {
    const State now = key.state();
    if (now != State::kEnabled && now != State::kDisabled) {
      return WrongState(ArnOfKey(host_, key.id), now);
    }
    Adopt(key, asked);
    Save();
    TellFamily(key);
  }
  return Value::Struct({{"Family", ToValue(*key.family)}});
}

void Kms::Adopt(Key& key, const Family& family) {
  if (!key.family || !IsLater(family, *key.family)) return;
  key.family = family;
  if (family.Has(host_.region())) key.joining = false;
  BeginWindow(key);
}

// The primary counts a replica no longer.
void Kms::Leave(Key& key, std::string_view region) {
  if (!key.family || key.family->primary != host_.region() || !key.moving_to.empty()) return;
  if (std::erase(key.family->regions, region) == 0) return;
  ++key.family->version;
  BeginWindow(key);
  Save();
  TellFamily(key);
}

// What another Region says of a key: its primary, of the family; a replica, that it is gone.
Answer Kms::KnowFamily(const Value& input) {
  const auto found = keys_.find(input.String("Id"));
  if (found == keys_.end() || !found->second.family) {
    return Value::Struct({{"Gone", true}});
  }
  Key& key = found->second;
  if (input.Has("Left")) {
    if (key.family->primary == host_.region() && !key.moving_to.empty()) {
      return ApiError{"Busy", "The primary is moving.", 503, {}};
    }
    Leave(key, input.String("Left"));
  } else {
    Adopt(key, FamilyOf(input.Sub("Family")));
    Save();
  }
  return Value::Struct({{"Family", ToValue(*key.family)}});
}

void Kms::TellFamily(const Key& key) {
  if (!key.family || key.family->primary != host_.region()) return;
  const std::vector<std::string> regions = key.family->regions;
  for (const std::string& region : regions) {
    if (region == host_.region()) continue;
    const auto told = told_.find(WordOf(key.id, region));
    if (told != told_.end() && told->second == StampOf(*key.family)) continue;
    Tell(key.id, region).Detach();
  }
}

Flow<> Kms::Tell(std::string id, std::string region) {
  const std::string word = WordOf(id, region);
  if (!telling_.insert(word).second) co_return;
  const auto found = keys_.find(id);
  if (found != keys_.end() && found->second.family) {
    const std::string stamp = StampOf(*found->second.family);
    const Value ask = Value::Struct({{"Id", id}, {"Family", ToValue(*found->second.family)}});
    const Answer answer = co_await AskRegion(host_, region, "kms", "KnowFamily", ask, limits.call);
    Heard(id, region, stamp, answer);
  }
  telling_.erase(word);
}

void Kms::Heard(const std::string& id, const std::string& region, const std::string& stamp,
                const Answer& answer) {
  const auto found = keys_.find(id);
  if (IsError(answer) || found == keys_.end() || !found->second.family) return;
  Key& key = found->second;
  const Value& heard = std::get<Value>(answer);
  if (heard.Flag("Gone", false)) return Leave(key, region);
  told_[WordOf(id, region)] = stamp;
  const Family theirs = FamilyOf(heard.Sub("Family"));
  if (!IsLater(theirs, *key.family)) return;
  Adopt(key, theirs);
  Save();
}

Flow<> Kms::TellForever() {
  for (;;) {
    PurgeDue();
    std::vector<std::string> ids;
    for (const auto& [id, key] : keys_) {
      if (key.family) ids.push_back(id);
    }
    for (const std::string& id : ids) {
      const auto found = keys_.find(id);
      if (found == keys_.end()) continue;
      TellFamily(found->second);
      MovePrimary(id).Detach();
    }
    const auto left = left_;
    for (const auto& [id, region] : left) TellLeft(id, region).Detach();
    co_await Sleep(host_, limits.tell);
  }
}

Flow<> Kms::TellLeft(std::string id, std::string region) {
  const std::string word = WordOf(id, region);
  if (!telling_.insert(word).second) co_return;
  const Value ask = Value::Struct({{"Id", id}, {"Left", host_.region()}});
  const Answer answer = co_await AskRegion(host_, region, "kms", "KnowFamily", ask, limits.call);
  telling_.erase(word);
  if (IsError(answer)) co_return;
  std::erase(left_, std::pair(id, region));
  // The primary may have moved meanwhile: whoever it is now has to know.
  const Family family = FamilyOf(std::get<Value>(answer).Sub("Family"));
  if (family.Has(host_.region()) && family.primary != region && !family.primary.empty()) {
    left_.emplace_back(id, family.primary);
  }
  Save();
}

void Kms::PurgeDue() {
  const base::WallTime now = host_.clock().Now();
  std::vector<std::string> gone;
  for (const auto& [id, key] : keys_) {
    if (key.deletion && *key.deletion <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) {
    const Key& key = keys_.at(id);
    if (key.family && key.family->primary != host_.region()) {
      left_.emplace_back(id, key.family->primary);
    }
    keys_.erase(id);
    std::erase_if(aliases_, [&](const auto& each) { return each.second.key_id == id; });
  }
  if (!gone.empty()) Save();
}

}  // namespace leeward::lab::kms
