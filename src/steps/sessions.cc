#include "steps/sessions.h"

namespace leeward::steps {

std::optional<Sessions::Kept> Sessions::TakeAny(const probe::SqlAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(address);
  if (found == idle_.end() || found->second.empty()) return std::nullopt;
  Kept kept = std::move(found->second.back());
  found->second.pop_back();
  return kept;
}

std::unique_ptr<probe::SqlSession> Sessions::Take(const probe::SqlAddress& address) {
  while (std::optional<Kept> kept = TakeAny(address)) {
    const base::MonotonicTime now = clock_.Monotonic();
    if (now - kept->since <= kFresh) return std::move(kept->session);
    if (kept->session->Ping(now + kPing).ok()) return std::move(kept->session);
  }
  return nullptr;
}

void Sessions::Keep(std::unique_ptr<probe::SqlSession> session) {
  const std::lock_guard lock(mutex_);
  std::vector<Kept>& kept = idle_[session->address()];
  if (kept.size() < kMaxIdle) kept.push_back({std::move(session), clock_.Monotonic()});
}

void Sessions::Forget(const std::string& host) {
  const std::lock_guard lock(mutex_);
  std::erase_if(idle_, [&](const auto& entry) { return entry.first.host == host; });
}

}  // namespace leeward::steps
