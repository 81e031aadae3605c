#include "lab/items/condition.h"

#include <gtest/gtest.h>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;

Placeholders Some() {
  return Placeholders(
      {{"#s", "s"}, {"#dot", "a.b"}, {"#status", "status"}},
      ItemOf(
          R"({":s":{"S":"text"},":t":{"S":"te"},":n":{"N":"5"},":m":{"N":"6"},":zero":{"N":"0"},":true":{"BOOL":true},
        ":null":{"NULL":true},":ss":{"SS":["a","b"]},":b":{"B":"AAEC"},":list":{"L":[{"N":"1"}]},":map":{"M":{}},
        ":typeS":{"S":"S"},":typeM":{"S":"M"},":a":{"S":"a"},":one":{"N":"1"},":ns":{"NS":["1"]},":b1":{"B":"AQ=="}})"));
}

const Item& Subject() {
  static const Item item = ItemOf(
      R"({"s":{"S":"text"},"n":{"N":"5"},"t":{"BOOL":true},"nul":{"NULL":true},"b":{"B":"AAEC"},"ss":{"SS":["b","a"]},
      "ns":{"NS":["1","2"]},"bs":{"BS":["AQ=="]},"l":{"L":[{"N":"1"},{"M":{"x":{"S":"deep"}}},{"SS":["a","b"]}]},
      "m":{"M":{"k":{"S":"v"},"n":{"N":"5"}}},"a.b":{"S":"dotted"},"status":{"S":"text"},"blank":{"S":""},"uni":{"S":"é𝄞𝄞"}})");
  return item;
}

bool Holds(std::string_view text) {
  Placeholders placeholders = Some();
  const auto condition = Condition::Parse("ConditionExpression", text, placeholders);
  EXPECT_TRUE(condition.ok()) << text << ": " << MessageOf(condition);
  return condition.ok() && condition->Holds(Subject());
}

// The message without "Invalid ConditionExpression: ".
std::string Refusal(std::string_view text) {
  Placeholders placeholders = Some();
  const std::string message =
      MessageOf(Condition::Parse("ConditionExpression", text, placeholders));
  constexpr std::string_view kPrefix = "Invalid ConditionExpression: ";
  EXPECT_TRUE(message.starts_with(kPrefix)) << text;
  return message.substr(std::min(kPrefix.size(), message.size()));
}

TEST(Condition, Compares) {
  EXPECT_TRUE(Holds("s = :s"));
  EXPECT_FALSE(Holds("s = :t"));
  EXPECT_TRUE(Holds("s <> :t"));
  EXPECT_TRUE(Holds("n < :m"));
  EXPECT_TRUE(Holds("n <= :n"));
  EXPECT_FALSE(Holds("n > :n"));
  EXPECT_TRUE(Holds("n >= :n"));
  EXPECT_TRUE(Holds(":n = n"));
  EXPECT_TRUE(Holds("m.n = n"));
  EXPECT_TRUE(Holds("ss = :ss")) << "sets have no order";
  EXPECT_TRUE(Holds("#status = #s"));
  EXPECT_TRUE(Holds("#dot > :a"));
}

TEST(Condition, OfDifferentTypesOnlyDiffer) {
  EXPECT_FALSE(Holds("s = :n"));
  EXPECT_TRUE(Holds("s <> :n"));
  EXPECT_FALSE(Holds("s < :n"));
  EXPECT_FALSE(Holds("s >= :n"));
  EXPECT_FALSE(Holds("t < :n"));
}

TEST(Condition, OfNothingIsFalseExceptThatItDiffers) {
  EXPECT_FALSE(Holds("nothing = :s"));
  EXPECT_FALSE(Holds("nothing < :n"));
  EXPECT_TRUE(Holds("nothing <> :s"));
  EXPECT_TRUE(Holds("NOT nothing = :s"));
  EXPECT_FALSE(Holds("nothing BETWEEN :n AND :m"));
  EXPECT_FALSE(Holds("nothing IN (:n)"));
  EXPECT_FALSE(Holds("begins_with(nothing, :s)"));
  EXPECT_FALSE(Holds("contains(nothing, :s)"));
  EXPECT_FALSE(Holds("size(nothing) > :zero"));
}

TEST(Condition, KnowsBetweenAndIn) {
  EXPECT_TRUE(Holds("n BETWEEN :one AND :n"));
  EXPECT_TRUE(Holds("n between :n and :m"));
  EXPECT_FALSE(Holds("s BETWEEN :one AND :n"));
  EXPECT_TRUE(Holds(":n BETWEEN n AND m.n"));
  EXPECT_TRUE(Holds("s IN (:n, :s)"));
  EXPECT_TRUE(Holds("s in(:n,#status)"));
  EXPECT_FALSE(Holds("s IN (:n)"));
}

