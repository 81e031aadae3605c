#include "sessions/stored_sessions.h"

#include <algorithm>

namespace leeward::sessions {
namespace {

constexpr int kTries = 8;  // of one change that others come before

View ViewOf(const session::Session& session) {
  return {.credential = "",
          .handle = session.handle,
          .subject = session.subject,
          .created = session.created,
          .expires = session.expires,
          .ends = session.ends,
          .data = DataOf(session)};
}

base::Result<session::Handle> HandleFrom(std::string_view credential) {
  auto handle = session::HandleOf(credential);
  if (handle.ok()) return handle;
  return Because(base::ErrorCode::kInvalid, "malformed", handle.error().message());
}

base::Error TooMany() {
  return Because(base::ErrorCode::kWrongState, "conflict",
                 "the session is being changed by too many at once; try again");
}

bool IsConflict(const base::Error& error) { return error.code() == base::ErrorCode::kWrongState; }

}  // namespace

StoredSessions::StoredSessions(Terms terms, Place place, Surroundings around,
                               Replication replication)
    : BaseSessions(terms, std::move(place), around),
      replication_(replication),
      hybrid_(place_.node) {}

session::Stamp StoredSessions::Now() {
  const std::lock_guard lock(clock_mutex_);
  return hybrid_.Next(around_.clock.Now());
}

base::Result<View> StoredSessions::Create(const NewSession& wanted) {
  ASSIGN_OR_RETURN(const session::SessionId id, session::IdFromBytes(Chance()));
  session::Session made;
  ASSIGN_OR_RETURN(made.handle, session::HandleOf(id.str()));
  made.subject = wanted.subject;
  made.created = session::WholeMillis(around_.clock.Now());
  made.ends = made.created + std::min(wanted.life.value_or(terms_.life), terms_.life);
  made.expires = std::min(made.created + terms_.idle, made.ends);
  const session::Stamp now = Now();
  for (const auto& [name, value] : wanted.data) made.fields[name] = {now, value};
  RETURN_IF_ERROR(CheckSession(made, terms_.data));
  const auto written = around_.store.Write(made, kNoVersion, Deadline());
  // Of an id that nobody else can have drawn, what is there already is this session: a write that
  // was done, whose answer was lost, and that was sent again below.
  if (!written.ok() && !IsConflict(written.error())) return written.error();
  around_.peers.Changed(made.handle);
  View view = ViewOf(made);
  view.credential = id.str();
  return view;
}

base::Result<View> StoredSessions::Read(std::string_view credential) {
  ASSIGN_OR_RETURN(const session::Handle handle, HandleFrom(credential));
  if (IsHeldRevoked(handle)) return NotLive(session::Standing::kRevoked);
  ASSIGN_OR_RETURN(const Stored stored, around_.store.Read(handle, ReadFor::kLook, Deadline()));
  const session::Standing standing = StandingOf(stored.held, around_.clock.Now());
  if (standing != session::Standing::kLive) return NotLive(standing);
  return ViewOf(*stored.held.session);
}

base::Result<View> StoredSessions::Update(std::string_view credential, const Alter& alter) {
  ASSIGN_OR_RETURN(const session::Handle handle, HandleFrom(credential));
  const base::MonotonicTime deadline = Deadline();
  for (int i = 0; i < kTries; ++i) {
    if (IsHeldRevoked(handle)) return NotLive(session::Standing::kRevoked);
    ASSIGN_OR_RETURN(Stored stored, around_.store.Read(handle, ReadFor::kChange, deadline));
    const session::Standing standing = StandingOf(stored.held, around_.clock.Now());
    if (standing != session::Standing::kLive) return NotLive(standing);
    session::Session& session = *stored.held.session;
    RETURN_IF_ERROR(Observe(session));
    RETURN_IF_ERROR(alter(&session));
    RETURN_IF_ERROR(CheckSession(session, terms_.data));
    const auto written = around_.store.Write(session, stored.version, deadline);
    if (written.ok()) {
      around_.peers.Changed(handle);
      return ViewOf(session);
    }
    if (!IsConflict(written.error())) return written.error();
  }
  return TooMany();
}

base::Result<View> StoredSessions::Touch(std::string_view credential) {
  return Update(credential, [this](session::Session* session) {
    const base::WallTime next = session::WholeMillis(around_.clock.Now()) + terms_.idle;
    session->expires = std::max(session->expires, std::min(next, session->ends));
    return base::Ok();
  });
}

base::Result<View> StoredSessions::ChangeData(std::string_view credential, const Change& change) {
  return Update(credential, [&](session::Session* session) {
    const session::Stamp now = Now();
    for (const auto& [name, value] : change) {
      const bool removes_nothing = !value && !session->fields.contains(name);
      if (!removes_nothing) session->fields[name] = {now, value};
    }
    return base::Ok();
  });
}

base::Result<Revoked> StoredSessions::Revoke(std::string_view credential) {
  ASSIGN_OR_RETURN(const session::Handle handle, HandleFrom(credential));
  return RevokeHandle(handle);
}

base::Result<std::string> StoredSessions::RotateKeys() {
  return base::WrongState("there are no keys: sessions are kept in a store, not in tokens");
}
base::Status StoredSessions::WithdrawKey(const std::string&) { return RotateKeys().error(); }

// What this process writes next is later than all that it has seen.
base::Status StoredSessions::Observe(const session::Session& session) {
  const std::lock_guard lock(clock_mutex_);
  for (const auto& [name, field] : session.fields) {
    const base::Status seen = hybrid_.Observe(field.at, around_.clock.Now(), terms_.skew);
    if (!seen.ok()) return Because(base::ErrorCode::kService, "clock", seen.error().message());
  }
  return base::Ok();
}

std::vector<session::Handle> StoredSessions::TakeEntries(
    const std::vector<session::Held>& entries) {
  std::vector<session::Handle> refused;
  if (replication_ != Replication::kByTheServices) return refused;
  const base::MonotonicTime deadline = Deadline();
  for (const session::Held& entry : entries) {
    if (MergeIn(entry, deadline).ok()) continue;
    refused.push_back(entry.session ? entry.session->handle : entry.revocation->handle);
  }
  return refused;
}

base::Status StoredSessions::MergeIn(const session::Held& entry, base::MonotonicTime deadline) {
  const base::WallTime now = around_.clock.Now();
  if (entry.revocation) {
    if (entry.revocation->until <= now) return base::Ok();
    return around_.store.Revoke(*entry.revocation, deadline);
  }
  // What is over already takes no room; nothing can bring it back to life but its own expiry moved
  // on, and that comes with the whole record.
  if (entry.session->expires <= now || entry.session->ends > now + kMostLife + terms_.skew)
    return base::Ok();
  RETURN_IF_ERROR(Observe(*entry.session));
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(Stored stored,
                     around_.store.Read(entry.session->handle, ReadFor::kChange, deadline));
    const session::Held merged = Merge(stored.held, entry);
    if (merged == stored.held || merged.revocation) return base::Ok();
    const auto written = around_.store.Write(*merged.session, stored.version, deadline);
    if (written.ok()) return base::Ok();
    if (!IsConflict(written.error())) return written.error();
  }
  return TooMany();
}

}  // namespace leeward::sessions
