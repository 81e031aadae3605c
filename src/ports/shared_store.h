// SharedStore: small values that several controllers, observers and guards agree on, in a store
// that survives the loss of any one Region: leases, published views, the mirror of a journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace leeward::ports {

struct SharedEntry {
  std::string key;  // UTF-8
  std::string value;
  // Changes with every write of this key, never comes back to an earlier number; not comparable
  // between keys.
  std::uint64_t revision = 0;
};

constexpr std::uint64_t kAbsent = 0;  // the revision of a key that is not there

// Reads and writes are linearizable. Every call ends by `deadline` on the monotonic clock:
// kUnreachable when no quorum of the store answered by then. Safe to call from several threads.
class SharedStore {
 public:
  virtual ~SharedStore() = default;

  virtual base::Result<std::optional<SharedEntry>> Get(std::string_view key,
                                                       base::MonotonicTime deadline) = 0;

  // Writes `value` only when the key's revision is `expected` (kAbsent: only when there is none)
  // and returns the new revision. kWrongState: it was another. kUnreachable says nothing of whether
  // the write happened; read again before going on.
  virtual base::Result<std::uint64_t> Put(std::string_view key, std::string_view value,
                                          std::uint64_t expected, base::MonotonicTime deadline) = 0;

  // Entries whose key begins with `prefix`, by key, at one instant; at most `limit` (1 to 10 000).
  virtual base::Result<std::vector<SharedEntry>> List(std::string_view prefix, std::size_t limit,
                                                      base::MonotonicTime deadline) = 0;

  // Removes the key when its revision is `expected`; kWrongState as for Put.
  virtual base::Status Remove(std::string_view key, std::uint64_t expected,
                              base::MonotonicTime deadline) = 0;
};

}  // namespace leeward::ports
