#include "lab/items/json.h"

#include <gtest/gtest.h>

#include <vector>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::Parsed;
using testing::ValueOf;

// "code: message" of what is refused; "" when it is not.
std::string Refusal(std::string_view text) {
  const auto value = AttributeFromJson(Parsed(text));
  return value.ok() ? "" : value.error().code + ": " + value.error().message;
}

constexpr auto kEmpty =
    "ValidationException: Supplied AttributeValue is empty, must contain exactly one of the "
    "supported datatypes";
constexpr auto kSeveral =
    "ValidationException: Supplied AttributeValue has more than one datatypes set, must contain "
    "exactly one of the supported datatypes";

TEST(Json, ReadsEachDatatypeAndWritesItBack) {
  for (const std::string text :
       {R"({"S":"a"})", R"({"S":""})", R"({"N":"12.5"})", R"({"B":"YWI="})", R"({"B":""})",
        R"({"BOOL":true})", R"({"BOOL":false})", R"({"NULL":true})", R"({"SS":["b","a",""]})",
        R"({"NS":["2","-1"]})", R"({"BS":["Yg==","YQ=="]})", R"({"L":[]})",
        R"({"L":[{"S":"a"},{"L":[{"N":"1"}]}]})", R"({"M":{}})",
        R"({"M":{"a":{"M":{"b":{"S":"c"}}},"b":{"L":[]}}})",
        R"({"S":"quote \" slash \\ / \b\f\n\r\t\u0000\u001f é 漢 😀"})"}) {
    EXPECT_EQ(Refusal(text), "");
    EXPECT_EQ(ToJson(ValueOf(text)), text);
  }
}

TEST(Json, WritesNumbersCanonically) {
  EXPECT_EQ(ToJson(ValueOf(R"({"NS":["1E3","0.00","-0.50"]})")), R"({"NS":["1000","0","-0.5"]})");
}

TEST(Json, ReadsItemsAndTheLastOfOneName) {
  EXPECT_EQ(ToJson(ItemOf(R"({"b":{"S":"1"},"a":{"N":"2"},"b":{"S":"3"}})")),
            R"({"a":{"N":"2"},"b":{"S":"3"}})");
  EXPECT_EQ(ToJson(Item{}), "{}");
}

TEST(Json, EscapesWhereverItStands) {
  for (std::size_t before = 0; before < 20; ++before) {
    const std::string text = std::string(before, 'x') + "\"" + std::string(9, 'y') + "\x01";
    std::string out;
    AppendJsonString(text, out);
    EXPECT_EQ(out, "\"" + std::string(before, 'x') + "\\\"" + std::string(9, 'y') + "\\u0001\"");
  }
}

TEST(Json, WantsExactlyOneDatatype) {
  EXPECT_EQ(Refusal("{}"), kEmpty);
  EXPECT_EQ(Refusal("null"), kEmpty);
  EXPECT_EQ(Refusal(R"({"a":""})"), kEmpty);
  EXPECT_EQ(Refusal(R"({"s":"a"})"), kEmpty);
  EXPECT_EQ(Refusal(R"({"S":null})"), kEmpty);
  EXPECT_EQ(Refusal(R"({"M":{"a":{}}})"), kEmpty);
  EXPECT_EQ(Refusal(R"({"L":[{}]})"), kEmpty);
  EXPECT_EQ(Refusal(R"({"S":"a","N":"1"})"), kSeveral);
  EXPECT_EQ(Refusal(R"({"S":"a","N":null,"x":1})"), "");
}

TEST(Json, RefusesValuesThatCannotBe) {
  const std::string prefix = "ValidationException: One or more parameter values were invalid: ";
  EXPECT_EQ(Refusal(R"({"NULL":false})"),
            prefix + "Null attribute value types must have the value of true");
  EXPECT_EQ(Refusal(R"({"NULL":"no"})"),
            prefix + "Null attribute value types must have the value of true");
  EXPECT_EQ(Refusal(R"({"SS":[]})"), prefix + "An string set  may not be empty");
  EXPECT_EQ(Refusal(R"({"NS":[]})"), prefix + "An number set  may not be empty");
  EXPECT_EQ(Refusal(R"({"BS":[]})"), prefix + "Binary sets should not be empty");
  EXPECT_EQ(Refusal(R"({"SS":["a","a"]})"),
            prefix + "Input collection [a, a] contains duplicates.");
  EXPECT_EQ(Refusal(R"({"BS":["Yg==","Yg=="]})"),
            prefix + "Input collection [Yg==, Yg==]of type BS contains duplicates.");
  EXPECT_EQ(Refusal(R"({"NS":["1","1.0"]})"),
            "ValidationException: Input collection contains duplicates");
  EXPECT_EQ(Refusal(R"({"N":""})"),
            "ValidationException: The parameter cannot be converted to a numeric value");
  EXPECT_EQ(Refusal(R"({"NS":["1","b"]})"),
            "ValidationException: The parameter cannot be converted to a numeric value: b");
}

