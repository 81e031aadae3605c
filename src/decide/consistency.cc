#include "decide/consistency.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/bytes.h"
#include "model/holes.h"

namespace leeward::decide {
namespace {

using model::Named;
using model::Place;

constexpr char kNull[] = "NULL";

// A segment that a server or a client would take for another folder.
bool HasDotSegment(std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

// kNotFound with kNull: a column is NULL.
base::Result<std::string> Filled(const std::string& text, const Columns& row, bool as_path) {
  return model::FillHoles(text, [&](const std::string& name) -> base::Result<std::string> {
    const auto column = row.find(name);
    if (column == row.end()) return base::Invalid("the rows have no column '" + name + "'");
    if (!column->second) return base::NotFound(kNull);
    if (!as_path) return *column->second;
    if (column->second->empty() || HasDotSegment(*column->second))
      return base::Invalid("'" + *column->second + "' is no name in a path");
    return base::PercentEncode(*column->second, "/");
  });
}

Naming BadOrNameless(const base::Error& error) {
  Naming naming;
  const bool null = error.code() == base::ErrorCode::kNotFound && error.message() == kNull;
  naming.kind = null ? Naming::Kind::kNameless : Naming::Kind::kBad;
  if (!null) naming.why = error.message();
  return naming;
}

model::RepairEntry EntryFor(const model::Reference& reference, const LookedAt& row,
                            const Reach& reach) {
  model::RepairEntry entry;
  entry.reference = reference.name;
  entry.from = reference.from;
  entry.to = reference.to;
  entry.names = row.naming.Text();
  entry.found = row.found;
  entry.place = PlaceOf(row.at, reach);
  entry.at = row.at;
  if (row.found == Named::kUnverified) entry.why = row.why;
  entry.row = row.row;
  return entry;
}

void CountRow(const LookedAt& row, const Reach& reach, model::ReferenceCounts* counts) {
  ++counts->rows;
  if (PlaceOf(row.at, reach) == Place::kBeyond) ++counts->beyond;
  if (row.naming.kind == Naming::Kind::kNameless) {
    ++counts->nameless;
    return;
  }
  if (row.found == Named::kThere) ++counts->there;
  if (row.found == Named::kMissing) ++counts->missing;
  if (row.found == Named::kUnverified) ++counts->unverified;
}

}  // namespace

Naming NamingOf(const model::Reference& reference, const Columns& row) {
  const bool path = !reference.get.empty();
  Naming naming;
  const auto key = Filled(path ? reference.get : reference.key, row, path);
  if (!key.ok()) return BadOrNameless(key.error());
  const auto range = Filled(reference.range, row, /*as_path=*/false);
  if (!range.ok()) return BadOrNameless(range.error());
  naming.kind = Naming::Kind::kKey;
  naming.key = *key;
  naming.range = *range;
  return naming;
}

Place PlaceOf(std::optional<base::WallTime> at, const Reach& reach) {
  if (!at) return Place::kUnknown;
  if (*at > reach.cut + reach.margin) return Place::kAfter;
  if (!reach.line) return Place::kUnknown;
  return *at > *reach.line ? Place::kBeyond : Place::kBefore;
}

bool IsListed(const LookedAt& row, const Reach& reach) {
  if (row.naming.kind == Naming::Kind::kNameless) return false;
  if (row.found != Named::kThere) return true;
  if (!row.at || !reach.target || *row.at > reach.cut + reach.margin) return false;
  return *row.at > *reach.target;
}

Judged JudgeReference(const model::Reference& reference, const std::vector<LookedAt>& rows,
                      const Reach& reach) {
  Judged judged;
  judged.counts.name = reference.name;
  judged.counts.from = reference.from;
  judged.counts.to = reference.to;
  for (const LookedAt& row : rows) {
    CountRow(row, reach, &judged.counts);
    if (IsListed(row, reach)) judged.entries.push_back(EntryFor(reference, row, reach));
  }
  judged.counts.listed = static_cast<std::int64_t>(judged.entries.size());
  std::sort(judged.entries.begin(), judged.entries.end(),
            [](const model::RepairEntry& a, const model::RepairEntry& b) {
              return std::tie(a.at, a.names, a.row) < std::tie(b.at, b.names, b.row);
            });
  return judged;
}

}  // namespace leeward::decide
