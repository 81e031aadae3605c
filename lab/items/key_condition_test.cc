#include "lab/items/key_condition.h"

#include <gtest/gtest.h>

#include <vector>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;

const KeySchema kHash{{"pk", Type::kS}, std::nullopt};
const KeySchema kNumbers{{"pk", Type::kS}, KeyPart{"sk", Type::kN}};
const KeySchema kTexts{{"pk", Type::kS}, KeyPart{"sk", Type::kS}};

Placeholders Some() {
  return Placeholders(
      {{"#sk", "sk"}},
      ItemOf(
          R"({":p":{"S":"p"},":one":{"N":"1"},":two":{"N":"2"},":a":{"S":"a"},":b":{"S":"b"},":empty":{"S":""},":l":{"L":[]}})"));
}

Outcome<KeyCondition> Analyzed(const KeySchema& schema, std::string_view text) {
  Placeholders placeholders = Some();
  ASSIGN_OR_RETURN(const KeyConditionForm form, KeyConditionForm::Parse(text, placeholders));
  return form.For(schema);
}

std::string Refusal(const KeySchema& schema, std::string_view text) {
  return MessageOf(Analyzed(schema, text));
}

// Which of some sort keys the condition takes; both by asking it and by the bytes of the keys.
std::string Taken(std::string_view text) {
  const auto condition = Analyzed(kTexts, text);
  EXPECT_TRUE(condition.ok()) << MessageOf(condition);
  if (!condition.ok()) return "";
  const KeyCondition::Bytes range = condition->Range("prefix");
  std::string taken;
  for (const std::string sort : {"!", "a", "aa", "ab", "b", "ba", "c"}) {
    std::string key = "prefix";
    AppendKey(kTexts, Item{{"pk", "p"}, {"sk", sort}}, key);
    // An index has more behind.
    const bool inside = range.begin <= key && (range.end.empty() || key + "\xFF" < range.end);
    EXPECT_EQ(inside, !condition->range || condition->range->Holds(sort)) << sort;
    if (inside) taken += sort + " ";
    for (const std::string other : {"o", "p ", "q", ""}) {
      std::string elsewhere = "prefix";
      AppendKey(kTexts, Item{{"pk", other}, {"sk", sort}}, elsewhere);
      EXPECT_FALSE(range.begin <= elsewhere && elsewhere < range.end) << other;
    }
  }
  return taken;
}

TEST(KeyCondition, TakesAPartition) {
  EXPECT_EQ(Taken("pk = :p"), "! a aa ab b ba c ");
  EXPECT_EQ(Taken("(pk = :p)"), "! a aa ab b ba c ");
  EXPECT_EQ(Taken(":p = pk"), "! a aa ab b ba c ");
}

TEST(KeyCondition, TakesARangeOfSortKeys) {
  EXPECT_EQ(Taken("pk = :p AND sk = :a"), "a ");
  EXPECT_EQ(Taken("sk < :b and pk = :p"), "! a aa ab ");
  EXPECT_EQ(Taken("pk = :p AND sk <= :b"), "! a aa ab b ");
  EXPECT_EQ(Taken("pk = :p AND sk > :a"), "aa ab b ba c ");
  EXPECT_EQ(Taken("pk = :p AND #sk >= :a"), "a aa ab b ba c ");
  EXPECT_EQ(Taken("pk = :p AND :a <= sk"), "a aa ab b ba c ");
  EXPECT_EQ(Taken("pk = :p AND :b > sk"), "! a aa ab ");
  EXPECT_EQ(Taken("pk = :p AND sk BETWEEN :a AND :b"), "a aa ab b ");
  EXPECT_EQ(Taken("pk = :p AND begins_with(sk, :a)"), "a aa ab ");
  EXPECT_EQ(Taken("(pk = :p) AND (begins_with(sk, :empty))"), "! a aa ab b ba c ");
}

TEST(KeyCondition, TakesNumbers) {
  const auto condition = Analyzed(kNumbers, "pk = :p AND sk BETWEEN :one AND :two");
  ASSERT_TRUE(condition.ok());
  EXPECT_TRUE(condition->range->Holds(Attribute::N("1.5")));
  EXPECT_FALSE(condition->range->Holds(Attribute::N("2.5")));
  EXPECT_FALSE(condition->range->Holds("a"));
}

