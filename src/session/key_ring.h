// The keys that sign and verify tokens, as the Regions share them: a set that keys are only ever
// added to, each with the times that make a rotation overlap, so that all Regions that know the
// same keys sign with the same one, and two rotations at once cost nothing.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "session/jws.h"

namespace leeward::session {

struct RotationTerms {
  base::Duration every{std::chrono::hours(24 * 30)};  // 10 s to 366 d
  // From a key's publication to its first signature, while every Region and every cache of the JWKS
  // learns it. 1 s to 1 d, and shorter than `every`.
  base::Duration lead{std::chrono::minutes(5)};
  base::Duration longest_token{std::chrono::hours(24)};  // with the clocks' skew
};
base::Status Validate(const RotationTerms& terms);

struct RingKey {
  SigningKey key;
  base::WallTime created, signs_from, verifies_until;

  const std::string& kid() const { return key.verifying().thumbprint(); }
};

// A new key: the first of its ring signs at once, a later one after the lead.
enum class Place { kFirst, kLater };
RingKey MakeRingKey(SigningKey key, base::WallTime now, const RotationTerms& terms, Place place);

// As stores keep it: the secret sealed, the rest readable and bound to it.
std::string ToJson(const RingKey& key, std::string_view seal_key, std::string_view nonce);
// kCorrupt: no such record; kDenied: sealed with another secret, or its times were changed.
base::Result<RingKey> RingKeyFromJson(std::string_view text, std::string_view seal_key);

// Whether that record says of itself that its key verifies nothing any more. Needs no secret, and
// proves nothing: good for passing it over.
bool IsOver(std::string_view text, base::WallTime now);

class KeyRing {
 public:
  static constexpr std::size_t kMost = 64;  // keys

  // A key of the same id is there already: nothing. kExhausted past kMost.
  base::Status Add(RingKey key);
  // Never verifies again, also when it is added later.
  void Withdraw(std::string kid);
  // The newest key that may sign a token that lives for `life`; null: none may.
  const SigningKey* Signer(base::WallTime now, base::Duration life) const;
  const VerifyingKey* Find(std::string_view kid, base::WallTime now) const;
  bool RotationDue(base::WallTime now, const RotationTerms& terms) const;
  bool empty() const { return keys_.empty(); }
  std::size_t size() const { return keys_.size(); }
  bool Has(std::string_view kid) const { return keys_.find(kid) != keys_.end(); }
  // {"keys":[...]}: what verifies now, those that do not sign yet too.
  std::string Jwks(base::WallTime now) const;
  // Drops what verifies nothing any more.
  void Prune(base::WallTime now);

 private:
  std::map<std::string, RingKey, std::less<>> keys_;
  std::set<std::string, std::less<>> withdrawn_;
};

}  // namespace leeward::session
