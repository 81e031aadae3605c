// What goes into and comes out of the lease's two machines, Holder and Taker. They touch nothing:
// whoever runs them carries out the actions and brings the answers back as events, with the time.
//
// Duties of the one who runs them:
// - An action is begun after the machine returned it (so the time given with the event is before
//   anything was sent), and its answer is brought back with a time read after it arrived.
// - A call to the store has ended by its deadline; an answer that never comes back is taken for
//   lost at its deadline, one that comes back later is ignored.
// - Open and Fence are carried out one after the other in the order given; a Fence makes an Open
//   before it end without effect or comes after its effect.
// - Time never goes back, and is from a clock that goes on while the machine sleeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lease/record.h"

namespace leeward::lease {

using Request = std::uint64_t;  // pairs an answer with its action; never given twice by one machine

// --- Events ---

struct Tick {};  // time went on
struct ReadDone {
  Request request = 0;
  base::Result<std::optional<Seen>> result;  // kCorrupt: a record that cannot be read
};
struct PutDone {
  Request request = 0;
  base::Result<std::uint64_t> revision;  // kWrongState: the revision had moved; else: not known
};
struct FenceDone {
  Request request = 0;
  base::Status status;
};
struct OpenDone {
  Request request = 0;
  base::Status status;  // kWrongState: nothing to open yet (a replica)
};
struct AskRelease {};  // hand the lease over

// --- Actions ---

struct Read {
  Request request = 0;
  base::MonotonicTime deadline;
};
struct Put {
  Request request = 0;
  Record record;
  std::uint64_t expected = 0;  // revision; 0: only when there is none
  base::MonotonicTime deadline;
};
// Close the door, and confirm that nothing of the application is left behind it.
struct Fence {
  Request request = 0;
  base::MonotonicTime by;
  std::string reason;
};
// Open the door until `until`, when it shuts by itself.
struct Open {
  Request request = 0;
  std::uint64_t epoch = 0;
  base::MonotonicTime until;
};
// A renewal succeeded: an open door may stay open until `until`.
struct Extend {
  std::uint64_t epoch = 0;
  base::MonotonicTime until;
};

}  // namespace leeward::lease