TEST(KeyConditionErrors, ComeFromTheTextFirst) {
  EXPECT_EQ(Refusal(kHash, ""), "Invalid KeyConditionExpression: The expression can not be empty;");
  EXPECT_EQ(Refusal(kHash, "pk = "),
            "Invalid KeyConditionExpression: Syntax error; token: \"<EOF>\", near: \"=\"");
  EXPECT_EQ(Refusal(kHash, "pk = :x"),
            "Invalid KeyConditionExpression: An expression attribute value used in expression is "
            "not defined; attribute value: :x");
  EXPECT_EQ(Refusal(kHash, "beginsWith(pk, :p)"),
            "Invalid KeyConditionExpression: Invalid function name; function: beginsWith");
  EXPECT_EQ(Refusal(kNumbers, "pk = :p AND begins_with(sk, :one)"),
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: begins_with, operand type: N");
}

TEST(KeyConditionErrors, NameOperatorsThatNoQueryTakes) {
  const std::string prefix = "Invalid operator used in KeyConditionExpression: ";
  EXPECT_EQ(Refusal(kHash, "pk = :p OR pk = :a"), prefix + "OR");
  EXPECT_EQ(Refusal(kHash, "NOT pk = :p"), prefix + "NOT");
  EXPECT_EQ(Refusal(kHash, "pk <> :p"), prefix + "<>");
  EXPECT_EQ(Refusal(kHash, "pk IN (:p)"), prefix + "IN");
  EXPECT_EQ(Refusal(kHash, "pk = :p AND attribute_exists(sk)"), prefix + "attribute_exists");
  EXPECT_EQ(Refusal(kHash, "contains(pk, :p)"), prefix + "contains");
  EXPECT_EQ(Refusal(kHash, "size(pk) = :one"), prefix + "size");
}

TEST(KeyConditionErrors, WantOneNameInEachCondition) {
  const std::string prefix = "Invalid condition in KeyConditionExpression: ";
  EXPECT_EQ(Refusal(kHash, "pk = sk"), prefix + "Multiple attribute names used in one condition");
  EXPECT_EQ(Refusal(kHash, ":p = :a"), prefix + "No key attribute specified");
  EXPECT_EQ(Refusal(kHash, ":p BETWEEN pk AND :b"),
            prefix + "BETWEEN operator must have the key attribute as its first operand");
  EXPECT_EQ(Refusal(kHash, "begins_with(:p, pk)"),
            prefix + "begins_with operator must have the key attribute as its first operand");
  EXPECT_EQ(Refusal(kHash, "pk.a = :p"),
            "KeyConditionExpressions cannot have conditions on nested attributes");
  EXPECT_EQ(Refusal(kHash, "pk = :p AND pk = :a"),
            "KeyConditionExpressions must only contain one condition per key");
}

TEST(KeyConditionErrors, ComeFromTheSchemaThen) {
  EXPECT_EQ(Refusal(kHash, "a = :p"), "Query condition missed key schema element: pk");
  EXPECT_EQ(Refusal(kHash, "pk = :p AND sk = :one"), "Query key condition not supported");
  EXPECT_EQ(Refusal(kNumbers, "pk = :p AND a = :one"),
            "Query condition missed key schema element: sk");
  EXPECT_EQ(Refusal(kNumbers, "pk = :p AND sk = :one AND a = :one"),
            "Conditions can be of length 1 or 2 only");
  EXPECT_EQ(Refusal(kHash, "pk > :p"), "Query key condition not supported");
  EXPECT_EQ(Refusal(kHash, "pk = :one"),
            "One or more parameter values were invalid: Condition parameter type does not match "
            "schema type");
  EXPECT_EQ(Refusal(kNumbers, "pk = :p AND sk = :a"),
            "One or more parameter values were invalid: Condition parameter type does not match "
            "schema type");
  EXPECT_EQ(Refusal(kHash, "pk = :empty"),
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: pk");
}

TEST(KeyConditionErrors, CatchBoundsOfTheOldParameters) {
  const KeyConditionForm form(
      {{"pk", KeyOperator::kEqual, "p", {}}, {"sk", KeyOperator::kBetween, "b", "a"}});
  EXPECT_EQ(MessageOf(form.For(kTexts)),
            "The BETWEEN condition was provided a range where the lower bound is greater than the "
            "upper bound");
  EXPECT_EQ(MessageOf(KeyConditionForm({}).For(kTexts)), "Conditions can be of length 1 or 2 only");
}

}  // namespace
}  // namespace leeward::lab::items
