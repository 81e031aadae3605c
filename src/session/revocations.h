// The revocations that a process knows of, bounded, and forgotten when they matter no more.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "session/record.h"

namespace leeward::session {

class Revocations {
 public:
  explicit Revocations(std::size_t most) : most_(most) {}

  // Merges it in. kExhausted: full of others that still matter.
  base::Status Add(const Revocation& revocation, base::WallTime now);
  const Revocation* Find(const Handle& handle) const;
  void Remove(const Handle& handle);
  // Forgets those of sessions that cannot be alive any more.
  void Prune(base::WallTime now);
  std::size_t size() const { return by_handle_.size(); }
  std::vector<Revocation> All() const;

 private:
  const std::size_t most_;
  std::unordered_map<Handle, Revocation> by_handle_;
};

}  // namespace leeward::session
