#include "sessions/token_sessions.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::sessions {
namespace {

constexpr base::Duration kTickTime = std::chrono::seconds(2);

View ViewOf(const session::Claims& claims, std::string token) {
  return {.credential = std::move(token),
          .handle = claims.session,
          .subject = claims.subject,
          .created = claims.began,
          .expires = std::min(claims.expires, claims.ends),
          .ends = claims.ends,
          .data = claims.data};
}

}  // namespace

TokenSessions::TokenSessions(Terms terms, Place place, Surroundings around, TokenTerms tokens)
    : BaseSessions(terms, std::move(place), around),
      tokens_(std::move(tokens)),
      keys_(tokens_.keys, around.store, around.clock, around.random),
      revoked_(tokens_.most_revoked) {}

base::Result<View> TokenSessions::Issue(session::Claims claims) {
  RETURN_IF_ERROR(CheckData(claims.data, terms_.data));
  claims.issued = claims.not_before = session::WholeSeconds(around_.clock.Now());
  claims.expires = std::min(claims.issued + terms_.idle, claims.ends);
  ASSIGN_OR_RETURN(std::string token,
                   keys_.Sign(session::ToJson(claims), terms_.idle + terms_.skew));
  if (token.size() > tokens_.most_bytes)
    return base::Exhausted(fmt::format(
        "with this data the token has {} bytes; {} fit into a cookie, so keep less in it",
        token.size(), tokens_.most_bytes));
  return ViewOf(claims, std::move(token));
}

base::Result<View> TokenSessions::Create(const NewSession& wanted) {
  if (wanted.subject.size() > terms_.data.subject)
    return base::Exhausted(fmt::format("a subject has at most {} bytes", terms_.data.subject));
  session::Claims claims;
  ASSIGN_OR_RETURN(const session::SessionId id, session::IdFromBytes(Chance()));
  claims.session = session::Handle(id.str());
  claims.issuer = tokens_.issuer;
  claims.audience = tokens_.audience;
  claims.subject = wanted.subject;
  claims.data = wanted.data;
  claims.began = session::WholeSeconds(around_.clock.Now());
  claims.ends = session::WholeSeconds(claims.began +
                                      std::min(wanted.life.value_or(terms_.life), terms_.life));
  return Issue(std::move(claims));
}

base::Result<session::Claims> TokenSessions::Verified(std::string_view token) {
  ASSIGN_OR_RETURN(const std::string payload, keys_.Verify(token, Deadline()));
  ASSIGN_OR_RETURN(session::Claims claims, session::ClaimsFromJson(payload, terms_.data));
  const session::Expected expected{tokens_.issuer, tokens_.audience, around_.clock.Now(),
                                   terms_.skew};
  RETURN_IF_ERROR(CheckClaims(claims, expected));
  const std::lock_guard lock(mutex_);
  if (revoked_.Find(claims.session) != nullptr) return NotLive(session::Standing::kRevoked);
  if (!ever_ || overflowed_ || around_.clock.Monotonic() - last_read_ > tokens_.blind)
    return base::Unreachable("who was revoked is not known well enough to accept a token");
  return claims;
}

base::Result<View> TokenSessions::Read(std::string_view credential) {
  ASSIGN_OR_RETURN(const session::Claims claims, Verified(credential));
  return ViewOf(claims, "");
}

base::Result<View> TokenSessions::Touch(std::string_view credential) {
  ASSIGN_OR_RETURN(session::Claims claims, Verified(credential));
  return Issue(std::move(claims));
}

base::Result<View> TokenSessions::ChangeData(std::string_view credential, const Change& change) {
  ASSIGN_OR_RETURN(session::Claims claims, Verified(credential));
  for (const auto& [name, value] : change) {
    if (value) {
      claims.data[name] = *value;
    } else {
      claims.data.erase(name);
    }
  }
  return Issue(std::move(claims));
}

// Also a token that has expired: its session may have others.
base::Result<Revoked> TokenSessions::Revoke(std::string_view credential) {
  ASSIGN_OR_RETURN(const std::string payload, keys_.Verify(credential, Deadline()));
  ASSIGN_OR_RETURN(const session::Claims claims, session::ClaimsFromJson(payload, terms_.data));
  return RevokeHandle(claims.session);
}

void TokenSessions::Learn(const session::Revocation& revocation) {
  const std::lock_guard lock(mutex_);
  if (!revoked_.Add(revocation, around_.clock.Now()).ok()) overflowed_ = true;
}

base::Status TokenSessions::ReadRevocations() {
  const base::MonotonicTime began = around_.clock.Monotonic();
  base::WallTime since{};
  bool whole = false;
  {
    const std::lock_guard lock(mutex_);
    whole = !ever_ || overflowed_ || began >= next_whole_;
    // What another Region wrote comes with a delay, and after a cut with a long one: hence both the
    // overlap and the whole.
    const base::Duration back = whole ? terms_.life + 2 * terms_.skew
                                      : (began - last_read_) + tokens_.overlap + terms_.skew;
    since = around_.clock.Now() - back;
  }
  ASSIGN_OR_RETURN(const std::vector<session::Revocation> found,
                   around_.store.RevokedSince(since, tokens_.most_revoked, began + kTickTime));
  if (whole) {
    const std::lock_guard lock(mutex_);
    revoked_.Prune(around_.clock.Now());
    overflowed_ = false;
  }
  for (const session::Revocation& revocation : found) Learn(revocation);
  const std::lock_guard lock(mutex_);
  ever_ = true;
  last_read_ = began;
  if (whole) next_whole_ = began + tokens_.whole;
  return base::Ok();
}

void TokenSessions::Tick() {
  BaseSessions::Tick();
  const base::Status keys = keys_.Refresh(around_.clock.Monotonic() + kTickTime);
  const base::Status revocations = ReadRevocations();
  const std::lock_guard lock(mutex_);
  key_trouble_ = keys.ok() ? "" : keys.error().message();
  if (keys.ok() && !revocations.ok()) key_trouble_ = revocations.error().message();
}

std::string TokenSessions::Sickness() const {
  std::string sickness = BaseSessions::Sickness();
  if (!sickness.empty()) return sickness;
  const std::lock_guard lock(mutex_);
  if (!key_trouble_.empty()) return key_trouble_;
  if (overflowed_) return "more sessions are revoked than can be remembered";
  return "";
}

}  // namespace leeward::sessions