TEST(Condition, KnowsItsFunctions) {
  EXPECT_TRUE(Holds("attribute_exists(s)"));
  EXPECT_TRUE(Holds("attribute_exists(l[1].x)"));
  EXPECT_FALSE(Holds("attribute_exists(l[9])"));
  EXPECT_TRUE(Holds("attribute_not_exists(nothing)"));
  EXPECT_TRUE(Holds("attribute_not_exists(s.x)"));
  EXPECT_TRUE(Holds("attribute_type(s, :typeS)"));
  EXPECT_FALSE(Holds("attribute_type(s, :typeM)"));
  EXPECT_TRUE(Holds("begins_with(s, :t)"));
  EXPECT_FALSE(Holds("begins_with(s, :b)"));
  EXPECT_TRUE(Holds("begins_with(b, :b)"));
}

TEST(Condition, FindsWhatIsContained) {
  EXPECT_TRUE(Holds("contains(s, :t)"));
  EXPECT_TRUE(Holds("contains(ss, :a)"));
  EXPECT_FALSE(Holds("contains(ss, :s)"));
  EXPECT_TRUE(Holds("contains(ns, :one)"));
  EXPECT_TRUE(Holds("contains(bs, :b1)"));
  EXPECT_TRUE(Holds("contains(b, :b1)"));
  EXPECT_TRUE(Holds("contains(l, :one)"));
  EXPECT_TRUE(Holds("contains(l, :ss)"));
  EXPECT_FALSE(Holds("contains(m, :a)"));
  EXPECT_FALSE(Holds("contains(n, :n)"));
}

TEST(Condition, Measures) {
  EXPECT_FALSE(Holds("size(s) = :n"));
  EXPECT_TRUE(Holds("size(s) < :n"));
  EXPECT_TRUE(Holds("size(l) < :n AND size(l) > :one"));
  EXPECT_TRUE(Holds("size(m.k) = :one"));
  EXPECT_TRUE(Holds("size(blank) = :zero"));
  EXPECT_TRUE(Holds("size(uni) = :n")) << "UTF-16 code units";
  EXPECT_TRUE(Holds("size(:a) = :one"));
  EXPECT_FALSE(Holds("size(n) > :zero"));
  EXPECT_TRUE(Holds("n > size(s)"));
  EXPECT_TRUE(Holds("size(s) BETWEEN :one AND :n"));
}

TEST(Condition, Combines) {
  EXPECT_TRUE(Holds("s = :t OR s = :s AND n = :n")) << "AND binds closer";
  EXPECT_FALSE(Holds("(s = :t OR s = :s) AND n = :m"));
  EXPECT_TRUE(Holds("NOT s = :t AND n = :n"));
  EXPECT_FALSE(Holds("NOT (s = :s OR n = :m)"));
  EXPECT_TRUE(Holds("not not s = :s"));
  EXPECT_TRUE(Holds("(s = :s)"));
  EXPECT_TRUE(Holds("(s) = (:s)"));
  EXPECT_TRUE(Holds("((s = :s) AND (n = :n))"));
  EXPECT_TRUE(Holds("(attribute_exists(s))"));
  EXPECT_TRUE(Holds("n BETWEEN :one AND :n AND s = :s"));
}

TEST(Condition, NamesItsPaths) {
  Placeholders placeholders = Some();
  const auto condition = Condition::Parse(
      "FilterExpression", "s = :s AND (size(m.k) > :n OR contains(l[1], #status))", placeholders);
  ASSERT_TRUE(condition.ok());
  std::string paths;
  for (const Path& path : condition->Paths()) paths += path.Text();
  EXPECT_EQ(paths, "[s][m, k][l, [1]][status]");
}

TEST(Condition, KeepsItsValues) {
  std::optional<Condition> kept;
  {
    Placeholders placeholders({}, Item{{":v", "x"}});
    kept = *Condition::Parse("ConditionExpression", "a = :v", placeholders);
  }
  EXPECT_TRUE(kept->Holds(Item{{"a", "x"}}));
}