TEST(Json, LooksAtTheValuesBeforeTheNumberOfDatatypes) {
  EXPECT_EQ(Refusal(R"({"S":"a","N":"b"})"),
            "ValidationException: The parameter cannot be converted to a numeric value: b");
}

TEST(Json, RefusesJsonTypesThatDoNotFitTheModel) {
  const std::string prefix = "SerializationException: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"S":1})", "NUMBER_VALUE cannot be converted to String"},
      {R"({"N":1})", "NUMBER_VALUE cannot be converted to String"},
      {R"({"S":true})", "TRUE_VALUE cannot be converted to String"},
      {R"({"S":false})", "FALSE_VALUE cannot be converted to String"},
      {R"({"S":[]})", "Unrecognized collection type class java.lang.String"},
      {R"({"S":{}})", "Start of structure or map found where not expected"},
      {R"({"B":1})", "Only base-64-encoded strings are convertible to bytes"},
      {R"({"B":[]})", "Unrecognized collection type class java.nio.ByteBuffer"},
      {R"({"B":"YQ"})", "Base64 encoded length is expected a multiple of 4 bytes but found: 2"},
      {R"({"BOOL":1})", "NUMBER_VALUE cannot be converted to Boolean"},
      {R"({"BOOL":"a"})", "Unexpected token received from parser"},
      {R"({"BOOL":[]})", "Unrecognized collection type class java.lang.Boolean"},
      {R"({"SS":"a"})", "Unexpected field type"},
      {R"({"SS":[1]})", "NUMBER_VALUE cannot be converted to String"},
      {R"({"L":{}})", "Start of structure or map found where not expected"},
      {R"({"L":["a"]})", "Unexpected value type in payload"},
      {R"({"M":1})", "Unexpected field type"},
      {R"({"M":[]})",
       "Unrecognized collection type java.util.Map<java.lang.String, "
       "com.amazonaws.dynamodb.v20120810.AttributeValue>"},
      {R"("a")", "Unexpected value type in payload"},
      {R"([])",
       "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(Refusal(text), prefix + message) << text;
    EXPECT_FALSE(CheckAttributeShape(Parsed(text)).ok()) << text;
  }
}

TEST(Json, PutsSerializationBeforeValidation) {
  EXPECT_EQ(Refusal(R"({"L":[{},{"S":1}]})"),
            "SerializationException: NUMBER_VALUE cannot be converted to String");
  const auto item = ItemFromJson(Parsed(R"({"a":{},"b":{"S":1}})"));
  ASSERT_FALSE(item.ok());
  EXPECT_EQ(item.error().code, "SerializationException");
  EXPECT_TRUE(CheckItemShape(Parsed(R"({"a":{},"b":{"N":"x"},"c":{"SS":[null]}})")).ok());
}

TEST(Json, BoundsTheDepth) {
  const auto nested = [](int levels) {
    std::string text;
    for (int i = 0; i < levels; ++i) text += R"({"L":[)";
    text += R"({"S":"a"})";
    for (int i = 0; i < levels; ++i) text += "]}";
    return text;
  };
  EXPECT_EQ(Refusal(nested(kMaxNesting - 1)), "");
  EXPECT_EQ(Refusal(nested(kMaxNesting)),
            "ValidationException: Nesting Levels have exceeded supported limits: Attributes in the "
            "item have nested levels beyond supported limit");
}

TEST(Json, WordsWhatOtherMembersWant) {
  EXPECT_EQ(WrongJsonType(Parsed(R"("1")"), Wanted::kInteger).message,
            "STRING_VALUE cannot be converted to Integer");
  EXPECT_EQ(WrongJsonType(Parsed("[]"), Wanted::kLong).message,
            "Unrecognized collection type class java.lang.Long");
  EXPECT_EQ(WrongJsonType(Parsed("{}"), Wanted::kList).message,
            "Start of structure or map found where not expected");
}

}  // namespace
}  // namespace leeward::lab::items
