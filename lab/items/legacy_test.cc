#include "lab/items/legacy.h"

#include <gtest/gtest.h>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;
using testing::Parsed;

const std::string kInvalid = "One or more parameter values were invalid: ";
const char* const kItem =
    R"({"s":{"S":"text"},"n":{"N":"5"},"ss":{"SS":["a","b"]},"l":{"L":[{"N":"1"}]},"m":{"M":{"k":{"S":"v"}}}})";

bool ExpectedHolds(std::string_view expected, std::string_view op = "") {
  const auto condition = ConditionFromExpected(Parsed(expected), op);
  EXPECT_TRUE(condition.ok()) << expected << MessageOf(condition);
  return condition.ok() && condition->Holds(ItemOf(kItem));
}

bool FilterHolds(std::string_view op, std::string_view values, std::string_view name = "s") {
  const std::string json = "{\"" + std::string(name) + "\":{\"ComparisonOperator\":\"" +
                           std::string(op) + "\",\"AttributeValueList\":[" + std::string(values) +
                           "]}}";
  const auto condition = ConditionFromFilter(Parsed(json), "");
  EXPECT_TRUE(condition.ok()) << json << MessageOf(condition);
  return condition.ok() && condition->Holds(ItemOf(kItem));
}

std::string ExpectedRefused(std::string_view entry) {
  return MessageOf(ConditionFromExpected(Parsed("{\"a\":" + std::string(entry) + "}"), ""));
}

std::string FilterRefused(std::string_view entry) {
  return MessageOf(ConditionFromFilter(Parsed("{\"a\":" + std::string(entry) + "}"), ""));
}

TEST(Mix, IsRefused) {
  EXPECT_TRUE(CheckNoMix({"AttributesToGet"}, {}).ok());
  EXPECT_TRUE(CheckNoMix({}, {"ProjectionExpression"}).ok());
  EXPECT_EQ(MessageOf(CheckNoMix({"AttributesToGet"}, {"ProjectionExpression"})),
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {AttributesToGet} Expression parameters: "
            "{ProjectionExpression}");
  EXPECT_EQ(MessageOf(CheckNoMix({"Expected", "ConditionalOperator"},
                                 {"UpdateExpression", "ConditionExpression"})),
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {Expected, ConditionalOperator} Expression parameters: "
            "{UpdateExpression, ConditionExpression}");
}

TEST(Expected, ComparesValues) {
  EXPECT_TRUE(ExpectedHolds(R"({"s":{"Value":{"S":"text"}}})"));
  EXPECT_TRUE(ExpectedHolds(R"({"s":{"Value":{"S":"text"},"Exists":true}})"));
  EXPECT_FALSE(ExpectedHolds(R"({"s":{"Value":{"S":"other"}}})"));
  EXPECT_FALSE(ExpectedHolds(R"({"s":{"Exists":false}})"));
  EXPECT_TRUE(ExpectedHolds(R"({"z":{"Exists":false}})"));
  EXPECT_TRUE(ExpectedHolds(R"({"n":{"ComparisonOperator":"LT","Value":{"N":"6"}}})"));
  EXPECT_TRUE(ExpectedHolds("{}"));
}

TEST(Expected, CombinesByTheOperator) {
  const char* const both = R"({"s":{"Value":{"S":"text"}},"n":{"Value":{"N":"6"}}})";
  EXPECT_FALSE(ExpectedHolds(both));
  EXPECT_FALSE(ExpectedHolds(both, "AND"));
  EXPECT_TRUE(ExpectedHolds(both, "OR"));
}

TEST(Filter, KnowsEachOperator) {
  EXPECT_TRUE(FilterHolds("EQ", R"({"S":"text"})"));
  EXPECT_TRUE(FilterHolds("NE", R"({"S":"other"})"));
  EXPECT_TRUE(FilterHolds("NE", R"({"S":"other"})", "z"));
  EXPECT_TRUE(FilterHolds("LE", R"({"N":"5"})", "n"));
  EXPECT_FALSE(FilterHolds("LT", R"({"N":"5"})", "n"));
  EXPECT_TRUE(FilterHolds("GE", R"({"N":"5"})", "n"));
  EXPECT_FALSE(FilterHolds("GT", R"({"N":"5"})", "n"));
  EXPECT_TRUE(FilterHolds("NOT_NULL", ""));
  EXPECT_FALSE(FilterHolds("NULL", ""));
  EXPECT_TRUE(FilterHolds("NULL", "", "z"));
  EXPECT_TRUE(FilterHolds("CONTAINS", R"({"S":"ex"})"));
  EXPECT_TRUE(FilterHolds("CONTAINS", R"({"S":"a"})", "ss"));
  EXPECT_TRUE(FilterHolds("NOT_CONTAINS", R"({"S":"xx"})"));
  EXPECT_FALSE(FilterHolds("NOT_CONTAINS", R"({"S":"ex"})"));
  EXPECT_FALSE(FilterHolds("NOT_CONTAINS", R"({"S":"ex"})", "z"));
  EXPECT_TRUE(FilterHolds("BEGINS_WITH", R"({"S":"te"})"));
  EXPECT_TRUE(FilterHolds("IN", R"({"S":"a"},{"S":"text"})"));
  EXPECT_FALSE(FilterHolds("IN", R"({"S":"a"})"));
  EXPECT_TRUE(FilterHolds("BETWEEN", R"({"N":"1"},{"N":"5"})", "n"));
  EXPECT_TRUE(FilterHolds("EQ", R"({"M":{"k":{"S":"v"}}})", "m"));
}

