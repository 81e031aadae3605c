#include "lab/items/key_condition.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/items/condition_parser.h"
#include "lab/items/evaluate.h"

namespace leeward::lab::items {
namespace {

using Term = KeyConditionForm::Term;
using tree::Node;
using tree::Operand;

ApiError BadOperator(std::string_view name) {
  return ValidationError(fmt::format("Invalid operator used in KeyConditionExpression: {}", name));
}
ApiError BadCondition(std::string_view what) {
  return ValidationError(fmt::format("Invalid condition in KeyConditionExpression: {}", what));
}

std::optional<KeyOperator> OperatorOf(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kEqual:
      return KeyOperator::kEqual;
    case Node::Kind::kLess:
      return KeyOperator::kLess;
    case Node::Kind::kLessOrEqual:
      return KeyOperator::kLessOrEqual;
    case Node::Kind::kGreater:
      return KeyOperator::kGreater;
    case Node::Kind::kGreaterOrEqual:
      return KeyOperator::kGreaterOrEqual;
    case Node::Kind::kBetween:
      return KeyOperator::kBetween;
    case Node::Kind::kBeginsWith:
      return KeyOperator::kBeginsWith;
    default:
      return std::nullopt;
  }
}

// :v < name is name > :v.
KeyOperator Mirrored(KeyOperator op) {
  switch (op) {
    case KeyOperator::kLess:
      return KeyOperator::kGreater;
    case KeyOperator::kLessOrEqual:
      return KeyOperator::kGreaterOrEqual;
    case KeyOperator::kGreater:
      return KeyOperator::kLess;
    case KeyOperator::kGreaterOrEqual:
      return KeyOperator::kLessOrEqual;
    default:
      return op;
  }
}

Outcome<Term> TermOf(const Node& node) {
  const auto op = OperatorOf(node.kind);
  if (!op) return BadOperator(Name(node.kind));
  const auto is_path = [](const Operand& o) { return o.kind == Operand::Kind::kPath; };
  for (const Operand& operand : node.operands) {
    if (operand.kind == Operand::Kind::kSize) return BadOperator("size");
  }
  const auto paths = std::count_if(node.operands.begin(), node.operands.end(), is_path);
  if (paths > 1) return BadCondition("Multiple attribute names used in one condition");
  if (paths == 0) return BadCondition("No key attribute specified");
  const auto place = std::find_if(node.operands.begin(), node.operands.end(), is_path);
  const bool first = place == node.operands.begin();
  if (!first && (*op == KeyOperator::kBetween || *op == KeyOperator::kBeginsWith)) {
    return BadCondition(fmt::format("{} operator must have the key attribute as its first operand",
                                    Name(node.kind)));
  }
  if (!place->path.steps.empty()) {
    return ValidationError("KeyConditionExpressions cannot have conditions on nested attributes");
  }
  Term term{place->path.top, first ? *op : Mirrored(*op), *node.operands[first ? 1 : 0].value, {}};
  if (*op == KeyOperator::kBetween) term.high = *node.operands[2].value;
  return term;
}

Verdict CollectTerms(const Node& node, std::vector<Term>& terms) {
  if (node.kind == Node::Kind::kAnd) {
    for (const Node& child : node.children) RETURN_IF_ERROR(CollectTerms(child, terms));
    return {};
  }
  ASSIGN_OR_RETURN(Term term, TermOf(node));
  terms.push_back(std::move(term));
  return {};
}

Verdict CheckOncePerKey(const std::vector<Term>& terms) {
  for (std::size_t i = 1; i < terms.size(); ++i) {
    const bool again = std::any_of(terms.begin(), terms.begin() + static_cast<std::ptrdiff_t>(i),
                                   [&](const Term& term) { return term.name == terms[i].name; });
    if (again) {
      return ValidationError("KeyConditionExpressions must only contain one condition per key");
    }
  }
  return {};
}

const Term* FindTerm(const std::vector<Term>& terms, std::string_view name) {
  const auto place =
      std::find_if(terms.begin(), terms.end(), [&](const Term& term) { return term.name == name; });
  return place == terms.end() ? nullptr : &*place;
}

ApiError Missed(const KeyPart& part) {
  return ValidationError(fmt::format("Query condition missed key schema element: {}", part.name));
}

ApiError NotSupported() { return ValidationError("Query key condition not supported"); }

Verdict CheckTypes(const Term& term, const KeyPart& part) {
  const bool between = term.op == KeyOperator::kBetween;
  if (term.value.type() != part.type || (between && term.high.type() != part.type)) {
    return InvalidParameter("Condition parameter type does not match schema type");
  }
  return {};
}

Verdict CheckValues(const Term& term) {
  if (term.op == KeyOperator::kBeginsWith) return {};
  RETURN_IF_ERROR(CheckKeyNotEmpty(term.name, term.value));
  if (term.op != KeyOperator::kBetween) return {};
  RETURN_IF_ERROR(CheckKeyNotEmpty(term.name, term.high));
  if (Compare(term.value, term.high) > 0) {
    return ValidationError(
        "The BETWEEN condition was provided a range where the lower bound is greater than the "
        "upper bound");
  }
  return {};
}

std::string KeyBytes(const std::string& before, const Attribute& value) {
  std::string bytes = before;
  AppendKeyPart(value, bytes);
  return bytes;
}

// The bytes of all keys with the sort condition, behind those of the hash key.
KeyCondition::Bytes SortBytes(const SortCondition& condition, const std::string& before) {
  const std::string at =
      condition.op == KeyOperator::kBeginsWith ? std::string() : KeyBytes(before, condition.value);
  switch (condition.op) {
    case KeyOperator::kEqual:
      return {at, AfterPrefix(at)};
    case KeyOperator::kLess:
      return {before, at};
    case KeyOperator::kLessOrEqual:
      return {before, AfterPrefix(at)};
    case KeyOperator::kGreater:
      return {AfterPrefix(at), AfterPrefix(before)};
    case KeyOperator::kGreaterOrEqual:
      return {at, AfterPrefix(before)};
    case KeyOperator::kBetween:
      return {at, AfterPrefix(KeyBytes(before, condition.high))};
    case KeyOperator::kBeginsWith:
      break;
  }
  std::string begin = before;
  AppendKeyPrefix(condition.value, begin);
  return {begin, AfterPrefix(begin)};
}

}  // namespace

