// The journal's mirror in the spec's shared store: opened, joined to the journal on this machine,
// and kept for as long as the journal is written.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/project.h"
#include "cli/world.h"
#include "journal/journal.h"
#include "journal/mirror.h"
#include "ports/shared_store.h"

namespace leeward::cli {

struct Mirroring {
  std::unique_ptr<ports::SharedStore> own;  // where none was given
  std::unique_ptr<journal::Mirror> mirror;  // absent: the spec names no store
  std::string told;                         // what joining did, for people; empty: nothing
};

// Joins `opened` to the mirror, as driver::Join does. `store`: of the spec; absent: opened here,
// where the spec names one. `writer`: whose journal it is. Outlives what is appended.
base::Result<Mirroring> StartMirroring(World& world, const Project& project,
                                       const std::string& writer, ports::SharedStore* store,
                                       journal::Journal::Opened& opened);
// The same where a person may have vouched for a fence without the lease (`override`, or that of
// the plan to be gone on with): then a store that does not answer is noted, and nothing is
// mirrored.
base::Result<Mirroring> MirrorUnlessVouched(World& world, const Project& project,
                                            const std::string& writer, ports::SharedStore* store,
                                            const std::string& override,
                                            journal::Journal::Opened& opened);

// What the store says of the execution that was begun last, without a look at the journal.
base::Result<std::optional<journal::MirrorHead>> LookAtMirror(World& world, const Project& project,
                                                              ports::SharedStore& store);

// Before a move by hand: brings what the store has of one that has not ended into this project's
// journal. kWrongState: a controller elsewhere carries it out at this moment.
base::Status CatchUp(World& world, const Project& project, const std::string& writer);

// What CatchUp would bring, put into `history` and nowhere else: for a look that changes nothing. A
// store that is not there or does not answer has nothing.
base::Status AddMirrored(World& world, const Project& project, std::vector<model::Event>* history);

// The move that was begun last, as far as the store knows, where its records are not all in this
// history: those are in the journal of the head's writer. Absent: they are, or no move is known of.
base::Result<std::optional<journal::MirrorHead>> LastMoveElsewhere(
    World& world, const Project& project, const std::vector<model::Event>& history);

// Begun and written last by a controller, and not over: any other may go on with it.
bool IsControllers(const journal::MirrorHead& head);

}  // namespace leeward::cli
