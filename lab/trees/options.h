// What a copy keeps, leaves, checks and how much it does at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "lab/trees/filter.h"

namespace leeward::lab::trees {

enum class Overwrite : std::uint8_t { kAlways, kNever };     // what stands there and differs
enum class Deletions : std::uint8_t { kFollow, kPreserve };  // what the source no longer has
enum class Keep : std::uint8_t { kKept, kIgnored };
enum class Transfer : std::uint8_t { kChanged, kAll };
enum class Verify : std::uint8_t {
  kNothing,
  kTransferred,  // each file read back beside its source before it gets its name
  kEverything,   // and after that both whole trees, byte by byte
};
// A file that changed each time it was read.
enum class Busy : std::uint8_t {
  kLeave,       // keeps its last copy, and the round says so and is not complete
  kTakeAsRead,  // is taken as it was read the last time; the round says so
};
// Where changes are learnt from between whole walks.
enum class Watch : std::uint8_t {
  kNothing,  // every round is a whole walk
  kSource,
  kBoth,  // and what others do to the destination is undone, and said
};

struct Options {
  Filter filter;
  Overwrite overwrite = Overwrite::kAlways;
  Deletions deletions = Deletions::kFollow;
  Keep times = Keep::kKept;
  Keep owner = Keep::kKept;  // needs privileges; a round says where there were none
  Keep group = Keep::kKept;
  Keep permissions = Keep::kKept;
  Keep attributes = Keep::kKept;  // extended ones, of `user.`
  Transfer transfer = Transfer::kChanged;
  Verify verify = Verify::kNothing;
  Busy busy = Busy::kLeave;
  Watch watch = Watch::kSource;

  int reads_of_a_busy_file = 3;
  std::uint32_t entries_a_step = 256;
  std::uint64_t bytes_a_step = 8U << 20;
  std::uint64_t resumed_from = 64U << 20;   // smaller files begin anew after a kill
  std::uint32_t most_watches = UINT32_MAX;  // of this copy, beside the machine's own limit
  std::uint32_t named_troubles = 1000;      // further ones are counted
};

// kInvalid, naming an option with which a copy would never get on.
base::Status Check(const Options& options);

// Equal texts: what a round with one of them brought needs no second look under the other.
std::string Fingerprint(const Options& options);

}  // namespace leeward::lab::trees
