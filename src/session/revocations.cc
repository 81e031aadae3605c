#include "session/revocations.h"

#include <fmt/format.h>

namespace leeward::session {

base::Status Revocations::Add(const Revocation& revocation, base::WallTime now) {
  const auto found = by_handle_.find(revocation.handle);
  if (found != by_handle_.end()) {
    found->second = Merge(found->second, revocation);
    return base::Ok();
  }
  if (by_handle_.size() >= most_) Prune(now);
  if (by_handle_.size() >= most_)
    return base::Exhausted(fmt::format("{} revocations are remembered, and no more", most_));
  by_handle_.emplace(revocation.handle, revocation);
  return base::Ok();
}

const Revocation* Revocations::Find(const Handle& handle) const {
  const auto found = by_handle_.find(handle);
  return found == by_handle_.end() ? nullptr : &found->second;
}

void Revocations::Remove(const Handle& handle) { by_handle_.erase(handle); }

void Revocations::Prune(base::WallTime now) {
  std::erase_if(by_handle_, [&](const auto& each) { return each.second.until <= now; });
}

std::vector<Revocation> Revocations::All() const {
  std::vector<Revocation> all;
  for (const auto& [handle, revocation] : by_handle_) all.push_back(revocation);
  return all;
}

}  // namespace leeward::session