TEST(Filter, NamesItsPaths) {
  const auto condition = ConditionFromFilter(
      Parsed(R"({"a":{"ComparisonOperator":"NULL"},"b.c":{"ComparisonOperator":"NOT_NULL"}})"), "");
  ASSERT_EQ(condition->Paths().size(), 2U);
  EXPECT_EQ(condition->Paths()[1], (Path{"b.c", {}})) << "names, not paths";
}

TEST(ExpectedErrors, NameTheAttribute) {
  EXPECT_EQ(ExpectedRefused("{}"),
            kInvalid + "Value must be provided when Exists is null for Attribute: a");
  EXPECT_EQ(ExpectedRefused(R"({"Exists":true})"),
            kInvalid + "Value must be provided when Exists is true for Attribute: a");
  EXPECT_EQ(ExpectedRefused(R"({"Exists":false,"Value":{"S":"a"}})"),
            kInvalid + "Value cannot be used when Exists is false for Attribute: a");
  EXPECT_EQ(ExpectedRefused(R"({"Exists":true,"ComparisonOperator":"EQ"})"),
            kInvalid + "Exists and ComparisonOperator cannot be used together for Attribute: a");
  EXPECT_EQ(
      ExpectedRefused(R"({"AttributeValueList":[],"Exists":true})"),
      kInvalid + "AttributeValueList can only be used with a ComparisonOperator for Attribute: a");
  EXPECT_EQ(
      ExpectedRefused(
          R"({"ComparisonOperator":"EQ","Value":{"S":"a"},"AttributeValueList":[{"S":"a"}]})"),
      kInvalid + "Value and AttributeValueList cannot be used together for Attribute: a");
  EXPECT_EQ(ExpectedRefused(R"({"ComparisonOperator":"LT"})"),
            kInvalid +
                "Value or AttributeValueList must be used with ComparisonOperator: LT for "
                "Attribute: a");
  EXPECT_EQ(ExpectedRefused(R"({"ComparisonOperator":"NULL"})"), "");
}

TEST(FilterErrors, CountAndLookAtValues) {
  EXPECT_EQ(FilterRefused(R"({"ComparisonOperator":"EQ","AttributeValueList":[]})"),
            kInvalid + "Invalid number of argument(s) for the EQ ComparisonOperator");
  EXPECT_EQ(FilterRefused(R"({"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"1"}]})"),
            kInvalid + "Invalid number of argument(s) for the BETWEEN ComparisonOperator");
  EXPECT_EQ(FilterRefused(R"({"ComparisonOperator":"IN","AttributeValueList":[]})"),
            kInvalid + "Invalid number of argument(s) for the IN ComparisonOperator");
  EXPECT_EQ(FilterRefused(R"({"ComparisonOperator":"NULL","AttributeValueList":[{"N":"1"}]})"),
            kInvalid + "Invalid number of argument(s) for the NULL ComparisonOperator");
  EXPECT_EQ(
      FilterRefused(R"({"ComparisonOperator":"IN","AttributeValueList":[{"N":"1"},{"S":"1"}]})"),
      kInvalid + "AttributeValues inside AttributeValueList must be of same type");
  EXPECT_EQ(FilterRefused(R"({"ComparisonOperator":"LT","AttributeValueList":[{"SS":["1"]}]})"),
            kInvalid + "ComparisonOperator LT is not valid for SS AttributeValue type");
  EXPECT_EQ(
      FilterRefused(R"({"ComparisonOperator":"BEGINS_WITH","AttributeValueList":[{"N":"1"}]})"),
      kInvalid + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type");
  EXPECT_EQ(FilterRefused(
                R"({"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"2"},{"N":"1"}]})"),
            "The BETWEEN condition was provided a range where the lower bound is greater than the "
            "upper bound");
}

TEST(FilterErrors, PutValuesFirst) {
  EXPECT_EQ(
      MessageOf(
          ConditionFromFilter(Parsed(R"({"a":{"ComparisonOperator":"EQ","AttributeValueList":[]},
                  "b":{"ComparisonOperator":"EQ","AttributeValueList":[{}]}})"),
                              "")),
      "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  EXPECT_EQ(FilterRefused(R"({"ComparisonOperator":1})"),
            "NUMBER_VALUE cannot be converted to String");
  EXPECT_EQ(FilterRefused(R"([])"),
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.Condition");
}

TEST(ConditionalOperator, NeedsTwoConditions) {
  EXPECT_TRUE(CheckConditionalOperator("", 0).ok());
  EXPECT_TRUE(CheckConditionalOperator("OR", 2).ok());
  EXPECT_EQ(MessageOf(CheckConditionalOperator("OR", 0)),
            "ConditionalOperator cannot be used without Filter or Expected");
  EXPECT_EQ(
      MessageOf(CheckConditionalOperator("AND", 1)),
      "ConditionalOperator can only be used when Filter or Expected has two or more elements");
}

