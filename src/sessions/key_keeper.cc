#include "sessions/key_keeper.h"

#include <fmt/format.h>

#include "session/seal.h"

namespace leeward::sessions {
namespace {

using session::Place;

constexpr char kKey[] = "key/";
constexpr char kWithdrawn[] = "withdrawn/";
constexpr base::Duration kBetweenLooks = std::chrono::milliseconds(200);
constexpr int kDraws = 4;
constexpr int kRandomDigits = 12;

}  // namespace

KeyKeeper::KeyKeeper(KeyTerms terms, SessionStore& store, const ports::Clock& clock,
                     ports::Random& random)
    : terms_(std::move(terms)), store_(store), clock_(clock), random_(random) {
  CHECK(terms_.seal_key.size() == session::kSealKeyBytes);
}

std::string KeyKeeper::Draw(std::size_t bytes) {
  std::string drawn;
  while (drawn.size() < bytes) {
    const std::uint64_t word = random_.Next();
    drawn.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  drawn.resize(bytes);
  return drawn;
}

base::Result<session::SigningKey> KeyKeeper::DrawKey() {
  for (int i = 0;; ++i) {
    auto key = session::SigningKey::FromSecret(terms_.algorithm, Draw(session::kSecretBytes));
    if (key.ok() || i == kDraws) return key;
  }
}

base::Status KeyKeeper::Read(base::MonotonicTime deadline) {
  ASSIGN_OR_RETURN(const std::vector<Document> documents, store_.Documents(deadline));
  const std::lock_guard lock(mutex_);
  const base::WallTime now = clock_.Now();
  ring_.Prune(now);
  // One record that is none, or sealed with another secret, is told of; the others count, and above
  // all what was withdrawn.
  base::Status first;
  for (const Document& document : documents) {
    if (document.name.starts_with(kWithdrawn)) {
      ring_.Withdraw(document.name.substr(sizeof kWithdrawn - 1));
    } else if (document.name.starts_with(kKey) && !session::IsOver(document.text, now)) {
      const base::Status added = AddKey(document.text);
      if (!added.ok() && first.ok()) first = base::Error(added.error()).Context(document.name);
    }
  }
  return first;
}

base::Status KeyKeeper::AddKey(const std::string& text) {
  ASSIGN_OR_RETURN(session::RingKey key, session::RingKeyFromJson(text, terms_.seal_key));
  return ring_.Add(std::move(key));
}

base::Status KeyKeeper::Refresh(base::MonotonicTime deadline) {
  RETURN_IF_ERROR(Read(deadline));
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    due = ring_.RotationDue(clock_.Now(), terms_.rotation);
  }
  if (!due) return base::Ok();
  const auto made = Make(When::kDue, deadline);
  return made.ok() ? base::Ok() : base::Status(made.error());
}

base::Result<std::string> KeyKeeper::Rotate(base::MonotonicTime deadline) {
  RETURN_IF_ERROR(Read(deadline));
  return Make(When::kAsked, deadline);
}

base::Result<std::string> KeyKeeper::Make(When when, base::MonotonicTime deadline) {
  const std::lock_guard one(writing_);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = ring_.Signer(clock_.Now(), base::Duration{0}) == nullptr;
  }
  ASSIGN_OR_RETURN(session::SigningKey drawn, DrawKey());
  session::RingKey key = session::MakeRingKey(std::move(drawn), clock_.Now(), terms_.rotation,
                                              first ? Place::kFirst : Place::kLater);
  // Of the processes of one Region that find a rotation due at once, one makes the key.
  const std::string turn = when == When::kDue
                               ? fmt::format("{}", clock_.Now().since_epoch / terms_.rotation.every)
                               : random_.Hex(kRandomDigits);
  const Document document{fmt::format("{}{}/{}", kKey, terms_.region, turn),
                          session::ToJson(key, terms_.seal_key, Draw(session::kNonceBytes))};
  const base::Status added = store_.AddDocument(document, key.verifies_until, deadline);
  if (!added.ok() && added.error().code() == base::ErrorCode::kAlready) {
    RETURN_IF_ERROR(Read(deadline));
    return std::string();
  }
  RETURN_IF_ERROR(added);
  std::string kid = key.kid();
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(ring_.Add(std::move(key)));
  return kid;
}

base::Status KeyKeeper::Withdraw(const std::string& kid, base::MonotonicTime deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (!ring_.Has(kid)) return base::NotFound("there is no key of that id");
    ring_.Withdraw(kid);
  }
  const base::WallTime until =
      clock_.Now() + 3 * terms_.rotation.every + terms_.rotation.longest_token;
  base::Status added = store_.AddDocument({kWithdrawn + kid, "{}"}, until, deadline);
  if (!added.ok() && added.error().code() != base::ErrorCode::kAlready) return added;
  {
    const std::lock_guard lock(mutex_);
    if (!ring_.RotationDue(clock_.Now(), terms_.rotation)) return base::Ok();
  }
  const auto made = Make(When::kAsked, deadline);
  return made.ok() ? base::Ok() : base::Status(made.error());
}

base::Result<std::string> KeyKeeper::Sign(const std::string& payload, base::Duration life) const {
  // A copy of the key shares it, so that the lock is not held while it signs.
  std::optional<session::SigningKey> key;
  {
    const std::lock_guard lock(mutex_);
    if (const session::SigningKey* signer = ring_.Signer(clock_.Now(), life)) key = *signer;
  }
  if (!key)
    return base::Unreachable(
        "there is no key that may sign: none was read from the store, or "
        "none could be renewed for too long");
  return session::SignCompact(*key, payload);
}

base::Result<std::string> KeyKeeper::VerifyNow(std::string_view token) const {
  // A copy of the key shares it, so that the lock is not held while a signature is checked.
  std::optional<session::VerifyingKey> found;
  return session::VerifyCompact(token, [&](std::string_view kid) {
    const std::lock_guard lock(mutex_);
    const session::VerifyingKey* key = ring_.Find(kid, clock_.Now());
    if (key != nullptr) found = *key;
    return found ? &*found : nullptr;
  });
}

base::Result<std::string> KeyKeeper::Verify(std::string_view token, base::MonotonicTime deadline) {
  auto payload = VerifyNow(token);
  if (payload.ok() || payload.error().service_code() != "key") return payload;
  {
    const std::lock_guard lock(mutex_);
    const base::MonotonicTime now = clock_.Monotonic();
    if (now < next_look_) return payload;
    next_look_ = now + kBetweenLooks;
  }
  // One that was read counts, whatever else could not be.
  const base::Status read = Read(deadline);
  auto again = VerifyNow(token);
  if (again.ok() || read.ok()) return again;
  return read.error();
}

std::string KeyKeeper::Jwks() const {
  const std::lock_guard lock(mutex_);
  return ring_.Jwks(clock_.Now());
}

std::size_t KeyKeeper::size() const {
  const std::lock_guard lock(mutex_);
  return ring_.size();
}

}  // namespace leeward::sessions
