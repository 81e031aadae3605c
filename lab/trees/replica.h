// Keeps one directory tree a copy of another, in rounds of small steps.
//
//   ASSIGN_OR_RETURN(auto replica, Replica::Open(places, options, clock));
//   replica->Begin();
//   while (replica->Step() == Turn::kMore) {
//   }
//
// from a thread, or one step whenever a loop is idle.
//
// The first round after Open walks both trees; later ones take what the source's directories have
// told, and walk only where that is not known (Round::walk says why). A name in the destination
// shows the last whole copy or the next one, never a part; a process killed at any moment goes on
// with the next Open. Nothing here starts a thread, waits or sleeps. A step is bounded by the
// options, but for the listing of one directory, which is one step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "lab/trees/channel.h"
#include "lab/trees/losses.h"
#include "lab/trees/options.h"
#include "lab/trees/round.h"
#include "lab/trees/withheld.h"
#include "ports/clock.h"

namespace leeward::lab::trees {

struct Places {
  std::string source;
  std::string destination;  // both exist
  std::string work;  // made when it is not there; on the destination's file system, outside both
};

// What a copy has to do with beside its trees. All of it outlives the replica.
struct Beside {
  Channel* channel = nullptr;    // null: nothing is in the way
  Withheld* withheld = nullptr;  // null: a copy shows the permissions of its source
  Losses* losses = nullptr;      // null: nobody asks what the destination had of its own
};

enum class Turn : std::uint8_t {
  kMore,
  kWaiting,  // for the channel: try again after a while. `round().waits_for`
  kDone,
};

class Replica {
 public:
  // The clock outlives the replica.
  static base::Result<std::unique_ptr<Replica>> Open(const Places& places, const Options& options,
                                                     const ports::Clock& clock,
                                                     const Beside& beside = {});
  // In the middle of a round: what is published stays, the rest is for the next Open.
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // CHECKs that no round is running. One with nothing to do costs next to nothing, and moves the
  // instant on.
  void Begin();
  bool running() const;
  Turn Step();

  // The running round, or the last one.
  const Round& round() const;
  // Everything that was in the source before this is in the destination. Absent until the first
  // complete round; kept in the work folder.
  std::optional<base::WallTime> instant() const;

  // A round would find something to do, as far as is known. Also reads what has been told, which
  // otherwise only Begin and Step do: a caller that lets long pass between rounds calls this.
  bool Changed();
  // The next round looks at everything.
  void WalkNextTime();
  // What was wanted of the first copy alone is over: Transfer::kAll, and telling of losses.
  void EndFirstCopy();
  // The directories that are held open still are those at their paths. Otherwise no round is
  // complete any more, and the copy has to be opened anew.
  bool Stands() const;

 private:
  class Impl;
  explicit Replica(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leeward::lab::trees
