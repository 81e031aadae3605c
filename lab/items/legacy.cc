#include "lab/items/legacy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "lab/items/json.h"
#include "lab/items/legacy_conditions.h"
#include "lab/items/tree.h"

namespace leeward::lab::items {
namespace {

using Json = rapidjson::Value;
using tree::Node;
using tree::Operand;

Operand PathOperand(std::string_view name) {
  Operand operand;
  operand.path.top = name;
  return operand;
}

Operand ValueOperand(const Attribute& value) {
  Operand operand;
  operand.kind = Operand::Kind::kValue;
  operand.value = &value;
  return operand;
}

std::optional<Node::Kind> KindOf(LegacyOperator op) {
  switch (op) {
    case LegacyOperator::kEq:
      return Node::Kind::kEqual;
    case LegacyOperator::kNe:
      return Node::Kind::kNotEqual;
    case LegacyOperator::kLe:
      return Node::Kind::kLessOrEqual;
    case LegacyOperator::kLt:
      return Node::Kind::kLess;
    case LegacyOperator::kGe:
      return Node::Kind::kGreaterOrEqual;
    case LegacyOperator::kGt:
      return Node::Kind::kGreater;
    case LegacyOperator::kNotNull:
      return Node::Kind::kExists;
    case LegacyOperator::kNull:
      return Node::Kind::kNotExists;
    case LegacyOperator::kContains:
      return Node::Kind::kContains;
    case LegacyOperator::kBeginsWith:
      return Node::Kind::kBeginsWith;
    case LegacyOperator::kIn:
      return Node::Kind::kIn;
    case LegacyOperator::kBetween:
      return Node::Kind::kBetween;
    case LegacyOperator::kNotContains:
      break;
  }
  return std::nullopt;
}

Node Leaf(Node::Kind kind, const LegacyCondition& condition, const Attribute* values) {
  Node node;
  node.kind = kind;
  node.operands.push_back(PathOperand(condition.name));
  for (std::size_t i = 0; i < condition.values.size(); ++i) {
    node.operands.push_back(ValueOperand(values[i]));
  }
  return node;
}

// NOT_CONTAINS holds only for an attribute that is there.
Node NodeOf(const LegacyCondition& condition, const Attribute* values) {
  if (const auto kind = KindOf(condition.op)) return Leaf(*kind, condition, values);
  Node negated;
  negated.kind = Node::Kind::kNot;
  negated.children.push_back(Leaf(Node::Kind::kContains, condition, values));
  Node both;
  both.children.push_back(Leaf(Node::Kind::kExists, {condition.name, condition.op, {}}, nullptr));
  both.children.push_back(std::move(negated));
  return both;
}

// All values of the conditions stand in one list, which the condition keeps alive and points into.
Condition Combined(const std::vector<LegacyCondition>& conditions,
                   std::string_view conditional_operator) {
  Attribute::List values;
  for (const LegacyCondition& condition : conditions) {
    values.insert(values.end(), condition.values.begin(), condition.values.end());
  }
  const auto kept = std::make_shared<const Item>(Item{{"values", std::move(values)}});
  const Attribute* next = kept->Find("values")->list()->data();
  Node root;
  root.kind =
      conditional_operator == "OR" && !conditions.empty() ? Node::Kind::kOr : Node::Kind::kAnd;
  for (const LegacyCondition& condition : conditions) {
    root.children.push_back(NodeOf(condition, next));
    next += condition.values.size();
  }
  return Condition(std::make_shared<const Node>(std::move(root)), kept);
}

std::optional<KeyOperator> KeyOperatorOf(LegacyOperator op) {
  switch (op) {
    case LegacyOperator::kEq:
      return KeyOperator::kEqual;
    case LegacyOperator::kLe:
      return KeyOperator::kLessOrEqual;
    case LegacyOperator::kLt:
      return KeyOperator::kLess;
    case LegacyOperator::kGe:
      return KeyOperator::kGreaterOrEqual;
    case LegacyOperator::kGt:
      return KeyOperator::kGreater;
    case LegacyOperator::kBeginsWith:
      return KeyOperator::kBeginsWith;
    case LegacyOperator::kBetween:
      return KeyOperator::kBetween;
    default:
      return std::nullopt;
  }
}

struct RawUpdate {
  std::string_view name;
  std::string_view action;
  std::optional<Attribute> value;
};

Outcome<RawUpdate> ReadUpdate(const Json::Member& member) {
  if (!member.value.IsObject()) {
    return WrongJsonType(member.value, Wanted::kStructure,
                         "class com.amazonaws.dynamodb.v20120810.AttributeValueUpdate");
  }
  RawUpdate update{TextOf(member.name), "PUT", std::nullopt};
  if (const Json* action = MemberOf(member.value, "Action")) {
    if (!action->IsString()) return WrongJsonType(*action, Wanted::kString);
    update.action = TextOf(*action);
  }
  if (const Json* value = MemberOf(member.value, "Value")) {
    ASSIGN_OR_RETURN(update.value, AttributeFromJson(*value));
  }
  return update;
}

Verdict CheckUpdate(const RawUpdate& update) {
  if (!update.value) {
    if (update.action == "DELETE") return {};
    return InvalidParameter("Only DELETE action is allowed when no attribute value is specified");
  }
  const Type type = update.value->type();
  const bool set = type >= Type::kSS && type <= Type::kBS;
  if (update.action == "DELETE" && !set) {
    return InvalidParameter(
        fmt::format("DELETE action with value is not supported for the type {}", Name(type)));
  }
  if (update.action == "ADD" && !set && type != Type::kN && type != Type::kL) {
    return InvalidParameter(fmt::format("ADD action is not supported for the type {}", Name(type)));
  }
  return {};
}

Update::Action ActionOf(const RawUpdate& update, const Attribute* value) {
  Update::Action action;
  action.path.top = update.name;
  action.legacy = true;
  if (value == nullptr) {
    action.kind = Update::Kind::kRemove;
    return action;
  }
  action.kind = update.action == "ADD"      ? Update::Kind::kAdd
                : update.action == "DELETE" ? Update::Kind::kDelete
                                            : Update::Kind::kSet;
  action.value = std::make_shared<const Operand>(ValueOperand(*value));
  return action;
}

}  // namespace

Verdict CheckNoMix(const std::vector<std::string_view>& legacy,
                   const std::vector<std::string_view>& expressions) {
  if (legacy.empty() || expressions.empty()) return {};
  return ValidationError(
      fmt::format("Can not use both expression and non-expression parameters in the same request: "
                  "Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
                  fmt::join(legacy, ", "), fmt::join(expressions, ", ")));
}

Verdict CheckConditionalOperator(std::string_view conditional_operator, std::size_t elements) {
  if (conditional_operator.empty() || elements > 1) return {};
  if (elements == 0) {
    return ValidationError("ConditionalOperator cannot be used without Filter or Expected");
  }
  return ValidationError(
      "ConditionalOperator can only be used when Filter or Expected has two or more elements");
}

Outcome<Condition> ConditionFromExpected(const Json& expected,
                                         std::string_view conditional_operator) {
  ASSIGN_OR_RETURN(const auto conditions, ReadExpected(expected));
  return Combined(conditions, conditional_operator);
}

Outcome<Condition> ConditionFromFilter(const Json& filter, std::string_view conditional_operator) {
  ASSIGN_OR_RETURN(const auto conditions, ReadFilter(filter));
  return Combined(conditions, conditional_operator);
}

Outcome<KeyConditionForm> KeyConditionsFromJson(const Json& conditions) {
  ASSIGN_OR_RETURN(auto read, ReadFilter(conditions));
  std::vector<KeyConditionForm::Term> terms;
  for (LegacyCondition& condition : read) {
    const auto op = KeyOperatorOf(condition.op);
    if (!op) {
      return ValidationError("Attempted conditional constraint is not an indexable operation");
    }
    KeyConditionForm::Term term{std::move(condition.name), *op, std::move(condition.values[0]), {}};
    if (*op == KeyOperator::kBetween) term.high = std::move(condition.values[1]);
    terms.push_back(std::move(term));
  }
  return KeyConditionForm(std::move(terms));
}

Outcome<Update> UpdateFromAttributeUpdates(const Json& updates) {
  if (!updates.IsObject()) {
    return WrongJsonType(
        updates, Wanted::kMap,
        "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValueUpdate>");
  }
  std::vector<RawUpdate> read;
  for (const auto& member : updates.GetObject()) {
    ASSIGN_OR_RETURN(RawUpdate update, ReadUpdate(member));
    read.push_back(std::move(update));
  }
  for (const RawUpdate& update : read) RETURN_IF_ERROR(CheckUpdate(update));
  Attribute::List values;
  for (RawUpdate& update : read) values.push_back(std::move(update.value).value_or(Null{}));
  const auto kept = std::make_shared<const Item>(Item{{"values", std::move(values)}});
  const Attribute* next = kept->Find("values")->list()->data();
  std::vector<Update::Action> actions;
  for (const RawUpdate& update : read) {
    actions.push_back(ActionOf(update, update.value ? next : nullptr));
    ++next;
  }
  return Update(std::move(actions), kept);
}

Outcome<Projection> ProjectionFromAttributesToGet(const Json& names) {
  if (!names.IsArray()) return WrongJsonType(names, Wanted::kList);
  std::vector<Path> paths;
  for (const Json& name : names.GetArray()) {
    if (!name.IsString()) return WrongJsonType(name, Wanted::kString);
    Path path{std::string(TextOf(name)), {}};
    if (std::find(paths.begin(), paths.end(), path) != paths.end()) {
      return InvalidParameter(fmt::format("Duplicate value in attribute name: {}", path.top));
    }
    paths.push_back(std::move(path));
  }
  return Projection(std::move(paths));
}

}  // namespace leeward::lab::items
