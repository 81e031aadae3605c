// Condition: ConditionExpression and FilterExpression, and the legacy parameters that mean the
// same, ready to be asked.
//
// Parsing gives ValidationExceptions "Invalid <parameter>: ...", in this order: empty text; longer
// than 4 KB; the first syntax error; then by category, and in a category the first from the left:
// redundant parentheses, unknown functions, misused functions, reserved words, undefined #names and
// :values, numbers and types of operands, operands that must be distinct, more than 300 operators.
// The exact words are in condition_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/outcome.h"
#include "lab/items/path.h"
#include "lab/items/placeholders.h"

namespace leeward::lab::items {

namespace tree {
struct Node;
}  // namespace tree

// A value: copies share what was parsed. Safe to ask from any thread.
class Condition {
 public:
  // `parameter` is "ConditionExpression" or "FilterExpression".
  static Outcome<Condition> Parse(std::string_view parameter, std::string_view text,
                                  Placeholders& placeholders);
  // For the legacy parameters.
  Condition(std::shared_ptr<const tree::Node> root, std::shared_ptr<const Item> values);

  // Whether the item meets it. An item that does not exist is an empty one. Values of different
  // types only differ: "<>" is true, every other comparison false; so it is with a path that leads
  // nowhere.
  bool Holds(const Item& item) const;

  // Every path that it names, as often as it does.
  std::vector<Path> Paths() const;

 private:
  std::shared_ptr<const tree::Node> root_;
  std::shared_ptr<const Item> values_;  // keeps alive what root_ points into
};

}  // namespace leeward::lab::items
