// How tables and indexes come into being, change and go: the states that take a while.
#pragma once

#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

enum class Stage { kCreate, kUpdate, kDelete, kIndex, kTimeToLive, kBackup };
base::Duration DelayOf(Pace pace, Stage stage);

// Makes the table ACTIVE (its indexes with it) after a while, when it is still in `from`.
void ActivateLater(Core& core, const Table& table, TableStatus from);
// Takes a DELETING table away after a while, with all it held.
void RemoveLater(Core& core, const Table& table);
// Fills a new index with the items that are there, piece by piece, then makes it ACTIVE.
void FillLater(Core& core, const Table& table, std::string_view index);
// Takes a DELETING index away after a while.
void RemoveIndexLater(Core& core, const Table& table, std::string_view index);
// Everything that was under way when the last process was stopped.
void GoOn(Core& core);

// ResourceInUseException when the table is in any state but ACTIVE.
Verdict CheckNotBusy(const Table& table);

// Switches a stream on or off, with what is told of it. The caller saves the table.
void StartStream(Core& core, Table& table, StreamView view);
void EndStream(Core& core, Table& table);

}  // namespace leeward::lab::tables
