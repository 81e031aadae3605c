#include "steps/sessions.h"

namespace leeward::steps {

std::unique_ptr<probe::PostgresSession> Sessions::Take(const probe::PostgresAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(address);
  if (found == idle_.end() || found->second.empty()) return nullptr;
  std::unique_ptr<probe::PostgresSession> session = std::move(found->second.back());
  found->second.pop_back();
  return session;
}

void Sessions::Keep(std::unique_ptr<probe::PostgresSession> session) {
  const std::lock_guard lock(mutex_);
  auto& kept = idle_[session->address()];
  if (kept.size() < kMaxIdle) kept.push_back(std::move(session));
}

void Sessions::Forget(const std::string& host) {
  const std::lock_guard lock(mutex_);
  std::erase_if(idle_, [&](const auto& entry) { return entry.first.host == host; });
}

}  // namespace leeward::steps