TEST(KeyConditions, BecomeTheSameForm) {
  const KeySchema schema{{"pk", Type::kS}, KeyPart{"sk", Type::kN}};
  const auto form = KeyConditionsFromJson(
      Parsed(R"({"sk":{"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"1"},{"N":"2"}]},
      "pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"p"}]}})"));
  ASSERT_TRUE(form.ok());
  const auto condition = form->For(schema);
  ASSERT_TRUE(condition.ok());
  EXPECT_EQ(*condition->hash.s(), "p");
  EXPECT_TRUE(condition->range->Holds(Attribute::N("2")));
  EXPECT_FALSE(condition->range->Holds(Attribute::N("3")));
}

TEST(KeyConditions, RefuseOperatorsThatNoQueryTakes) {
  for (const std::string op : {"NE", "CONTAINS", "IN"}) {
    EXPECT_EQ(MessageOf(KeyConditionsFromJson(Parsed(R"({"pk":{"ComparisonOperator":")" + op +
                                                     R"(","AttributeValueList":[{"S":"p"}]}})"))),
              "Attempted conditional constraint is not an indexable operation");
  }
}

TEST(AttributeUpdates, PutAddAndDelete) {
  const auto updated = [](std::string_view updates, std::string_view item) {
    const auto update = UpdateFromAttributeUpdates(Parsed(updates));
    EXPECT_TRUE(update.ok()) << MessageOf(update);
    const auto after = update->Apply(ItemOf(item));
    return after.ok() ? ToJson(*after) : after.error().message;
  };
  const char* const item = R"({"n":{"N":"5"},"s":{"S":"old"},"ss":{"SS":["a","b"]},"l":{"L":[]}})";
  EXPECT_EQ(updated(R"({"s":{"Value":{"S":"new"}},"n":{"Action":"ADD","Value":{"N":"1"}},
      "ss":{"Action":"DELETE","Value":{"SS":["a"]}},"l":{"Action":"DELETE"},"z.z":{"Action":"PUT","Value":{"BOOL":true}}})",
                    item),
            R"({"n":{"N":"6"},"s":{"S":"new"},"ss":{"SS":["b"]},"z.z":{"BOOL":true}})");
  EXPECT_EQ(
      updated(R"({"l":{"Action":"ADD","Value":{"L":[{"S":"x"}]}}})", R"({"l":{"L":[{"S":"w"}]}})"),
      R"({"l":{"L":[{"S":"w"},{"S":"x"}]}})");
  EXPECT_EQ(updated(R"({"ss":{"Action":"DELETE","Value":{"SS":["a","b"]}}})", item),
            R"({"l":{"L":[]},"n":{"N":"5"},"s":{"S":"old"}})");
  EXPECT_EQ(updated(R"({"s":{"Action":"ADD","Value":{"N":"1"}}})", item),
            "Type mismatch for attribute to update");
}

TEST(AttributeUpdates, KeepTheirOwnValuesWhenOneNameStandsTwice) {
  const auto update = UpdateFromAttributeUpdates(
      Parsed(R"({"a":{"Action":"DELETE","Value":{"SS":["x"]}},"a":{"Value":{"N":"1"}}})"));
  ASSERT_TRUE(update.ok());
  EXPECT_EQ(MessageOf(update->Apply(ItemOf(R"({"a":{"N":"2"}})"))),
            "Type mismatch for attribute to update");
}

TEST(AttributeUpdates, RefuseWhatTheActionDoesNotTake) {
  const auto refused = [](std::string_view update) {
    return MessageOf(UpdateFromAttributeUpdates(Parsed("{\"a\":" + std::string(update) + "}")));
  };
  EXPECT_EQ(refused("{}"),
            kInvalid + "Only DELETE action is allowed when no attribute value is specified");
  EXPECT_EQ(refused(R"({"Action":"ADD"})"),
            kInvalid + "Only DELETE action is allowed when no attribute value is specified");
  EXPECT_EQ(refused(R"({"Action":"DELETE","Value":{"N":"1"}})"),
            kInvalid + "DELETE action with value is not supported for the type N");
  EXPECT_EQ(refused(R"({"Action":"ADD","Value":{"S":"a"}})"),
            kInvalid + "ADD action is not supported for the type S");
}

TEST(AttributesToGet, BecomeAProjection) {
  const auto projection = ProjectionFromAttributesToGet(Parsed(R"(["n","a.b","z"])"));
  ASSERT_TRUE(projection.ok());
  EXPECT_EQ(ToJson(projection->Apply(ItemOf(R"({"n":{"N":"5"},"a.b":{"S":"x"},"q":{"S":"y"}})"))),
            R"({"a.b":{"S":"x"},"n":{"N":"5"}})");
  EXPECT_EQ(MessageOf(ProjectionFromAttributesToGet(Parsed(R"(["a","b","a"])"))),
            kInvalid + "Duplicate value in attribute name: a");
}

}  // namespace
}  // namespace leeward::lab::items
