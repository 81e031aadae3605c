// Rules: what a controller does next about one application, from what it knows. Pure; first match
// wins.
#pragma once

#include <optional>
#include <string>

#include "decide/decide.h"
#include "model/application.h"
#include "serve/move.h"

namespace leeward::serve {

struct Facts {
  bool running = false;  // this process carries a move out
  bool leading = false;  // this controller holds the controllers' lease
  // The move in the shared store. Absent with move_known: there never was one.
  bool move_known = false;
  std::optional<Move> move;
  std::string controller;   // this one's name
  bool unfinished = false;  // its own journal has a failover that can be gone on with
  bool mirrored = false;    // so has the store, begun by a controller
  std::string hand;  // who carries out, or left, a move by hand that the store has; empty: nobody
  bool whole_since_leading = false;  // where it is active was asked since this one leads
  bool foreign_work = false;  // its journal has something unfinished that it did not begin itself
  model::Region well_in;      // where all of it is active, where that is up; empty: elsewhere
  int tries = 0;              // of going on, by this process, since it last was well
  bool calm = false;          // the application was seen well since the last move ended
  bool ordered = false;       // a person asked for a failover and the request waits
  bool aborting = false;      // a person ended the failover, and it is not marked so yet
  decide::Goal goal = decide::Goal::kWatch;
  std::string goal_reason;
};

enum class Do { kNothing, kStart, kGoOn };

struct Next {
  Do what = Do::kNothing;
  std::string why;     // one line, for people
  bool yield = false;  // another controller's turn: this one cannot go on, that one could
};

// Facts::well_in, by what was decided.
model::Region WellIn(decide::Row row, const model::Regions& regions);

constexpr int kMaxTries = 3;  // of going on with a move that failed

Next Choose(const Facts& facts);

}  // namespace leeward::serve
