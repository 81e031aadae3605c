// Projection: ProjectionExpression or AttributesToGet: which parts of an item are answered.
#pragma once

#include <string_view>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/outcome.h"
#include "lab/items/path.h"
#include "lab/items/placeholders.h"

namespace leeward::lab::items {

class Projection {
 public:
  // "Invalid ProjectionExpression: ..." as in condition.h, and last: "Two document paths overlap
  // with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
  // or "... conflict ...".
  static Outcome<Projection> Parse(std::string_view text, Placeholders& placeholders);
  // Paths that do not clash.
  explicit Projection(std::vector<Path> paths);

  // What of the item is asked for. Elements of a list close up, in their order.
  Item Apply(const Item& item) const;
  const std::vector<Path>& paths() const { return paths_; }

 private:
  std::vector<Path> paths_;
};

}  // namespace leeward::lab::items
