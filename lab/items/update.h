// Update: UpdateExpression or AttributeUpdates, ready to be applied.
//
// Parse gives "Invalid UpdateExpression: ..." in the order of condition.h; "The "SET" section can
// only be used once in an update expression;" comes behind reserved words, overlapping and
// conflicting paths behind operands. What depends on the item comes from Apply.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/key.h"
#include "lab/items/outcome.h"
#include "lab/items/path.h"
#include "lab/items/placeholders.h"

namespace leeward::lab::items {

namespace tree {
struct Operand;
}  // namespace tree

class Update {
 public:
  static Outcome<Update> Parse(std::string_view text, Placeholders& placeholders);

  enum class Kind { kSet, kRemove, kAdd, kDelete };
  struct Action {
    Kind kind = Kind::kSet;
    Path path;
    std::shared_ptr<const tree::Operand> value;  // none for kRemove
    // The legacy PUT, ADD and DELETE: their messages for wrong types differ.
    bool legacy = false;
  };
  Update(std::vector<Action> actions, std::shared_ptr<const Item> values);

  // Before the item is read: "One or more parameter values were invalid: Cannot update attribute
  // pk. This attribute is part of the key".
  Verdict CheckKey(const KeySchema& schema) const;

  // The item after the update. Every right-hand side reads `old`. An item that does not exist yet
  // is given as one that holds its key. Does not check sizes, nesting or index keys.
  // ValidationExceptions: "The provided expression refers to an attribute that does not exist in
  // the item", "The document path provided in the update expression is invalid for update", "An
  // operand in the update expression has an incorrect data type", numbers that overflow; for
  // AttributeUpdates "Type mismatch for attribute to update".
  Outcome<Item> Apply(const Item& old) const;

  // What ReturnValues UPDATED_OLD (given the old item) and UPDATED_NEW (given the new one) answer:
  // the paths that were touched and exist. `old` is needed because an element set past the end of a
  // list stands at its end.
  Item TouchedOld(const Item& old) const;
  Item TouchedNew(const Item& old, const Item& updated) const;

  // Paths that are written, and paths that are read.
  std::vector<Path> Targets() const;
  std::vector<Path> Operands() const;
  bool empty() const { return actions_.empty(); }

 private:
  std::vector<Action> actions_;
  std::shared_ptr<const Item> values_;
};

}  // namespace leeward::lab::items
