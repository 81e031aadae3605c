#include "lab/items/lexer.h"

#include <algorithm>

namespace leeward::lab::items {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c); }

template <typename Test>
std::size_t RunOf(std::string_view text, std::size_t from, Test test) {
  std::size_t i = from;
  while (i < text.size() && test(text[i])) ++i;
  return i;
}

// A character of UTF-8 is one token, however many bytes it has.
std::size_t CharacterSize(std::string_view text) {
  return RunOf(text, 1, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; });
}

std::size_t SymbolSize(std::string_view text) {
  constexpr std::string_view kSingle = "()[],.+-=<>";
  for (const std::string_view two : {"<>", "<=", ">="}) {
    if (text.starts_with(two)) return 2;
  }
  return kSingle.find(text[0]) != std::string_view::npos ? 1 : 0;
}

}  // namespace

bool Token::IsWord(std::string_view upper_case) const {
  return kind == TokenKind::kIdentifier &&
         std::equal(text.begin(), text.end(), upper_case.begin(), upper_case.end(),
                    [](char a, char b) {
                      return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 32) : a) == b;
                    });
}

Token NextToken(std::string_view expression, std::size_t from) {
  const std::string_view rest = expression.substr(RunOf(expression, from, IsSpace));
  if (rest.empty()) return {TokenKind::kEnd, rest};
  const auto token = [&](TokenKind kind, std::size_t size) {
    return Token{kind, rest.substr(0, size)};
  };
  const char first = rest[0];
  if (IsWordStart(first)) return token(TokenKind::kIdentifier, RunOf(rest, 1, IsWordPart));
  if (IsDigit(first)) return token(TokenKind::kInteger, RunOf(rest, 1, IsDigit));
  if (first == '#' || first == ':') {
    const std::size_t size = RunOf(rest, 1, IsWordPart);
    if (size == 1) return token(TokenKind::kUnknown, 1);
    return token(first == '#' ? TokenKind::kName : TokenKind::kValue, size);
  }
  if (const std::size_t size = SymbolSize(rest); size > 0) return token(TokenKind::kSymbol, size);
  return token(TokenKind::kUnknown, CharacterSize(rest));
}

}  // namespace leeward::lab::items
