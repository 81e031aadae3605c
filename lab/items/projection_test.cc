#include "lab/items/projection.h"

#include <gtest/gtest.h>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;

const char* const kItem =
    R"({"a":{"S":"1"},"b":{"L":[{"N":"0"},{"M":{"x":{"N":"1"},"y":{"N":"2"}}},{"N":"2"}]},
    "c":{"M":{"d":{"M":{"e":{"S":"deep"}}},"f":{"S":"g"}}},"x.y":{"S":"dot"}})";

std::string Projected(std::string_view text) {
  Placeholders placeholders({{"#a", "a"}, {"#dot", "x.y"}}, {});
  const auto projection = Projection::Parse(text, placeholders);
  EXPECT_TRUE(projection.ok()) << MessageOf(projection);
  return projection.ok() ? ToJson(projection->Apply(ItemOf(kItem))) : "";
}

std::string Refusal(std::string_view text) {
  Placeholders placeholders({{"#a", "a"}}, {});
  return MessageOf(Projection::Parse(text, placeholders));
}

TEST(Projection, TakesAttributes) {
  EXPECT_EQ(Projected("a"), R"({"a":{"S":"1"}})");
  EXPECT_EQ(Projected("#dot , nothing,#a"), R"({"a":{"S":"1"},"x.y":{"S":"dot"}})");
  EXPECT_EQ(Projected("nothing"), "{}");
}

TEST(Projection, TakesPartsOfMapsAndLists) {
  EXPECT_EQ(Projected("c.d.e"), R"({"c":{"M":{"d":{"M":{"e":{"S":"deep"}}}}}})");
  EXPECT_EQ(Projected("c.f, c.d.e"), R"({"c":{"M":{"d":{"M":{"e":{"S":"deep"}}},"f":{"S":"g"}}}})");
  EXPECT_EQ(Projected("b[2], a, b[0]"), R"({"a":{"S":"1"},"b":{"L":[{"N":"0"},{"N":"2"}]}})");
  EXPECT_EQ(Projected("b[1].y, b[1].x"), R"({"b":{"L":[{"M":{"x":{"N":"1"},"y":{"N":"2"}}}]}})");
  EXPECT_EQ(Projected("b[7], c.nothing, a[0], s.x"), "{}");
}

TEST(Projection, RefusesWhatIsNone) {
  const std::string prefix = "Invalid ProjectionExpression: ";
  EXPECT_EQ(Refusal(""), prefix + "The expression can not be empty;");
  EXPECT_EQ(Refusal("a,"), prefix + "Syntax error; token: \"<EOF>\", near: \",\"");
  EXPECT_EQ(Refusal("a b"), prefix + "Syntax error; token: \"b\", near: \"a b\"");
  EXPECT_EQ(Refusal("a, :v"), prefix + "Syntax error; token: \":v\", near: \", :v\"");
  EXPECT_EQ(Refusal("a, name"),
            prefix + "Attribute name is a reserved keyword; reserved keyword: name");
  EXPECT_EQ(Refusal("a, #b"),
            prefix +
                "An expression attribute name used in the document path is not defined; attribute "
                "name: #b");
  EXPECT_EQ(Refusal("a, b, #a"),
            prefix +
                "Two document paths overlap with each other; must remove or rewrite one of these "
                "paths; path one: [a], path two: [a]");
  EXPECT_EQ(Refusal("b.c, b[0]"),
            prefix +
                "Two document paths conflict with each other; must remove or rewrite one of these "
                "paths; path one: [b, c], path two: [b, [0]]");
  EXPECT_EQ(Refusal("a[99999999999]"),
            prefix + "List index is not within the allowable range; index: [99999999999]");
}

}  // namespace
}  // namespace leeward::lab::items
