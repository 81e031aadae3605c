#include "session/key_ring.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/last_moment.h"
#include "session/record.h"
#include "session/seal.h"

namespace leeward::session {
namespace {

using Json = nlohmann::json;

// What a sealed secret is bound to.
std::string About(const RingKey& key) {
  return fmt::format("leeward-session-key/1 {} {} {} {} {}", key.kid(),
                     Name(key.key.verifying().algorithm()), MillisOf(key.created),
                     MillisOf(key.signs_from), MillisOf(key.verifies_until));
}

base::Error Broken() { return base::Corrupt("a key's record is none of ours"); }

base::Result<base::WallTime> KeyTime(const Json& json, const char* name) {
  constexpr std::uint64_t kMostMillis = std::chrono::milliseconds(base::kLastMoment).count();
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned() ||
      found->get<std::uint64_t>() > kMostMillis) {
    return Broken();
  }
  return FromMillis(found->get<std::int64_t>());
}

base::Result<std::string> KeyText(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return Broken();
  return found->get<std::string>();
}

}  // namespace

base::Status Validate(const RotationTerms& terms) {
  using std::chrono::hours;
  using std::chrono::seconds;
  if (terms.every < seconds(10) || terms.every > hours(24 * 366))
    return base::Invalid("keys are rotated every 10 s to 366 d");
  if (terms.lead < seconds(1) || terms.lead > hours(24) || terms.lead >= terms.every)
    return base::Invalid(
        "a key is published 1 s to 1 d before it signs, and sooner than the next rotation");
  return base::Ok();
}

RingKey MakeRingKey(SigningKey key, base::WallTime now, const RotationTerms& terms, Place place) {
  const base::WallTime created = WholeMillis(now);
  const base::WallTime signs = place == Place::kFirst ? created : created + terms.lead;
  // It signs for one round more than it has to: rotations may fail for as long.
  return {std::move(key), created, signs, signs + 2 * terms.every + terms.longest_token};
}

std::string ToJson(const RingKey& key, std::string_view seal_key, std::string_view nonce) {
  return Json{{"kid", key.kid()},
              {"alg", std::string(Name(key.key.verifying().algorithm()))},
              {"created", MillisOf(key.created)},
              {"signs_from", MillisOf(key.signs_from)},
              {"verifies_until", MillisOf(key.verifies_until)},
              {"sealed", Seal(seal_key, nonce, key.key.secret(), About(key))}}
      .dump();
}

base::Result<RingKey> RingKeyFromJson(std::string_view text, std::string_view seal_key) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Broken();
  ASSIGN_OR_RETURN(const std::string kid, KeyText(json, "kid"));
  ASSIGN_OR_RETURN(const std::string name, KeyText(json, "alg"));
  ASSIGN_OR_RETURN(const std::string sealed, KeyText(json, "sealed"));
  const auto algorithm = AlgorithmOf(name);
  if (!algorithm.ok()) return Broken();
  ASSIGN_OR_RETURN(const base::WallTime created, KeyTime(json, "created"));
  ASSIGN_OR_RETURN(const base::WallTime signs, KeyTime(json, "signs_from"));
  ASSIGN_OR_RETURN(const base::WallTime verifies, KeyTime(json, "verifies_until"));
  const std::string about = fmt::format("leeward-session-key/1 {} {} {} {} {}", kid, name,
                                        MillisOf(created), MillisOf(signs), MillisOf(verifies));
  ASSIGN_OR_RETURN(const std::string secret, Unseal(seal_key, sealed, about));
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromSecret(*algorithm, secret));
  if (key.verifying().thumbprint() != kid) return Broken();
  return RingKey{std::move(key), created, signs, verifies};
}

bool IsOver(std::string_view text, base::WallTime now) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  const auto until = KeyTime(json, "verifies_until");
  return until.ok() && *until <= now;
}

base::Status KeyRing::Add(RingKey key) {
  if (Has(key.kid())) return base::Ok();
  if (keys_.size() >= kMost)
    return base::Exhausted(fmt::format("there are {} keys; rotate less often", kMost));
  std::string kid = key.kid();
  keys_.emplace(std::move(kid), std::move(key));
  return base::Ok();
}

void KeyRing::Withdraw(std::string kid) { withdrawn_.insert(std::move(kid)); }

const SigningKey* KeyRing::Signer(base::WallTime now, base::Duration life) const {
  const RingKey* newest = nullptr;
  for (const auto& [kid, key] : keys_) {
    if (withdrawn_.contains(kid) || key.signs_from > now || key.verifies_until < now + life)
      continue;
    if (newest == nullptr || key.signs_from > newest->signs_from) newest = &key;
  }
  return newest == nullptr ? nullptr : &newest->key;
}

const VerifyingKey* KeyRing::Find(std::string_view kid, base::WallTime now) const {
  const auto found = keys_.find(kid);
  if (found == keys_.end() || withdrawn_.contains(kid) || found->second.verifies_until <= now)
    return nullptr;
  return &found->second.key.verifying();
}

bool KeyRing::RotationDue(base::WallTime now, const RotationTerms& terms) const {
  for (const auto& [kid, key] : keys_) {
    if (!withdrawn_.contains(kid) && key.created + terms.every > now) return false;
  }
  return true;
}

std::string KeyRing::Jwks(base::WallTime now) const {
  std::string keys;
  for (const auto& [kid, key] : keys_) {
    if (Find(kid, now) == nullptr) continue;
    if (!keys.empty()) keys += ",";
    keys += key.key.verifying().Jwk();
  }
  return "{\"keys\":[" + keys + "]}";
}

void KeyRing::Prune(base::WallTime now) {
  std::erase_if(keys_, [&](const auto& each) { return each.second.verifies_until <= now; });
}

}  // namespace leeward::session
