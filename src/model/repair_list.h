// The repair list: rows that name what the recovery line may have cut off, one a line of JSON.
// docs/formats/repair-list.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"
#include "model/recovery_line.h"

namespace leeward::model {

// What was seen of what a row names.
enum class Named { kThere, kMissing, kUnverified };
std::string_view Name(Named found);  // "there", "missing", "unverified"

// Where a row stands, by when it was written.
enum class Place {
  kBefore,   // the line: every store has what was written then
  kBeyond,   // the line, and before the old Region's last write
  kAfter,    // that: the recovery Region wrote it
  kUnknown,  // the line is not known, or the row does not say when
};
std::string_view Name(Place place);  // "before", "beyond", "after", "unknown"

struct RepairEntry {
  std::string reference;
  ComponentName from, to;
  std::string names;  // the key or path in `to`
  Named found = Named::kUnverified;
  Place place = Place::kUnknown;
  std::optional<base::WallTime> at;
  std::string why;                                        // kUnverified
  std::map<std::string, std::optional<std::string>> row;  // its columns as text; absent: NULL
};

// What was counted for one reference.
struct ReferenceCounts {
  std::string name;
  ComponentName from, to;
  std::int64_t rows = 0;      // that were read
  std::int64_t nameless = 0;  // of these: they name nothing (NULL)
  std::int64_t there = 0;     // of the others, and these three are all of them
  std::int64_t missing = 0;
  std::int64_t unverified = 0;
  std::int64_t beyond = 0;  // of all rows: written beyond the line
  std::int64_t listed = 0;  // are in the repair list
  bool complete = true;     // every row was read, and is judged or listed
  std::string problem;      // why it is not
};

struct RepairList {
  ApplicationName application;
  ExecutionId execution;
  RecoveryLine line;
  std::vector<ReferenceCounts> references;
  std::vector<RepairEntry> entries;
};

inline constexpr std::size_t kMaxRepairBytes = std::size_t{256} << 20;  // of a list's text

// One object a line; the first one is about the list.
std::string ToJsonLines(const RepairList& list);
// kCorrupt with the line's number.
base::Result<RepairList> RepairListFromJsonLines(std::string_view text);

// One line without its newline.
std::string ToJson(const RepairEntry& entry);
base::Result<RepairEntry> RepairEntryFromJson(std::string_view text);
// As in the list's first line and in the journal.
std::string ToJson(const ReferenceCounts& counts);
base::Result<ReferenceCounts> ReferenceCountsFromJson(std::string_view text);

}  // namespace leeward::model
