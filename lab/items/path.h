// Path: where in an item: a top-level attribute, then map members and list elements. "a.b[2]",
// after #names are replaced.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "lab/items/attribute.h"

namespace leeward::lab::items {

struct Path {
  using Step = std::variant<std::string, std::size_t>;  // a map's member, a list's element
  std::string top;                                      // the attribute's name
  std::vector<Step> steps;                              // further in

  // The value there, or nullptr.
  const Attribute* Find(const Item& item) const;
  // As DynamoDB writes it in messages: "[a, b, [2]]".
  std::string Text() const;

  friend bool operator==(const Path&, const Path&) = default;
};

// How two paths stand to each other in one expression.
enum class Clash {
  kNone,
  kOverlap,   // one is the other, or leads to it: "Two document paths overlap with each other; "
  kConflict,  // one takes a place for a list, the other for a map: "Two document paths conflict
              // with each other; "
};
Clash ClashOf(const Path& a, const Path& b);

}  // namespace leeward::lab::items
