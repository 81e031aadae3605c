// The steps of the writer lease.
#pragma once

#include "lease/terms.h"
#include "steps/work.h"

namespace leeward::steps {

// Takes the lease for the step's Region, or finds it taken. Its ground, which may be proof of
// fence, is what it learns: epoch, ground, from, from_epoch. kRefused when the holder is alive.
Result<StepOutcome> LeaseTake(const Work& work);

// Asks the guard of the step's Region to close its stores and to give the lease up, and waits until
// the lease can be taken: given up, ended, or never obeyed by a guard. kRefused when the guard goes
// on renewing; the request is withdrawn then.
Result<StepOutcome> LeaseHandOver(const Work& work);
// The same of the guard of `region`.
Result<StepOutcome> AskToHandOver(const Work& work, const Region& region);

// The plan's step by which the Region that is left gives its lease up; nullptr: it is not asked.
// Where it found a controller in that place, a guard of its Region may have taken the lease up
// since.
const model::Step* HandOverOf(const model::Plan& plan);

// A holder that still renews after so many times the taker's wait is alive.
constexpr int kLeaseWaits = 3;

// Where the lease of the step's application is kept, and how it is counted.
struct LeaseStore {
  std::unique_ptr<ports::SharedStore> store;
  lease::Terms terms;
};
Result<LeaseStore> OpenLeaseStore(const Work& work);

}  // namespace leeward::steps
