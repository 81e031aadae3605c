#include "lab/items/condition_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <variant>

namespace leeward::lab::items {
namespace {

using tree::Node;
using tree::Operand;

std::optional<Node::Kind> Comparator(const Token& token) {
  for (const Node::Kind kind :
       {Node::Kind::kEqual, Node::Kind::kNotEqual, Node::Kind::kLess, Node::Kind::kLessOrEqual,
        Node::Kind::kGreater, Node::Kind::kGreaterOrEqual}) {
    if (token.Is(Name(kind))) return kind;
  }
  return std::nullopt;
}

Node::Kind FunctionKind(std::string_view name) {
  for (const Node::Kind kind :
       {Node::Kind::kExists, Node::Kind::kNotExists, Node::Kind::kType, Node::Kind::kBeginsWith}) {
    if (name == Name(kind)) return kind;
  }
  return Node::Kind::kContains;
}

bool HasOrder(Type type) { return type <= Type::kB; }

// "AttributeValue: {N:5}", as DynamoDB writes a value into a message.
std::string Shown(const Attribute& value) {
  std::string text;
  if (value.s() != nullptr) text = *value.s();
  if (value.n() != nullptr) text = value.n()->Text();
  if (value.b() != nullptr) text = value.b()->bytes;
  return fmt::format("AttributeValue: {{{}:{}}}", Name(value.type()), text);
}

class ConditionParser : Parser {
 public:
  ConditionParser(std::string_view parameter, std::string_view text, Placeholders& placeholders)
      : Parser(parameter, Dialect::kCondition, text, placeholders) {}

  Outcome<Node> Parse() {
    RETURN_IF_ERROR(CheckText());
    Node root = ToNode(ParseOr());
    RETURN_IF_ERROR(Finish());
    return root;
  }

 private:
  // Parentheses may hold either, which shows only behind what they hold.
  using Part = std::variant<Node, Operand>;

  // A condition is wanted: an operand alone is none.
  Node ToNode(Part part) {
    if (Node* node = std::get_if<Node>(&part)) return std::move(*node);
    if (std::get<Operand>(part).kind == Operand::Kind::kSize) {
      Note(Problem::kMisusedFunction,
           "The function is not allowed to be used this way in an expression; function: size");
    } else if (!failed() && !misused_) {
      Unexpected();
    }
    misused_ = false;
    return {};
  }

  Part ParseOr() {
    return ParseChain("OR", Node::Kind::kOr, [this] { return ParseAnd(); });
  }
  Part ParseAnd() {
    return ParseChain("AND", Node::Kind::kAnd, [this] { return ParseNot(); });
  }

  template <typename ParseNext>
  Part ParseChain(std::string_view word, Node::Kind kind, ParseNext parse) {
    Part first = parse();
    if (!token().IsWord(word)) return first;
    Node chain;
    chain.kind = kind;
    chain.children.push_back(ToNode(std::move(first)));
    while (token().IsWord(word)) {
      CountOperator();
      Advance();
      chain.children.push_back(ToNode(parse()));
    }
    return chain;
  }

  Part ParseNot() {
    const Level level(*this);
    if (!token().IsWord("NOT")) return ParsePredicate();
    CountOperator();
    Advance();
    Node node;
    node.kind = Node::Kind::kNot;
    node.children.push_back(ToNode(ParseNot()));
    return node;
  }

  Part ParsePredicate() {
    Part left = token().Is("(") ? ParseParentheses() : ParseOther();
    Operand* operand = std::get_if<Operand>(&left);
    if (operand == nullptr) {
      RefuseComparison(std::get<Node>(left));
      return left;
    }
    if (const auto kind = Comparator(token())) return ParseComparison(*kind, std::move(*operand));
    if (token().IsWord("BETWEEN")) return ParseBetween(std::move(*operand));
    if (token().IsWord("IN")) return ParseIn(std::move(*operand));
    return left;
  }

  // attribute_exists(a) = :v: a function that is a condition in the place of an operand.
  void RefuseComparison(const Node& node) {
    if (node.kind < Node::Kind::kExists || !Comparator(token())) return;
    Note(Problem::kMisusedFunction,
         fmt::format(
             "The function is not allowed to be used this way in an expression; function: {}",
             Name(node.kind)));
    Advance();
    ParseOperand();
  }

  Part ParseParentheses() {
    const Level level(*this);
    Advance();
    if (token().Is("(") && WrapsAll()) {
      Note(Problem::kParentheses, "The expression has redundant parentheses;");
    }
    Part inner = ParseOr();
    ExpectSymbol(")");
    return inner;
  }

  // Whether the parenthesis at the token closes right before the one that closes around it.
  bool WrapsAll() const {
    int open = 0;
    Token at = token();
    while (at.kind != TokenKind::kEnd) {
      if (at.Is("(")) ++open;
      if (at.Is(")") && --open == 0) return After(at).Is(")");
      at = After(at);
    }
    return false;
  }

