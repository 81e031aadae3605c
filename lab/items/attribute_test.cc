#include "lab/items/attribute.h"

#include <gtest/gtest.h>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;
using testing::ValueOf;

TEST(Item, FindsSetsAndErases) {
  Item item{{"b", 1 == 1}, {"a", "one"}, {"c", Attribute::N("3")}};
  EXPECT_EQ(item.size(), 3U);
  EXPECT_EQ(*item.Find("a")->s(), "one");
  EXPECT_EQ(item.Find("d"), nullptr);
  item.Set("d", Null{});
  item.Set("a", "two");
  EXPECT_EQ(item.size(), 4U);
  EXPECT_EQ(*item.Find("a")->s(), "two");
  EXPECT_TRUE(item.Erase("b"));
  EXPECT_FALSE(item.Erase("b"));
  EXPECT_FALSE(item.Has("b"));
  std::string names;
  for (const Entry& entry : item) names += entry.name;
  EXPECT_EQ(names, "acd");
}

TEST(Item, KeepsTheLastOfOneName) {
  const Item item = Item::FromEntries({{"b", "1"}, {"a", "2"}, {"b", "3"}, {"a", "4"}, {"b", "5"}});
  ASSERT_EQ(item.size(), 2U);
  EXPECT_EQ(*item.Find("a")->s(), "4");
  EXPECT_EQ(*item.Find("b")->s(), "5");
}

TEST(Attribute, EqualsInDepthAndSetsInAnyOrder) {
  const auto a = ValueOf(R"({"M":{"x":{"L":[{"SS":["a","b"]},{"N":"1.0"}]},"y":{"NULL":true}}})");
  const auto b = ValueOf(R"({"M":{"y":{"NULL":true},"x":{"L":[{"SS":["b","a"]},{"N":"1"}]}}})");
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a == ValueOf(R"({"M":{"x":{"L":[{"N":"1"},{"SS":["a","b"]}]},"y":{"NULL":true}}})"));
  EXPECT_EQ(ValueOf(R"({"NS":["1","2"]})"), ValueOf(R"({"NS":["2.0","1"]})"));
  EXPECT_FALSE(ValueOf(R"({"NS":["1","2"]})") == ValueOf(R"({"NS":["1"]})"));
  EXPECT_EQ(ValueOf(R"({"BS":["YQ==","Yg=="]})"), ValueOf(R"({"BS":["Yg==","YQ=="]})"));
  EXPECT_FALSE(Attribute::S("1") == Attribute::N("1"));
  EXPECT_FALSE(Attribute::S("a") == Attribute::B("a"));
  EXPECT_FALSE(Attribute(true) == Attribute(false));
}

TEST(Attribute, OrdersStringsNumbersAndBinaries) {
  EXPECT_EQ(Compare("a", "b"), -1);
  EXPECT_EQ(Compare("b", "a"), 1);
  EXPECT_EQ(Compare("a", "a"), 0);
  EXPECT_EQ(Compare("a", "\xC3\xA9"), -1) << "bytes are unsigned";
  EXPECT_EQ(Compare(Attribute::N("9"), Attribute::N("10")), -1);
  EXPECT_EQ(Compare(Attribute::B("\x80"), Attribute::B("\x7F")), 1);
  EXPECT_FALSE(Comparable("a", Attribute::N("1")));
  EXPECT_FALSE(Comparable(true, true));
  EXPECT_FALSE(Comparable(ValueOf(R"({"SS":["a"]})"), ValueOf(R"({"SS":["a"]})")));
}

TEST(SizeOf, FollowsThePublishedRules) {
  EXPECT_EQ(SizeOf(Attribute::S("h\xC3\xA9")), 3U);
  EXPECT_EQ(SizeOf(Attribute::N("123")), 3U);
  EXPECT_EQ(SizeOf(Attribute::B("12345")), 5U);
  EXPECT_EQ(SizeOf(Attribute(true)), 1U);
  EXPECT_EQ(SizeOf(Attribute(Null{})), 1U);
  EXPECT_EQ(SizeOf(ValueOf(R"({"SS":["ab","c"]})")), 3U);
  EXPECT_EQ(SizeOf(ValueOf(R"({"NS":["1","100"]})")), 4U);
  EXPECT_EQ(SizeOf(ValueOf(R"({"BS":["YWI="]})")), 2U);
  EXPECT_EQ(SizeOf(ValueOf(R"({"L":[]})")), 3U);
  EXPECT_EQ(SizeOf(ValueOf(R"({"M":{}})")), 3U);
  EXPECT_EQ(SizeOf(ValueOf(R"({"L":[{"S":"ab"},{"L":[]}]})")), 3U + 2 + 1 + 3 + 1);
  EXPECT_EQ(SizeOf(ValueOf(R"({"M":{"key":{"S":"ab"}}})")), 3U + 3 + 2 + 1);
  EXPECT_EQ(SizeOf(ItemOf(R"({"id":{"S":"abc"},"n":{"N":"7"}})")), 2U + 3 + 1 + 2);
  EXPECT_EQ(SizeOf(Item{}), 0U);
}

TEST(Limits, BoundAnItemsSize) {
  Item item{{"a", std::string(kMaxItemSize - 1, 'x')}};
  EXPECT_TRUE(CheckItemSize(item).ok());
  item.Set("b", "");
  EXPECT_EQ(MessageOf(CheckItemSize(item)), "Item size has exceeded the maximum allowed size");
  EXPECT_EQ(MessageOf(CheckUpdatedSize(item)),
            "Item size to update has exceeded the maximum allowed size");
}

TEST(Limits, BoundNesting) {
  Attribute value("leaf");
  for (int i = 0; i < kMaxNesting - 1; ++i) {
    value = i % 2 == 0 ? Attribute(Attribute::List{value}) : Attribute(Item{{"m", value}});
  }
  EXPECT_TRUE(CheckNesting(Item{{"a", value}}).ok());
  EXPECT_EQ(
      MessageOf(CheckNesting(Item{{"a", Attribute::List{value}}})),
      "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
      "beyond supported limit");
}

TEST(Type, HasDynamoDbsName) {
  EXPECT_EQ(Name(Type::kS), "S");
  EXPECT_EQ(Name(Type::kBool), "BOOL");
  EXPECT_EQ(Name(Type::kM), "M");
  EXPECT_EQ(Attribute().type(), Type::kNull);
  EXPECT_EQ(ValueOf(R"({"BS":["YQ=="]})").type(), Type::kBS);
}

}  // namespace
}  // namespace leeward::lab::items
