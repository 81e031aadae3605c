#include "lab/items/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>

#include "lab/items/reserved_words.h"

namespace leeward::lab::items {
namespace tree {

std::string_view Name(Node::Kind kind) {
  constexpr std::array<std::string_view, 16> kNames = {"AND",
                                                       "OR",
                                                       "NOT",
                                                       "=",
                                                       "<>",
                                                       "<",
                                                       "<=",
                                                       ">",
                                                       ">=",
                                                       "BETWEEN",
                                                       "IN",
                                                       "attribute_exists",
                                                       "attribute_not_exists",
                                                       "attribute_type",
                                                       "begins_with",
                                                       "contains"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view Name(Operand::Kind kind) {
  constexpr std::array<std::string_view, 7> kNames = {
      "path", "value", "size", "if_not_exists", "list_append", "+", "-"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace tree

namespace {

using tree::Operand;

// Deeper than 300 operators can make it, so only superfluous parentheses get there.
constexpr int kMaxDepth = 320;

std::size_t CountOf(std::string_view function) {
  return function == "attribute_exists" || function == "attribute_not_exists" || function == "size"
             ? 1
             : 2;
}

bool NeedsPath(std::string_view function) {
  return function == "attribute_exists" || function == "attribute_not_exists" ||
         function == "if_not_exists";
}

bool HasSize(Type type) { return type != Type::kN && type != Type::kBool && type != Type::kNull; }

}  // namespace

FunctionUse UseOf(std::string_view function) {
  if (function == "size") return FunctionUse::kConditionOperand;
  if (function == "if_not_exists" || function == "list_append") return FunctionUse::kUpdateOperand;
  for (const std::string_view known :
       {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"}) {
    if (function == known) return FunctionUse::kCondition;
  }
  return FunctionUse::kUnknown;
}

Parser::Parser(std::string_view parameter, Dialect dialect, std::string_view text,
               Placeholders& placeholders)
    : parameter_(parameter), dialect_(dialect), text_(text), placeholders_(placeholders) {
  token_ = NextToken(text_, 0);
  previous_ = {TokenKind::kEnd, text_.substr(0, 0)};
}

ApiError Parser::Invalid(std::string_view message) const {
  return ValidationError(fmt::format("Invalid {}: {}", parameter_, message));
}

Verdict Parser::CheckText() const {
  if (text_.empty()) return Invalid("The expression can not be empty;");
  if (text_.size() > kMaxExpressionSize) {
    return Invalid(
        fmt::format("Expression size has exceeded the maximum allowed size; expression size: {}",
                    text_.size()));
  }
  return {};
}

Verdict Parser::Finish() {
  if (!failed() && token_.kind != TokenKind::kEnd) Unexpected();
  if (failed()) return Invalid(*failure_);
  if (operators_ > kMaxOperators) {
    Note(Problem::kTooMany,
         fmt::format("The expression contains too many operators; operator count: {}", operators_));
  }
  for (const auto& problem : problems_) {
    if (problem) return Invalid(*problem);
  }
  return {};
}

std::size_t Parser::EndOf(const Token& token) const {
  return static_cast<std::size_t>(token.text.data() - text_.data()) + token.text.size();
}

void Parser::Advance() {
  if (failed()) return;
  previous_ = token_;
  token_ = NextToken(text_, EndOf(token_));
}

bool Parser::TakeSymbol(std::string_view symbol) {
  if (!token_.Is(symbol)) return false;
  Advance();
  return true;
}

void Parser::ExpectSymbol(std::string_view symbol) {
  if (!TakeSymbol(symbol)) Unexpected();
}

void Parser::Fail(std::string message) {
  if (failed()) return;
  failure_ = std::move(message);
  token_ = {TokenKind::kEnd, text_.substr(text_.size())};
}

void Parser::Unexpected() {
  // From the token before to the one behind, as they stand in the text.
  const Token next = NextToken(text_, EndOf(token_));
  const char* begin = previous_.text.empty() ? token_.text.data() : previous_.text.data();
  const Token& last = next.text.empty() ? token_ : next;
  if (token_.text.empty() && previous_.text.empty()) begin = text_.data();
  const char* end = token_.text.empty() ? previous_.text.data() + previous_.text.size()
                                        : last.text.data() + last.text.size();
  const std::string_view near(begin, static_cast<std::size_t>(end - begin));
  Fail(fmt::format("Syntax error; token: \"{}\", near: \"{}\"",
                   token_.kind == TokenKind::kEnd ? "<EOF>" : token_.text, near));
}

void Parser::Note(Problem problem, std::string message) {
  auto& place = problems_[static_cast<std::size_t>(problem)];
  if (!place) place = std::move(message);
}

void Parser::Enter() {
  if (++depth_ > kMaxDepth) Fail("The expression has redundant parentheses;");
}

std::string Parser::ParseName() {
  const Token name = token_;
  if (name.kind == TokenKind::kIdentifier && !AtKeyword()) {
    if (IsReservedWord(name.text)) {
      Note(Problem::kReserved,
           fmt::format("Attribute name is a reserved keyword; reserved keyword: {}", name.text));
    }
    Advance();
    return std::string(name.text);
  }
  if (name.kind != TokenKind::kName) {
    Unexpected();
    return {};
  }
  Advance();
  if (const std::string* found = placeholders_.UseName(name.text)) return *found;
  Note(Problem::kUndefined,
       fmt::format("An expression attribute name used in the document path is not defined; "
                   "attribute name: {}",
                   name.text));
  return std::string(name.text);
}

std::size_t Parser::ParseIndex() {
  const Token index = token_;
  if (index.kind != TokenKind::kInteger) {
    Unexpected();
    return 0;
  }
  Advance();
  ExpectSymbol("]");
  std::int32_t value = 0;
  const auto read =
      std::from_chars(index.text.data(), index.text.data() + index.text.size(), value);
  if (read.ec != std::errc()) {
    Note(Problem::kOperand,
         fmt::format("List index is not within the allowable range; index: [{}]", index.text));
  }
  return static_cast<std::size_t>(value);
}

Path Parser::ParsePath() {
  Path path;
  path.top = ParseName();
  while (!failed()) {
    if (TakeSymbol(".")) {
      path.steps.emplace_back(ParseName());
    } else if (TakeSymbol("[")) {
      path.steps.emplace_back(ParseIndex());
    } else {
      break;
    }
  }
  return path;
}

bool Parser::AtKeyword() const {
  const auto is_any = [this](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [this](std::string_view word) { return token_.IsWord(word); });
  };
  if (dialect_ == Dialect::kCondition) return is_any({"AND", "OR", "NOT", "BETWEEN", "IN"});
  return dialect_ == Dialect::kUpdate && is_any({"SET", "REMOVE", "ADD", "DELETE"});
}

bool Parser::AtFunction() const {
  return token_.kind == TokenKind::kIdentifier && Peek().Is("(") && !AtKeyword();
}

Operand Parser::ParseValue() {
  Operand operand;
  operand.kind = Operand::Kind::kValue;
  operand.value = placeholders_.UseValue(token_.text);
  if (operand.value == nullptr) {
    Note(Problem::kUndefined,
         fmt::format("An expression attribute value used in expression is not defined; attribute "
                     "value: {}",
                     token_.text));
  }
  Advance();
  return operand;
}

Operand Parser::ParseParenthesized() {
  Advance();
  if (token_.Is("(")) Note(Problem::kParentheses, "The expression has redundant parentheses;");
  Operand operand = ParseOperand();
  ExpectSymbol(")");
  return operand;
}

Operand Parser::ParseOperand() {
  const Level level(*this);
  if (token_.Is("(")) return ParseParenthesized();
  if (token_.kind == TokenKind::kValue) return ParseValue();
  if (AtFunction()) return ParseFunctionOperand();
  Operand operand;
  operand.path = ParsePath();
  return operand;
}

std::vector<Operand> Parser::ParseArguments() {
  CountOperator();
  ExpectSymbol("(");
  std::vector<Operand> arguments;
  do {
    arguments.push_back(ParseOperand());
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  return arguments;
}

Operand Parser::ParseFunctionOperand() {
  const std::string_view function = token_.text;
  Advance();
  std::vector<Operand> arguments = ParseArguments();
  const FunctionUse use = UseOf(function);
  const bool update = dialect_ == Dialect::kUpdate;
  if (use == FunctionUse::kUnknown) {
    Note(Problem::kUnknownFunction, fmt::format("Invalid function name; function: {}", function));
  } else if (use != (update ? FunctionUse::kUpdateOperand : FunctionUse::kConditionOperand)) {
    const bool elsewhere = update || use == FunctionUse::kUpdateOperand;
    Note(Problem::kMisusedFunction,
         elsewhere ? fmt::format("The function is not allowed in {} expression; function: {}",
                                 update ? "an update" : "a condition", function)
                   : fmt::format("The function is not allowed to be used this way in an "
                                 "expression; function: {}",
                                 function));
  }
  Operand operand;
  if (use == FunctionUse::kUnknown || use == FunctionUse::kCondition ||
      !CheckArguments(function, arguments)) {
    return operand;
  }
  operand.kind = function == "size"            ? Operand::Kind::kSize
                 : function == "if_not_exists" ? Operand::Kind::kIfNotExists
                                               : Operand::Kind::kListAppend;
  if (operand.kind == Operand::Kind::kIfNotExists) {
    operand.path = std::move(arguments[0].path);
    arguments.erase(arguments.begin());
  }
  operand.parts = std::move(arguments);
  return operand;
}

std::optional<Type> Parser::TypeOf(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::kValue:
      if (operand.value == nullptr) return std::nullopt;
      return operand.value->type();
    case Operand::Kind::kSize:
    case Operand::Kind::kPlus:
    case Operand::Kind::kMinus:
      return Type::kN;
    case Operand::Kind::kListAppend:
      return Type::kL;
    case Operand::Kind::kPath:
    case Operand::Kind::kIfNotExists:
      break;
  }
  return std::nullopt;
}

void Parser::NoteType(std::string_view operation, Type type) {
  Note(Problem::kOperand,
       fmt::format("Incorrect operand type for operator or function; operator or function: {}, "
                   "operand type: {}",
                   operation, Name(type)));
}

bool Parser::CheckArguments(std::string_view function, const std::vector<Operand>& arguments) {
  if (arguments.size() != CountOf(function)) {
    Note(Problem::kOperand,
         fmt::format("Incorrect number of operands for operator or function; operator or function: "
                     "{}, number of operands: {}",
                     function, arguments.size()));
    return false;
  }
  if (NeedsPath(function) && arguments[0].kind != Operand::Kind::kPath) {
    Note(Problem::kOperand,
         fmt::format("Operator or function requires a document path; operator or function: {}",
                     function));
    return false;
  }
  for (const Operand& argument : arguments) {
    const auto type = TypeOf(argument);
    if (!type) continue;
    const bool fits = function == "size"          ? HasSize(*type)
                      : function == "begins_with" ? *type == Type::kS || *type == Type::kB
                      : function == "list_append" ? *type == Type::kL
                                                  : true;
    if (!fits) NoteType(function, *type);
  }
  return true;
}

}  // namespace leeward::lab::items
