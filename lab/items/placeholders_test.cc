#include "lab/items/placeholders.h"

#include <gtest/gtest.h>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using Expressions = Placeholders::Expressions;
using testing::MessageOf;
using testing::Parsed;

std::string NamesRefused(std::string_view names) {
  const auto json = Parsed(names);
  return MessageOf(Placeholders::FromJson(&json, nullptr, Expressions::kSome, ""));
}

std::string ValuesRefused(std::string_view values) {
  const auto json = Parsed(values);
  return MessageOf(Placeholders::FromJson(nullptr, &json, Expressions::kSome, ""));
}

TEST(Placeholders, StandForNamesAndValues) {
  const auto names = Parsed(R"({"#b":"bee","#a":"ay"})");
  const auto values = Parsed(R"({":v":{"S":"x"}})");
  auto placeholders = Placeholders::FromJson(&names, &values, Expressions::kSome, "");
  ASSERT_TRUE(placeholders.ok());
  EXPECT_EQ(*placeholders->UseName("#a"), "ay");
  EXPECT_EQ(placeholders->UseName("#c"), nullptr);
  EXPECT_EQ(*placeholders->UseValue(":v")->s(), "x");
  EXPECT_EQ(placeholders->UseValue(":w"), nullptr);
}

TEST(Placeholders, MustAllBeUsed) {
  Placeholders placeholders({{"#b", "x"}, {"#a", "y"}}, Item{{":w", true}, {":v", true}});
  EXPECT_EQ(MessageOf(placeholders.CheckAllUsed()),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}");
  placeholders.UseName("#a");
  placeholders.UseName("#b");
  placeholders.UseValue(":v");
  EXPECT_EQ(MessageOf(placeholders.CheckAllUsed()),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}");
  placeholders.UseValue(":w");
  EXPECT_EQ(MessageOf(placeholders.CheckAllUsed()), "");
}

TEST(Placeholders, NeedExpressions) {
  const auto json = Parsed("{}");
  const auto null = Parsed("null");
  EXPECT_EQ(MessageOf(Placeholders::FromJson(&json, nullptr, Expressions::kNone, "")),
            "ExpressionAttributeNames can only be specified when using expressions");
  EXPECT_EQ(MessageOf(Placeholders::FromJson(&json, &json, Expressions::kNone,
                                             "ConditionExpression is null")),
            "ExpressionAttributeNames can only be specified when using expressions");
  EXPECT_EQ(MessageOf(Placeholders::FromJson(nullptr, &json, Expressions::kNone,
                                             "ConditionExpression is null")),
            "ExpressionAttributeValues can only be specified when using expressions: "
            "ConditionExpression is null");
  EXPECT_EQ(MessageOf(Placeholders::FromJson(nullptr, &json, Expressions::kSome,
                                             "FilterExpression is null")),
            "ExpressionAttributeValues can only be specified when using expressions: "
            "FilterExpression is null");
  EXPECT_TRUE(Placeholders::FromJson(&null, &null, Expressions::kNone, "x").ok());
}

TEST(Placeholders, HaveWellFormedKeys) {
  EXPECT_EQ(NamesRefused("{}"), "ExpressionAttributeNames must not be empty");
  for (const std::string key : {"", "a", "#", "#a-b", ":a", "#é"}) {
    EXPECT_EQ(NamesRefused("{\"" + key + "\":\"x\"}"),
              "ExpressionAttributeNames contains invalid key: Syntax error; key: \"" + key + "\"");
  }
  EXPECT_EQ(ValuesRefused("{}"), "ExpressionAttributeValues must not be empty");
  EXPECT_EQ(ValuesRefused(R"({"v":{"S":"x"}})"),
            "ExpressionAttributeValues contains invalid key: Syntax error; key: \"v\"");
}

TEST(Placeholders, HaveGoodValues) {
  EXPECT_EQ(ValuesRefused(R"({":v":{}})"),
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, "
            "must contain exactly one of the supported datatypes for key :v");
  EXPECT_EQ(ValuesRefused(R"({":v":{"N":"b"}})"),
            "ExpressionAttributeValues contains invalid value: The parameter cannot be converted "
            "to a numeric value: b for key :v");
  EXPECT_EQ(ValuesRefused(R"({":v":"x"})"), "Unexpected value type in payload");
  EXPECT_EQ(ValuesRefused(R"([])"),
            "Unrecognized collection type java.util.Map<java.lang.String, "
            "com.amazonaws.dynamodb.v20120810.AttributeValue>");
  EXPECT_EQ(NamesRefused(R"({"#a":1})"), "NUMBER_VALUE cannot be converted to String");
  EXPECT_EQ(NamesRefused(R"("x")"), "Unexpected field type");
}

TEST(Placeholders, ReferenceNothingWhenThereAreNone) {
  Placeholders none;
  EXPECT_EQ(none.UseName("#a"), nullptr);
  EXPECT_EQ(none.UseValue(":a"), nullptr);
  EXPECT_TRUE(none.CheckAllUsed().ok());
}

}  // namespace
}  // namespace leeward::lab::items
