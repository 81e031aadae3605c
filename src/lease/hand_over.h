// HandOver: a controller's request that the holder's guard gives the lease up, as the shared store
// keeps it; docs/failover-protocol.md, "Asking for it". It is a wish and proves nothing: what
// counts is the lease's own record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"
#include "ports/shared_store.h"

namespace leeward::lease {

struct HandOver {
  model::Region holder;     // whose guard is asked
  std::uint64_t epoch = 0;  // of the lease to give up; another epoch is another lease
  std::string who;          // asks
  std::uint64_t asked = 0;  // grows with every put, so that a wish that still stands is seen to

  friend bool operator==(const HandOver&, const HandOver&) = default;
};

// "leeward/<application>/hand-over"
std::string HandOverKey(const model::ApplicationName& application);

std::string ToJson(const HandOver& request);
// kCorrupt for anything but such a request: a key that is unknown, missing or out of range.
base::Result<HandOver> HandOverFromJson(std::string_view text);

// The guard's side: obeys a request only after it has seen it renewed, so that one left behind by a
// controller that is gone closes nobody's door.
class HandOverWatch {
 public:
  // What was read under the key, while `region` holds `epoch`. True: release.
  bool Obeys(const std::optional<ports::SharedEntry>& entry, const model::Region& region,
             std::uint64_t epoch);

 private:
  std::optional<std::uint64_t> last_;  // the revision read before; absent: nothing was read yet
};

}  // namespace leeward::lease
