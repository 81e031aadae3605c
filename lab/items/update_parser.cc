#include "lab/items/update_parser.h"

#include <fmt/format.h>

#include <array>

#include "lab/items/path_list.h"

namespace leeward::lab::items {
namespace {

using Action = Update::Action;
using Kind = Update::Kind;
using tree::Operand;

constexpr std::array<std::string_view, 4> kSections = {"SET", "REMOVE", "ADD", "DELETE"};

// As ADD and DELETE name types in their messages.
std::string_view LongName(Type type) {
  constexpr std::array<std::string_view, 10> kNames = {
      "STRING",     "NUMBER",     "BINARY",     "BOOLEAN", "NULL",
      "STRING_SET", "NUMBER_SET", "BINARY_SET", "LIST",    "MAP"};
  return kNames[static_cast<std::size_t>(type)];
}

class UpdateParser : Parser {
 public:
  UpdateParser(std::string_view text, Placeholders& placeholders)
      : Parser("UpdateExpression", Dialect::kUpdate, text, placeholders) {}

  Outcome<std::vector<Action>> Parse() {
    RETURN_IF_ERROR(CheckText());
    do {
      ParseSection();
    } while (!failed() && token().kind != TokenKind::kEnd);
    CheckPaths();
    RETURN_IF_ERROR(Finish());
    return std::move(actions_);
  }

 private:
  void ParseSection() {
    std::size_t section = 0;
    while (section < kSections.size() && !token().IsWord(kSections[section])) ++section;
    if (section == kSections.size()) {
      Unexpected();
      return;
    }
    if (seen_[section]) {
      Note(Problem::kSection,
           fmt::format("The \"{}\" section can only be used once in an update expression;",
                       kSections[section]));
    }
    seen_[section] = true;
    Advance();
    do {
      ParseAction(static_cast<Kind>(section));
    } while (TakeSymbol(","));
  }

  void ParseAction(Kind kind) {
    Action action;
    action.kind = kind;
    action.path = ParsePath();
    if (kind == Kind::kSet) {
      ExpectSymbol("=");
      action.value = std::make_shared<const Operand>(ParseExpression());
    } else if (kind != Kind::kRemove) {
      action.value = std::make_shared<const Operand>(ParseLiteral(kind));
    }
    actions_.push_back(std::move(action));
  }

  // ADD and DELETE take nothing but a :value.
  Operand ParseLiteral(Kind kind) {
    if (token().kind != TokenKind::kValue) {
      Unexpected();
      return {};
    }
    Operand operand = ParseOperand();
    const auto type = TypeOf(operand);
    if (!type || IsSet(*type) || (kind == Kind::kAdd && *type == Type::kN)) return operand;
    const std::string_view name = kSections[static_cast<std::size_t>(kind)];
    Note(Problem::kOperand,
         fmt::format("Incorrect operand type for operator or function; operator: {}, operand type: "
                     "{}, typeSet: ALLOWED_FOR_{}_OPERAND",
                     name, LongName(*type), name));
    return operand;
  }

  // operand, operand + operand, operand - operand; the whole perhaps in parentheses.
  Operand ParseExpression() {
    const Level level(*this);
    Operand left = token().Is("(") ? ParseParentheses() : ParseOperand();
    const bool plus = token().Is("+");
    const bool arithmetic = left.kind == Operand::Kind::kPlus || left.kind == Operand::Kind::kMinus;
    if ((!plus && !token().Is("-")) || arithmetic) return left;
    CountOperator();
    Advance();
    Operand sum;
    sum.kind = plus ? Operand::Kind::kPlus : Operand::Kind::kMinus;
    sum.parts.push_back(std::move(left));
    sum.parts.push_back(ParseOperand());
    for (const Operand& part : sum.parts) {
      const auto type = TypeOf(part);
      if (type && *type != Type::kN) NoteType(Name(sum.kind), *type);
    }
    return sum;
  }

  Operand ParseParentheses() {
    Advance();
    if (token().Is("(")) Note(Problem::kParentheses, "The expression has redundant parentheses;");
    Operand inner = ParseExpression();
    ExpectSymbol(")");
    return inner;
  }

  void CheckPaths() {
    std::vector<Path> paths;
    paths.reserve(actions_.size());
    for (const Action& action : actions_) paths.push_back(action.path);
    if (const auto clash = FirstClash(paths)) Note(Problem::kPaths, *clash);
  }

  std::vector<Action> actions_;
  std::array<bool, kSections.size()> seen_{};
};

}  // namespace

Outcome<std::vector<Action>> ParseUpdate(std::string_view text, Placeholders& placeholders) {
  return UpdateParser(text, placeholders).Parse();
}

}  // namespace leeward::lab::items
