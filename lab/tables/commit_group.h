// CommitGroup: the writes of one turn of the event loop are made in one piece, and answered after
// that.
//
// An answer to a write leaves when the write is in the store's log, not before; whatever looks at
// the store in between sees the writes that wait (lab/tables/store.h). What is said once for all of
// them is written once: a table's counts, the number of the last change, and the word to other
// Regions that there is something to fetch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lab/tables/answer.h"
#include "lab/tables/store.h"
#include "lab/tables/table.h"

namespace leeward::lab::tables {

struct Core;

// What a write adds to a table's counts.
struct Delta {
  Table* table = nullptr;
  Extent extent;
  std::vector<Extent> indexes;  // as table->indexes
  bool logged = false;
};

class CommitGroup {
 public:
  // `core` outlives it and has its store.
  explicit CommitGroup(Core& core);

  // Makes a write: at once, or within Serve with the others of this turn. After an error nothing
  // has changed. `sequence`: the number of its last change in the log; 0: none.
  Verdict Commit(const Batch& batch, const std::vector<Delta>& deltas, std::uint64_t sequence);

  // Calls the handler and answers: at once, or when what it wrote is in the log.
  void Serve(const std::function<WireAnswer()>& handler, const WireReply& reply);

 private:
  struct Held {
    WireReply reply;
    WireAnswer answer;
  };
  enum class When { kAtOnce, kWithTurn };

  void Before(Batch& batch) const;
  void After(const base::Status& status);
  void Gather(const Delta& delta);
  void EndTurn();

  Core& core_;
  When when_ = When::kAtOnce;
  std::vector<Delta> waiting_;  // one a table
  std::uint64_t sequence_ = 0;  // of the last change that waits; 0: none
  std::uint64_t settled_ = 0;   // of the last change before what waits
  std::uint64_t commits_ = 0;   // so far
  std::vector<Held> held_;
  std::optional<base::Error> failed_;  // why a part of this turn could not be written
};

}  // namespace leeward::lab::tables