TEST(ConditionErrors, SayWhichExpressionItIs) {
  Placeholders placeholders;
  EXPECT_EQ(MessageOf(Condition::Parse("FilterExpression", "", placeholders)),
            "Invalid FilterExpression: The expression can not be empty;");
  EXPECT_EQ(Refusal(""), "The expression can not be empty;");
  EXPECT_EQ(Refusal(std::string(4097, 'a')),
            "Expression size has exceeded the maximum allowed size; expression size: 4097");
}

TEST(ConditionErrors, ShowWhereTheSyntaxEnds) {
  EXPECT_EQ(Refusal("a"), "Syntax error; token: \"<EOF>\", near: \"a\"");
  EXPECT_EQ(Refusal("a ="), "Syntax error; token: \"<EOF>\", near: \"=\"");
  EXPECT_EQ(Refusal("a = = :v"), "Syntax error; token: \"=\", near: \"= = :v\"");
  EXPECT_EQ(Refusal("a b"), "Syntax error; token: \"b\", near: \"a b\"");
  EXPECT_EQ(Refusal("hits : incr"), "Syntax error; token: \":\", near: \"hits : incr\"");
  EXPECT_EQ(Refusal("= a"), "Syntax error; token: \"=\", near: \"= a\"");
  EXPECT_EQ(Refusal("a = :s AND"), "Syntax error; token: \"<EOF>\", near: \"AND\"");
  EXPECT_EQ(Refusal("a = :s and or b"), "Syntax error; token: \"or\", near: \"and or b\"");
  EXPECT_EQ(Refusal("(a = :s"), "Syntax error; token: \"<EOF>\", near: \":s\"");
  EXPECT_EQ(Refusal("a = :s)"), "Syntax error; token: \")\", near: \":s)\"");
  EXPECT_EQ(Refusal("a.0 = :s"), "Syntax error; token: \"0\", near: \".0 =\"");
  EXPECT_EQ(Refusal("a[b] = :s"), "Syntax error; token: \"b\", near: \"[b]\"");
  EXPECT_EQ(Refusal("a = 5"), "Syntax error; token: \"5\", near: \"= 5\"");
  EXPECT_EQ(Refusal("a = 'x'"), "Syntax error; token: \"'\", near: \"= 'x\"");
  EXPECT_EQ(Refusal("a == :s"), "Syntax error; token: \"=\", near: \"== :s\"");
  EXPECT_EQ(Refusal("a BETWEEN :n OR :m"), "Syntax error; token: \"OR\", near: \":n OR :m\"");
  EXPECT_EQ(Refusal("a IN ()"), "Syntax error; token: \")\", near: \"()\"");
  EXPECT_EQ(Refusal("  "), "Syntax error; token: \"<EOF>\", near: \"\"");
  EXPECT_EQ(Refusal(":s"), "Syntax error; token: \"<EOF>\", near: \":s\"");
  EXPECT_EQ(Refusal("a = #"), "Syntax error; token: \"#\", near: \"= #\"");
}

TEST(ConditionErrors, RefuseReservedWordsAndUndefinedPlaceholders) {
  EXPECT_EQ(Refusal("status = :s"),
            "Attribute name is a reserved keyword; reserved keyword: status");
  EXPECT_EQ(Refusal("a.Size = :s"), "Attribute name is a reserved keyword; reserved keyword: Size");
  EXPECT_EQ(Refusal("#x = :s"),
            "An expression attribute name used in the document path is not defined; attribute "
            "name: #x");
  EXPECT_EQ(Refusal("a = :x"),
            "An expression attribute value used in expression is not defined; attribute value: :x");
  EXPECT_EQ(Refusal("a = :x AND #x = :s"),
            "An expression attribute value used in expression is not defined; attribute value: :x");
}

TEST(ConditionErrors, RefuseMisusedFunctions) {
  EXPECT_EQ(Refusal("beginsWith(a, :s)"), "Invalid function name; function: beginsWith");
  EXPECT_EQ(Refusal("Attribute_exists(a)"), "Invalid function name; function: Attribute_exists");
  EXPECT_EQ(Refusal("size(a)"),
            "The function is not allowed to be used this way in an expression; function: size");
  EXPECT_EQ(Refusal("a = attribute_exists(b)"),
            "The function is not allowed to be used this way in an expression; function: "
            "attribute_exists");
  EXPECT_EQ(Refusal("contains(a, :s) = :true"),
            "The function is not allowed to be used this way in an expression; function: contains");
  EXPECT_EQ(Refusal("if_not_exists(a, :s) = :s"),
            "The function is not allowed in a condition expression; function: if_not_exists");
  EXPECT_EQ(Refusal("list_append(a, :list)"),
            "The function is not allowed in a condition expression; function: list_append");
}

