// Mirror: the records of a running execution in the shared store, so that another controller can go
// on with it. A record is in the store before it is in the file, and in the file before what it
// intends is done. docs/formats/journal.md, "The mirror"; docs/decisions/journal-mirror.md.
//
// One writer at a time: every write names the revision of the head that it replaces, so one that
// somebody went on without is refused for ever.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/mirror_head.h"
#include "model/event.h"
#include "ports/clock.h"
#include "ports/shared_store.h"

namespace leeward::journal {

inline constexpr std::size_t kMirrorChunk = 32u << 10;   // bytes of records in a chunk
inline constexpr std::uint64_t kMaxMirrorChunks = 1024;  // of one execution
inline constexpr std::size_t kMaxMirroredVerdicts = 16;  // before its start
inline constexpr char kMirroredField[] = "mirrored";     // of a start: "yes"

class Mirror {
 public:
  struct Options {
    model::ApplicationName application;
    std::string writer;                                  // the journal's: "serve:...", "cli:..."
    base::Duration call = std::chrono::seconds(2);       // for one call to the store
    base::Duration patience = std::chrono::seconds(15);  // for one record, answered or not
    // Waits that long between two tries; false: a stop was asked for.
    std::function<bool(base::Duration)> pause;
  };
  // Both outlive it.
  Mirror(ports::SharedStore& store, const ports::Clock& clock, Options options);

  // What the store has; absent: nothing was ever mirrored. What is put from now on goes behind it.
  base::Result<std::optional<MirrorHead>> Look();
  // Every record of the execution that Look found, oldest first; verdicts stand before its start.
  // kCorrupt names what does not hold together: nothing of it may be used.
  base::Result<std::vector<model::Event>> Fetch();

  // Brings these records into the store, all or none of them: a start of a move opens an execution,
  // and the records of the open one follow; others are passed over. A start is marked as mirrored.
  // kCancelled: somebody else went on, this process may not. kUnreachable: it is not known whether
  // they are there, so nothing that they intend may be begun.
  base::Status Put(std::vector<model::Event>& events);
  // Cuts an execution that is over down to its head. Tries once; what is left is cut by the next.
  void Settle();

 private:
  bool Opens(const model::Event& event) const;
  void Add(MirrorHead* head, const model::Event& event) const;
  // Moves full chunks out of the head's body.
  base::Status Roll(MirrorHead* head);
  base::Status PutChunk(const std::string& key, std::string_view value);
  base::Status Swap(const MirrorHead& head);
  base::Status Resolve(const std::string& text, const base::Error& error);
  base::Status RemoveChunks(const MirrorHead& head);
  std::string ChunkKey(const model::ExecutionId& execution, const std::string& hash) const;
  base::MonotonicTime Call() const { return clock_.Monotonic() + options_.call; }
  base::Error Broken(const std::string& what) const;

  ports::SharedStore& store_;
  const ports::Clock& clock_;
  const Options options_;
  const std::string key_;
  MirrorHead head_;  // as it is in the store; without an execution: there is none
  std::uint64_t revision_ = ports::kAbsent;
  std::vector<model::Event> verdicts_;  // that the next start rests on
};

}  // namespace leeward::journal