  Part ParseOther() {
    if (!AtFunction()) return CheckedOperand();
    const std::string_view name = token().text;
    switch (UseOf(name)) {
      case FunctionUse::kCondition:
        break;
      case FunctionUse::kConditionOperand:
        return ParseOperand();
      case FunctionUse::kUnknown:
      case FunctionUse::kUpdateOperand:
        misused_ = true;  // noted by ParseOperand; alone it is no syntax error
        return ParseOperand();
    }
    Node node;
    node.kind = FunctionKind(name);
    Advance();
    node.operands = ParseArguments();
    if (CheckArguments(name, node.operands)) CheckFunction(node);
    return node;
  }

  Operand CheckedOperand() {
    misused_ = false;
    return ParseOperand();
  }

  void CheckFunction(const Node& node) {
    if (node.operands.size() != 2) return;
    if (node.kind == Node::Kind::kType) CheckTypeName(node.operands[1]);
    CheckDistinct(node);
  }

  void CheckTypeName(const Operand& operand) {
    const auto type = TypeOf(operand);
    if (!type) return;
    if (*type != Type::kS) {
      NoteType("attribute_type", *type);
      return;
    }
    const std::string& name = *operand.value->s();
    for (int i = 0; i <= static_cast<int>(Type::kM); ++i) {
      if (name == items::Name(static_cast<Type>(i))) return;
    }
    Note(Problem::kOperand, fmt::format("Invalid attribute type name found; type: {}, valid types: "
                                        "{{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}",
                                        name));
  }

  void CheckDistinct(const Node& node) {
    const Operand& first = node.operands[0];
    if (first.kind != Operand::Kind::kPath) return;
    const bool again =
        std::find(node.operands.begin() + 1, node.operands.end(), first) != node.operands.end();
    if (!again) return;
    Note(Problem::kDistinct,
         fmt::format("The first operand must be distinct from the remaining operands for this "
                     "operator or function; operator: {}, first operand: {}",
                     Name(node.kind), first.path.Text()));
  }

  void CheckOrdered(const Node& node) {
    for (const Operand& operand : node.operands) {
      const auto type = TypeOf(operand);
      if (type && !HasOrder(*type)) NoteType(Name(node.kind), *type);
    }
  }

  Node ParseComparison(Node::Kind kind, Operand left) {
    CountOperator();
    Advance();
    Node node;
    node.kind = kind;
    node.operands.push_back(std::move(left));
    node.operands.push_back(CheckedOperand());
    if (kind != Node::Kind::kEqual && kind != Node::Kind::kNotEqual) CheckOrdered(node);
    CheckDistinct(node);
    return node;
  }

  Node ParseBetween(Operand left) {
    CountOperator();
    Advance();
    Node node;
    node.kind = Node::Kind::kBetween;
    node.operands.push_back(std::move(left));
    node.operands.push_back(CheckedOperand());
    if (token().IsWord("AND")) {
      Advance();
    } else {
      Unexpected();
    }
    node.operands.push_back(CheckedOperand());
    CheckOrdered(node);
    CheckBounds(node.operands[1], node.operands[2]);
    CheckDistinct(node);
    return node;
  }

  void CheckBounds(const Operand& low, const Operand& high) {
    if (low.value == nullptr || high.value == nullptr) return;
    const auto note = [&](std::string_view what) {
      Note(Problem::kOperand,
           fmt::format("The BETWEEN operator requires {}; lower bound operand: {}, upper bound "
                       "operand: {}",
                       what, Shown(*low.value), Shown(*high.value)));
    };
    if (low.value->type() != high.value->type()) {
      note("same data type for lower and upper bounds");
    } else if (Comparable(*low.value, *high.value) && Compare(*low.value, *high.value) > 0) {
      note("upper bound to be greater than or equal to lower bound");
    }
  }

  Node ParseIn(Operand left) {
    CountOperator();
    Advance();
    Node node;
    node.kind = Node::Kind::kIn;
    node.operands.push_back(std::move(left));
    ExpectSymbol("(");
    do {
      node.operands.push_back(CheckedOperand());
    } while (TakeSymbol(","));
    ExpectSymbol(")");
    const std::size_t count = node.operands.size() - 1;
    if (count > kMaxInOperands) {
      Note(Problem::kOperand,
           fmt::format("The IN operator is provided with too many operands; number of operands: {}",
                       count));
    }
    CheckDistinct(node);
    return node;
  }

  bool misused_ = false;
};

}  // namespace

Outcome<Node> ParseCondition(std::string_view parameter, std::string_view text,
                             Placeholders& placeholders) {
  return ConditionParser(parameter, text, placeholders).Parse();
}

}  // namespace leeward::lab::items