bool SortCondition::Holds(const Attribute& sort_key) const {
  if (op == KeyOperator::kBeginsWith) return tree::BeginsWith(sort_key, value);
  if (!Comparable(sort_key, value)) return false;
  const int order = Compare(sort_key, value);
  switch (op) {
    case KeyOperator::kEqual:
      return order == 0;
    case KeyOperator::kLess:
      return order < 0;
    case KeyOperator::kLessOrEqual:
      return order <= 0;
    case KeyOperator::kGreater:
      return order > 0;
    case KeyOperator::kGreaterOrEqual:
      return order >= 0;
    case KeyOperator::kBetween:
      return order >= 0 && Comparable(sort_key, high) && Compare(sort_key, high) <= 0;
    case KeyOperator::kBeginsWith:
      break;
  }
  return false;
}

KeyCondition::Bytes KeyCondition::Range(std::string_view prefix) const {
  const std::string before = KeyBytes(std::string(prefix), hash);
  if (!range) return {before, AfterPrefix(before)};
  return SortBytes(*range, before);
}

Outcome<KeyConditionForm> KeyConditionForm::Parse(std::string_view text,
                                                  Placeholders& placeholders) {
  ASSIGN_OR_RETURN(const Node root, ParseCondition("KeyConditionExpression", text, placeholders));
  std::vector<Term> terms;
  RETURN_IF_ERROR(CollectTerms(root, terms));
  RETURN_IF_ERROR(CheckOncePerKey(terms));
  return KeyConditionForm(std::move(terms));
}

KeyConditionForm::KeyConditionForm(std::vector<Term> terms) : terms_(std::move(terms)) {}

Outcome<KeyCondition> KeyConditionForm::For(const KeySchema& schema) const {
  if (terms_.empty() || terms_.size() > 2) {
    return ValidationError("Conditions can be of length 1 or 2 only");
  }
  const Term* hash = FindTerm(terms_, schema.hash.name);
  if (hash == nullptr) return Missed(schema.hash);
  if (terms_.size() == 2 && !schema.range) return NotSupported();
  const Term* range = terms_.size() == 2 ? FindTerm(terms_, schema.range->name) : nullptr;
  if (terms_.size() == 2 && range == nullptr) return Missed(*schema.range);
  RETURN_IF_ERROR(CheckTypes(*hash, schema.hash));
  if (range != nullptr) RETURN_IF_ERROR(CheckTypes(*range, *schema.range));
  if (hash->op != KeyOperator::kEqual) return NotSupported();
  const bool number_prefix =
      range != nullptr && range->op == KeyOperator::kBeginsWith && range->value.n() != nullptr;
  if (number_prefix) return NotSupported();
  RETURN_IF_ERROR(CheckValues(*hash));
  KeyCondition condition{hash->value, std::nullopt};
  if (range == nullptr) return condition;
  RETURN_IF_ERROR(CheckValues(*range));
  condition.range = SortCondition{range->op, range->value, range->high};
  return condition;
}

}  // namespace leeward::lab::items
