// Join: a journal on this machine and the mirror in the shared store, brought to say the same
// before anything is gone on with. docs/formats/journal.md, "The mirror".
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "journal/journal.h"
#include "journal/mirror.h"

namespace leeward::driver {

// Brings into the journal what the mirror has beyond it, ends in it what ended elsewhere, and has
// the journal mirrored from now on. `opened.events` follows. Returns one line for people; empty:
// both said the same. kCorrupt: the mirror is broken, or is another history than the journal's;
// kWrongState: each has an execution of its own that has not ended. Nothing was changed then.
base::Result<std::string> Join(journal::Journal::Opened& opened, journal::Mirror& mirror,
                               base::WallTime now);

}  // namespace leeward::driver
