// What differs at one name, and what is to be done about it. No system calls.
#pragma once

#include <cstdint>
#include <optional>

#include "lab/trees/entry.h"
#include "lab/trees/options.h"

namespace leeward::lab::trees {

// How far what `stat` shows can be trusted, weakest first.
enum class Doubt : std::uint8_t {
  kNone,      // nothing has touched the source since it was copied: what looks equal is
  kMetadata,  // extended attributes may differ
  kContent,   // bytes may differ under the same size and time
};

enum class Action : std::uint8_t {
  kNothing,
  kTakeContent,  // read the file, publish it under its name
  kFixMetadata,  // permissions, owners, times, attributes of what is there
  kMakeDirectory,
  kMakeSymlink,
  kRemove,
  kRefuse,           // a kind that is not copied; nothing is there
  kRefuseAndRemove,  // the same, and what stands at its name is no copy of anything
  kLeave,            // differs, and the options say that it stays
};

struct Seen {
  std::optional<Entry> source;
  std::optional<Entry> destination;
  bool same_target = true;      // of symbolic links
  bool same_attributes = true;  // looked at only under a doubt
};

Action Decide(const Seen& seen, Doubt doubt, const Options& options);

// Permissions, owners and times as far as they are kept.
bool SameMetadata(const Entry& source, const Entry& destination, const Options& options);

// In a whole walk: `copied_before_ns` is the file systems' own time at which the last complete
// round began, absent when none is known to have been. A change always moves the change time on,
// also one that puts size and modification time back; one that moves it nowhere else is not
// possible.
Doubt DoubtInAWalk(const Entry& source, std::optional<std::int64_t> copied_before_ns);

}  // namespace leeward::lab::trees
