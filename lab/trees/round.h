// What one round of copying did, and what it could not do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace leeward::lab::trees {

// Why a round looked at everything.
enum class Walk : std::uint8_t {
  kNone,       // it did not: the changes were known
  kStart,      // nothing is known of the time before
  kOverflow,   // more happened at once than the kernel keeps events of
  kNoWatches,  // none are wanted, or the machine has no more to give
  kAsked,
  kLinks,  // a file has names that are not known
};
std::string_view Name(Walk walk);

enum class Why : std::uint8_t {
  kKind,       // a pipe, socket or device: never copied
  kForeign,    // another file system is mounted there: not part of this tree
  kDenied,     // reading, or writing, is not allowed
  kNoRoom,     // the destination's file system is full
  kBusy,       // changed each time it was read; its last copy stays
  kBusyTaken,  // the same, taken as it was read
  kDiffers,    // verification found another content
  kFailed,     // anything else the system said
};
std::string_view Name(Why why);

struct Trouble {
  std::string path;  // bytes as they are; `Printable` makes them fit for a message
  Why why = Why::kFailed;
  std::string text;  // for people
};

struct Round {
  base::WallTime instant;  // its beginning
  Walk walk = Walk::kNone;
  std::string walk_detail;  // what the machine said, for kNoWatches
  bool over = false;
  // Everything that was in the source before `instant` is in the destination (or is named under a
  // trouble that does not hold a round back).
  bool complete = false;
  bool owners_kept = true;  // false without the privilege to give files away
  std::string waits_for;    // what stands in the way just now

  bool verifying = false;  // all has been copied, and is looked at again

  std::uint64_t looked_at = 0;  // names
  std::uint64_t listed = 0;     // in a walk: files and symbolic links of the source that take part
  std::uint64_t files = 0;      // contents taken
  std::uint64_t bytes = 0;      // read for them, holes left out
  std::uint64_t directories = 0;
  std::uint64_t symlinks = 0;
  std::uint64_t hard_links = 0;
  std::uint64_t metadata = 0;
  std::uint64_t removed = 0;   // a directory with all in it is one
  std::uint64_t left = 0;      // differ, and stay by the options
  std::uint64_t retaken = 0;   // reads begun anew because the file changed
  std::uint64_t resumed = 0;   // files that went on from where a kill had left them
  std::uint64_t verified = 0;  // files
  std::uint64_t differ = 0;    // names, as verification found
  std::uint64_t reverted = 0;  // what others had done to the destination

  std::vector<Trouble>
      troubles;  // the first ones; paths that others had changed are not among them
  std::uint64_t troubles_seen = 0;
  std::vector<std::string> reverted_paths;  // the first ones
};

// Whether a round with such a trouble cannot be complete.
bool HoldsBack(Why why);

}  // namespace leeward::lab::trees
