#include "sessions/memory_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::sessions {
namespace {

constexpr base::Duration kBetweenSweeps = std::chrono::seconds(1);

bool IsOver(const session::Held& held, base::WallTime now) {
  if (held.revocation) return held.revocation->until <= now;
  return held.session && held.session->expires <= now;
}

}  // namespace

base::Status MemoryStore::MakeRoom() {
  if (entries_.size() < options_.most) return base::Ok();
  const base::MonotonicTime now = clock_.Monotonic();
  if (now >= next_sweep_) {
    next_sweep_ = now + kBetweenSweeps;
    std::erase_if(entries_, [wall = clock_.Now()](const auto& each) {
      return IsOver(each.second.held, wall);
    });
  }
  if (entries_.size() < options_.most) return base::Ok();
  return base::Exhausted(fmt::format("{} sessions are held, and no more fit", options_.most))
      .WithServiceCode("full");
}

base::Result<Stored> MemoryStore::Read(const session::Handle& handle, ReadFor,
                                       base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(handle);
  return found == entries_.end() ? Stored{} : found->second;
}

base::Result<std::uint64_t> MemoryStore::Write(const session::Session& session,
                                               std::uint64_t expected, base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  auto found = entries_.find(session.handle);
  const std::uint64_t version = found == entries_.end() ? kNoVersion : found->second.version;
  if (version != expected) return base::WrongState("the session was changed meanwhile");
  if (found == entries_.end()) {
    RETURN_IF_ERROR(MakeRoom());
    found = entries_.emplace(session.handle, Stored{}).first;
  }
  if (!found->second.held.revocation) found->second.held.session = session;
  return ++found->second.version;
}

base::Status MemoryStore::Revoke(const session::Revocation& revocation, base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  if (!entries_.contains(revocation.handle)) RETURN_IF_ERROR(MakeRoom());
  Stored& stored = entries_[revocation.handle];
  stored.held = session::Merge(stored.held, session::Held{{}, revocation});
  ++stored.version;
  return base::Ok();
}

base::Result<bool> MemoryStore::Settle(const session::Revocation& revocation,
                                       base::MonotonicTime deadline) {
  RETURN_IF_ERROR(Revoke(revocation, deadline));
  return true;
}

base::Result<std::vector<session::Revocation>> MemoryStore::RevokedSince(base::WallTime since,
                                                                         std::size_t limit,
                                                                         base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  std::vector<session::Revocation> found;
  for (const auto& [handle, stored] : entries_) {
    if (stored.held.revocation && stored.held.revocation->at >= since)
      found.push_back(*stored.held.revocation);
  }
  if (found.size() > limit) return base::Exhausted("there are more revocations than can be listed");
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return found;
}

base::Result<Page> MemoryStore::List(const std::string& cursor, std::size_t limit,
                                     base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  Page page;
  auto each = entries_.upper_bound(session::Handle(cursor));
  for (; each != entries_.end() && page.entries.size() < limit; ++each)
    page.entries.push_back(each->second.held);
  if (each != entries_.end()) page.next = std::prev(each)->first.str();
  return page;
}

base::Status MemoryStore::AddDocument(const Document& document, base::WallTime until,
                                      base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  std::erase_if(documents_,
                [now = clock_.Now()](const auto& each) { return each.second.until < now; });
  if (documents_.contains(document.name)) return base::Already(document.name + " is there");
  if (documents_.size() >= kMostDocuments)
    return base::Exhausted("there are too many documents").WithServiceCode("full");
  documents_[document.name] = {document.text, until};
  return base::Ok();
}

base::Result<std::vector<Document>> MemoryStore::Documents(base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  std::vector<Document> all;
  for (const auto& [name, kept] : documents_) all.push_back({name, kept.text});
  return all;
}

base::Result<std::string> MemoryStore::Ping(base::MonotonicTime) {
  const std::lock_guard lock(mutex_);
  return fmt::format("memory, {} of {} entries", entries_.size(), options_.most);
}

}  // namespace leeward::sessions