TEST(ConditionErrors, RefuseWrongOperands) {
  EXPECT_EQ(Refusal("attribute_exists(a, b)"),
            "Incorrect number of operands for operator or function; operator or function: "
            "attribute_exists, number of operands: 2");
  EXPECT_EQ(Refusal("begins_with(a)"),
            "Incorrect number of operands for operator or function; operator or function: "
            "begins_with, number of operands: 1");
  EXPECT_EQ(Refusal("attribute_not_exists(:s)"),
            "Operator or function requires a document path; operator or function: "
            "attribute_not_exists");
  const std::string type =
      "Incorrect operand type for operator or function; operator or function: ";
  EXPECT_EQ(Refusal("begins_with(a, :n)"), type + "begins_with, operand type: N");
  EXPECT_EQ(Refusal("a < :true"), type + "<, operand type: BOOL");
  EXPECT_EQ(Refusal("a >= :ss"), type + ">=, operand type: SS");
  EXPECT_EQ(Refusal("a BETWEEN :null AND :n"), type + "BETWEEN, operand type: NULL");
  EXPECT_EQ(Refusal("size(:n) = :n"), type + "size, operand type: N");
  EXPECT_EQ(Refusal("size(size(a)) = :n"), type + "size, operand type: N");
  EXPECT_EQ(Refusal("attribute_type(a, :n)"), type + "attribute_type, operand type: N");
  EXPECT_EQ(Refusal("attribute_type(a, :s)"),
            "Invalid attribute type name found; type: text, valid types: "
            "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
}

TEST(ConditionErrors, RefuseBoundsInTheWrongOrder) {
  EXPECT_EQ(
      Refusal("a BETWEEN :m AND :n"),
      "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
      "lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:5}");
  EXPECT_EQ(Refusal("a BETWEEN :n AND :s"),
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound "
            "operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {S:text}");
}

TEST(ConditionErrors, RefuseTheSameTwice) {
  EXPECT_EQ(Refusal("contains(a.b, a.b)"),
            "The first operand must be distinct from the remaining operands for this operator or "
            "function; operator: contains, first operand: [a, b]");
  EXPECT_EQ(Refusal("s = #s"),
            "The first operand must be distinct from the remaining operands for this operator or "
            "function; operator: =, first operand: [s]");
}

TEST(ConditionErrors, RefuseSuperfluousParentheses) {
  constexpr auto kMessage = "The expression has redundant parentheses;";
  EXPECT_EQ(Refusal("((a = :s))"), kMessage);
  EXPECT_EQ(Refusal("((a)) = :s"), kMessage);
  EXPECT_EQ(Refusal("b = :s AND ((a = :s AND c = :s))"), kMessage);
  EXPECT_EQ(Refusal(std::string(2000, '(')), kMessage) << "and the stack lives";
  std::string nots;
  for (int i = 0; i < 700; ++i) nots += "NOT (";
  EXPECT_EQ(Refusal(nots), kMessage);
}

TEST(ConditionErrors, HaveAnOrder) {
  EXPECT_EQ(Refusal("status = :x AND foo(a) AND ((b = :n)) AND a ="),
            "Syntax error; token: \"<EOF>\", near: \"=\"");
  EXPECT_EQ(Refusal("status = :x AND foo(a) AND ((b = :n))"),
            "The expression has redundant parentheses;");
  EXPECT_EQ(Refusal("status = :x AND foo(a)"), "Invalid function name; function: foo");
  EXPECT_EQ(Refusal("a = :x AND a < :true AND status = :n"),
            "Attribute name is a reserved keyword; reserved keyword: status");
  EXPECT_EQ(Refusal("a < :true AND b = :x"),
            "An expression attribute value used in expression is not defined; attribute value: :x");
}

TEST(ConditionErrors, BoundTheNumberOfOperatorsAndOperands) {
  std::string in = "a IN (:n";
  for (int i = 0; i < 99; ++i) in += ",:n";
  EXPECT_TRUE(Holds(in + ") OR s = :s"));
  EXPECT_EQ(Refusal(in + ",:n)"),
            "The IN operator is provided with too many operands; number of operands: 101");
  std::string many = "a=:n";  // 299 operators, then 300
  for (int i = 0; i < 149; ++i) many += " OR a=:n";
  EXPECT_TRUE(Holds("NOT " + many)) << "a is not there";
  EXPECT_EQ(Refusal(many + " OR a=:n"),
            "The expression contains too many operators; operator count: 301");
}

}  // namespace
}  // namespace leeward::lab::items
