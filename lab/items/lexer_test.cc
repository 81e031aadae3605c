#include "lab/items/lexer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace leeward::lab::items {
namespace {

std::vector<std::string> Texts(std::string_view expression) {
  std::vector<std::string> texts;
  std::size_t at = 0;
  while (true) {
    const Token token = NextToken(expression, at);
    if (token.kind == TokenKind::kEnd) return texts;
    texts.emplace_back(token.text);
    at = static_cast<std::size_t>(token.text.data() - expression.data()) + token.text.size();
  }
}

TEST(Lexer, SplitsAnExpression) {
  EXPECT_EQ(
      Texts("SET #a.b[12]=:v1+c_2 ,x<>y<=z>=(w)\n<\t>"),
      (std::vector<std::string>{"SET", "#a", ".", "b",  "[", "12", "]", "=", ":v1", "+", "c_2", ",",
                                "x",   "<>", "y", "<=", "z", ">=", "(", "w", ")",   "<", ">"}));
  EXPECT_TRUE(Texts(" \n").empty());
}

TEST(Lexer, TellsKinds) {
  EXPECT_EQ(NextToken("a1", 0).kind, TokenKind::kIdentifier);
  EXPECT_EQ(NextToken("_", 0).kind, TokenKind::kIdentifier);
  EXPECT_EQ(NextToken("1a", 0).text, "1");
  EXPECT_EQ(NextToken("#1", 0).kind, TokenKind::kName);
  EXPECT_EQ(NextToken(":_", 0).kind, TokenKind::kValue);
  for (const std::string_view bad : {"#", ":", "!", "\"", "é", "$", "\xC3"}) {
    EXPECT_EQ(NextToken(bad, 0).kind, TokenKind::kUnknown) << bad;
    EXPECT_EQ(NextToken(bad, 0).text, bad);
  }
}

TEST(Lexer, TakesKeywordsInAnyCase) {
  EXPECT_TRUE(NextToken("Between", 0).IsWord("BETWEEN"));
  EXPECT_FALSE(NextToken("Betwee", 0).IsWord("BETWEEN"));
  EXPECT_FALSE(NextToken(":and", 0).IsWord("AND"));
}

}  // namespace
}  // namespace leeward::lab::items
