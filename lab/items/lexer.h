// The lexer that all expressions share.
#pragma once

#include <string_view>

namespace leeward::lab::items {

enum class TokenKind {
  kEnd,
  kIdentifier,  // a word: attribute name, keyword or function
  kName,        // #placeholder
  kValue,       // :placeholder
  kInteger,
  kSymbol,   // ( ) [ ] , . + - = <> < <= > >=
  kUnknown,  // a character that no expression has, or '#' or ':' alone
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // part of the expression; empty at its end

  bool Is(std::string_view symbol) const { return kind == TokenKind::kSymbol && text == symbol; }
  // Keywords are in any case.
  bool IsWord(std::string_view upper_case) const;
};

// The token that begins at or behind `from`, after white space.
Token NextToken(std::string_view expression, std::size_t from);

}  // namespace leeward::lab::items
