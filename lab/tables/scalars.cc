#include "lab/tables/scalars.h"

#include <fmt/format.h>

#include <algorithm>

namespace leeward::lab::tables {

items::Verdict CheckScalars(const Table& table, const std::vector<items::Path>& paths) {
  for (const items::Path& path : paths) {
    if (path.steps.empty()) continue;
    const bool of_table = table.keys.Has(path.top);
    const bool of_index =
        std::any_of(table.indexes.begin(), table.indexes.end(),
                    [&path](const Index& index) { return index.keys.Has(path.top); });
    if (!of_table && !of_index) continue;
    return items::ValidationError(
        fmt::format("Key attributes must be scalars; list random access '[]' and map lookup '.' "
                    "are not allowed: {}: {}",
                    of_table ? "Key" : "IndexKey", path.top));
  }
  return {};
}

items::Verdict CheckScalars(const Table& table,
                            const std::optional<items::Projection>& projection) {
  return projection ? CheckScalars(table, projection->paths()) : items::Verdict();
}

items::Verdict CheckScalars(const Table& table, const std::optional<items::Condition>& condition) {
  return condition ? CheckScalars(table, condition->Paths()) : items::Verdict();
}

items::Verdict CheckScalars(const Table& table, const std::optional<items::Update>& update) {
  if (!update) return {};
  RETURN_IF_ERROR(CheckScalars(table, update->Targets()));
  return CheckScalars(table, update->Operands());
}

}  // namespace leeward::lab::tables
