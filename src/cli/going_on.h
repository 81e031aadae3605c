// Going on: what a person asks for counts for a move that was begun before, too, or is refused.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/carry_out.h"
#include "journal/journal.h"
#include "model/plan.h"

namespace leeward::cli {

// Where somebody says where to go, it goes there or not at all. kWrongState: the plan goes
// elsewhere; `why`: for people. `asked`: empty, when nobody said.
base::Status CheckTo(const std::string& asked, const model::Plan& plan, const std::string& why);

// The plan's fence is vouched for by that person ("NAME: REASON") from now on, as if it had been
// from the beginning. Who does so anew; empty: nobody, or the plan says it already.
std::string Vouch(const std::string& by, model::Plan& plan);
// What the plan in the journal does not say of that: `anew` as above.
base::Status NoteVouched(const std::string& anew, const Interrupted& interrupted,
                         base::WallTime now, journal::Journal& journal);

}  // namespace leeward::cli
