// What the shared store has of the one execution of an application that was begun last: its newest
// records, and where those before them lie. docs/formats/journal.md, "The mirror".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"

namespace leeward::journal {

struct MirrorHead {
  model::ExecutionId execution;
  std::string action;         // "failover", ...
  std::string actor;          // who began it: "serve:...", "cli:..."
  std::string writer;         // who wrote last
  std::string outcome;        // of an execution that is over; empty: it can be gone on with
  std::uint64_t records = 0;  // in all
  std::uint64_t chunks = 0;   // before this one
  std::string previous;       // the hash of the newest of them; empty: there is none
  std::string body;           // records as lines of JSON; the first may begin in the chunk before

  bool over() const { return !outcome.empty(); }
  // It is over, and only its head is left.
  bool cut() const { return over() && chunks == 0 && body.empty(); }
  friend bool operator==(const MirrorHead&, const MirrorHead&) = default;
};

std::string ToText(const MirrorHead& head);
// kCorrupt for anything but such a text, whole.
base::Result<MirrorHead> HeadFromText(std::string_view text);

// "leeward/<application>/journal": where the head is, and before the keys of the chunks.
std::string MirrorKey(const model::ApplicationName& application);

}  // namespace leeward::journal
