// Checkers: what must be true of every history, whatever the seed. Each knows the facts only, not
// how they came about.
#pragma once

#include <string>
#include <vector>

#include "sim/history.h"

namespace leeward::sim {

struct Violation {
  std::string checker;
  std::string what;  // one sentence, with the true time
};
using Violations = std::vector<Violation>;

// Never two Regions that take writes at one time, and none in the name of a lease that another has
// taken.
void CheckWriters(const History& history, Violations* violations);
// A failover loses no acknowledged write that is older than the journalled bound says, or younger
// than its measurement; a planned move loses none at all.
void CheckLoss(const History& history, Violations* violations);
// A Region that was left takes no write again without a plan that says so.
void CheckReturn(const History& history, Violations* violations);
// Every change of the world was intended, durably, before it was made; every promotion of a
// failover had passed its gates; what the journal calls promoted is promoted.
void CheckIntent(const History& history, Violations* violations);
// One execution at a time, whoever carries it out; one that another hand went on with is not gone
// on with by the first unless it says so; what hands' journals and the mirror say goes together;
// and controllers move nothing for what befell controllers alone.
void CheckHands(const History& history, Violations* violations);
// Every acknowledged write is in some database in the end, be it one that was set aside.
void CheckKept(const History& history, Violations* violations);
// Nothing is promoted over a loss beyond the RPO that nobody accepted; while a failover is held
// over one nobody writes, and the loss becomes no larger; and it goes on when as much is accepted.
void CheckHeld(const History& history, Violations* violations);
// The run ended, and where it says it did.
void CheckEnd(const History& history, Violations* violations);
// Going on from any prefix of the journal ends as the whole did. `samples`: how many prefixes.
void CheckReplay(const History& history, int samples, Violations* violations);

// "home took a write" with its time in front.
std::string At(const Fact& fact);

Violations CheckAll(const History& history);

}  // namespace leeward::sim
