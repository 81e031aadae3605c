// Consistency: what the rows of one store name in another, once each store has stopped at an
// instant of its own. Nothing here looks: rows and what was seen go in, counts and entries come
// out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/application.h"
#include "model/repair_list.h"

namespace leeward::decide {

using Columns = std::map<std::string, std::optional<std::string>>;

// What a row names, told from its columns.
struct Naming {
  enum class Kind {
    kKey,       // `key` (and `range`), or a path
    kNameless,  // a column that it takes is NULL
    kBad,       // it cannot be told: `why`
  };
  Kind kind = Kind::kBad;
  std::string key, range;
  std::string why;

  std::string Text() const { return range.empty() ? key : key + " " + range; }
};
Naming NamingOf(const model::Reference& reference, const Columns& row);

// A row, with what it names as it was seen.
struct LookedAt {
  Columns row;
  std::optional<base::WallTime> at;
  Naming naming;
  model::Named found = model::Named::kUnverified;
  std::string why;  // kUnverified
};

// How far the stores come.
struct Reach {
  std::optional<base::WallTime> line;    // the application's
  std::optional<base::WallTime> target;  // up to which the reference's `to` has everything
  base::WallTime cut;                    // from which on the old Region wrote nothing
  base::Duration margin{};               // by which clocks may differ
};
model::Place PlaceOf(std::optional<base::WallTime> at, const Reach& reach);

// Listed is what is missing or could not be looked at, wherever it stands, and what is there of
// rows that were written when `to` no longer got everything: it may be older than the row means.
bool IsListed(const LookedAt& row, const Reach& reach);

struct Judged {
  model::ReferenceCounts counts;
  std::vector<model::RepairEntry> entries;  // by when they were written, then by what they name
};
Judged JudgeReference(const model::Reference& reference, const std::vector<LookedAt>& rows,
                      const Reach& reach);

}  // namespace leeward::decide
