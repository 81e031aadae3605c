// What the parsers of the five kinds of expressions have in common: tokens, paths, operands, and
// which error comes first.
//
// An expression is read once. A syntax error ends it and wins over everything. Of all else that is
// wrong the first of each category is kept, and at the end the first category that has one is the
// answer.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/items/lexer.h"
#include "lab/items/outcome.h"
#include "lab/items/placeholders.h"
#include "lab/items/tree.h"

namespace leeward::lab::items {

// The categories, in order.
enum class Problem : unsigned char {
  kParentheses,
  kUnknownFunction,
  kMisusedFunction,
  kReserved,
  kSection,
  kUndefined,
  kOperand,   // their number and types
  kDistinct,  // the same twice
  kPaths,     // overlap and conflict
  kTooMany,
  kCount,
};

inline constexpr std::size_t kMaxExpressionSize = 4096;  // bytes
inline constexpr int kMaxOperators = 300;
inline constexpr std::size_t kMaxInOperands = 100;

class Parser {
 public:
  enum class Dialect { kCondition, kUpdate, kProjection };
  // `parameter` as in "ConditionExpression". All arguments outlive the parser.
  Parser(std::string_view parameter, Dialect dialect, std::string_view text,
         Placeholders& placeholders);
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

 protected:
  // "The expression can not be empty;" and "Expression size has exceeded the maximum allowed size;
  // expression size: 4097".
  Verdict CheckText() const;
  // What was wrong, if anything, once everything is read.
  Verdict Finish();

  const Token& token() const { return token_; }
  Token Peek() const { return After(token_); }
  Token After(const Token& token) const { return NextToken(text_, EndOf(token)); }
  void Advance();
  bool TakeSymbol(std::string_view symbol);  // if it is there
  void ExpectSymbol(std::string_view symbol);
  // Syntax error at the token. From here on everything reads as the end.
  void Unexpected();
  bool failed() const { return failure_.has_value(); }
  void Note(Problem problem, std::string message);
  void CountOperator() { ++operators_; }

  Path ParsePath();
  // Path, :value or function, perhaps in parentheses. Functions other than `size`, if_not_exists
  // and list_append are misused here.
  tree::Operand ParseOperand();
  // What stands between a function's parentheses.
  std::vector<tree::Operand> ParseArguments();
  bool AtFunction() const;
  bool AtKeyword() const;  // a word that the dialect keeps to itself

  // Notes wrong numbers, kinds and types of a function's arguments. Returns whether they can be
  // used.
  bool CheckArguments(std::string_view function, const std::vector<tree::Operand>& arguments);
  // The type that an operand has whatever the item; nullopt when it depends.
  static std::optional<Type> TypeOf(const tree::Operand& operand);
  void NoteType(std::string_view operation, Type type);

  // Bounds how deep the parser calls itself.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) { parser_.Enter(); }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

 private:
  void Enter();
  std::size_t EndOf(const Token& token) const;
  std::string ParseName();
  std::size_t ParseIndex();
  tree::Operand ParseValue();
  tree::Operand ParseFunctionOperand();
  tree::Operand ParseParenthesized();
  void Fail(std::string message);
  ApiError Invalid(std::string_view message) const;

  std::string_view parameter_;
  Dialect dialect_;
  std::string_view text_;
  Placeholders& placeholders_;
  Token token_;
  Token previous_;
  std::optional<std::string> failure_;
  std::array<std::optional<std::string>, static_cast<std::size_t>(Problem::kCount)> problems_;
  int operators_ = 0;
  int depth_ = 0;
};

// Functions by name, and where they may stand.
enum class FunctionUse { kUnknown, kCondition, kConditionOperand, kUpdateOperand };
FunctionUse UseOf(std::string_view function);

}  // namespace leeward::lab::items
