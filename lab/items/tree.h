// What expressions are parsed into.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/items/attribute.h"
#include "lab/items/path.h"

namespace leeward::lab::items::tree {

struct Operand {
  enum class Kind : unsigned char {
    kPath,
    kValue,
    kSize,         // parts: what is measured
    kIfNotExists,  // path, parts: what else
    kListAppend,   // parts: two
    kPlus,         // parts: two
    kMinus,        // parts: two
  };
  Kind kind = Kind::kPath;
  Path path;
  const Attribute* value = nullptr;  // kValue; of the request's values, which outlive it
  std::vector<Operand> parts;

  friend bool operator==(const Operand&, const Operand&) = default;
};

struct Node {
  enum class Kind : unsigned char {
    kAnd,  // children
    kOr,   // children
    kNot,  // one child
    // The rest has operands:
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kBetween,  // three
    kIn,       // the first among the others
    kExists,
    kNotExists,
    kType,  // of the first, named by the second
    kBeginsWith,
    kContains,
  };
  Kind kind = Kind::kAnd;
  std::vector<Node> children;
  std::vector<Operand> operands;
};

// "AND", "<=", "begins_with": as it is written.
std::string_view Name(Node::Kind kind);
std::string_view Name(Operand::Kind kind);

}  // namespace leeward::lab::items::tree
