#include "lab/items/key.h"

#include <gtest/gtest.h>

#include <vector>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;
using testing::MessageOf;

const KeySchema kHash{{"pk", Type::kS}, std::nullopt};
const KeySchema kBoth{{"pk", Type::kS}, KeyPart{"sk", Type::kN}};

constexpr auto kMismatch = "The provided key element does not match the schema";
constexpr auto kEmptyString =
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
    "contain an empty string value. Key: pk";

std::string Bytes(const Attribute& value) {
  std::string out;
  AppendKeyPart(value, out);
  return out;
}

TEST(Key, FitsItsSchema) {
  EXPECT_EQ(MessageOf(CheckKey(kHash, ItemOf(R"({"pk":{"S":"a"}})"))), "");
  EXPECT_EQ(MessageOf(CheckKey(kBoth, ItemOf(R"({"pk":{"S":"a"},"sk":{"N":"1"}})"))), "");
  for (const char* key : {R"({})", R"({"pk":{"S":"a"},"sk":{"N":"1"}})", R"({"a":{"S":"a"}})",
                          R"({"pk":{"N":"1"}})"}) {
    EXPECT_EQ(MessageOf(CheckKey(kHash, ItemOf(key))), kMismatch) << key;
  }
  for (const char* key :
       {R"({"pk":{"S":"a"}})", R"({"pk":{"S":"a"},"x":{"N":"1"}})",
        R"({"pk":{"S":"a"},"sk":{"S":"1"}})", R"({"pk":{"S":""},"sk":{"S":"1"}})"}) {
    EXPECT_EQ(MessageOf(CheckKey(kBoth, ItemOf(key))), kMismatch) << key;
  }
}

TEST(Key, IsNotEmpty) {
  EXPECT_EQ(MessageOf(CheckKey(kHash, ItemOf(R"({"pk":{"S":""}})"))), kEmptyString);
  EXPECT_EQ(MessageOf(CheckItemKey(kHash, ItemOf(R"({"pk":{"S":""},"a":{"S":""}})"))),
            kEmptyString);
  const KeySchema binary{{"pk", Type::kB}, std::nullopt};
  EXPECT_EQ(MessageOf(CheckKey(binary, ItemOf(R"({"pk":{"B":""}})"))),
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty binary value. Key: pk");
}

TEST(Key, IsBounded) {
  const KeySchema texts{{"pk", Type::kS}, KeyPart{"sk", Type::kS}};
  Item key{{"pk", std::string(2048, 'x')}, {"sk", std::string(1024, 'x')}};
  EXPECT_EQ(MessageOf(CheckKey(texts, key)), "");
  key.Set("sk", std::string(1025, 'x'));
  EXPECT_EQ(MessageOf(CheckKey(texts, key)),
            "One or more parameter values were invalid: Aggregated size of all range keys has "
            "exceeded the size limit of 1024 bytes");
  key.Set("pk", std::string(2049, 'x'));
  EXPECT_EQ(MessageOf(CheckItemKey(texts, key)),
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum "
            "size limit of2048 bytes");
}

TEST(Key, MustBeInTheItem) {
  EXPECT_EQ(
      MessageOf(CheckItemKey(kBoth, ItemOf(R"({"pk":{"S":"a"},"sk":{"N":"1"},"c":{"S":"d"}})"))),
      "");
  EXPECT_EQ(MessageOf(CheckItemKey(kBoth, ItemOf(R"({"sk":{"S":"1"}})"))),
            "One or more parameter values were invalid: Missing the key pk in the item");
  EXPECT_EQ(MessageOf(CheckItemKey(kBoth, ItemOf(R"({"pk":{"S":"a"},"sk":{"S":"1"}})"))),
            "One or more parameter values were invalid: Type mismatch for key sk expected: N "
            "actual: S");
}

TEST(Key, OfAnIndexMayBeMissing) {
  EXPECT_EQ(MessageOf(CheckIndexKey(kBoth, "i", ItemOf(R"({"x":{"S":"a"}})"))), "");
  EXPECT_EQ(MessageOf(CheckIndexKey(kBoth, "i", ItemOf(R"({"sk":{"S":"a"}})"))),
            "One or more parameter values were invalid: Type mismatch for Index Key sk Expected: N "
            "Actual: S IndexName: i");
  EXPECT_EQ(MessageOf(CheckIndexKey(kBoth, "i", ItemOf(R"({"pk":{"S":""}})"))),
            "One or more parameter values are not valid. A value specified for a secondary index "
            "key is not supported. The AttributeValue for a key attribute cannot contain an empty "
            "string value. IndexName: i, IndexKey: pk");
}

TEST(Key, IsTakenFromTheItem) {
  EXPECT_EQ(KeyOf(kBoth, ItemOf(R"({"pk":{"S":"a"},"sk":{"N":"1"},"c":{"S":"d"}})")),
            ItemOf(R"({"pk":{"S":"a"},"sk":{"N":"1"}})"));
  EXPECT_EQ(KeyOf(kBoth, ItemOf(R"({"pk":{"S":"a"}})")).size(), 1U);
}

TEST(KeyBytes, SortAsTheValuesDo) {
  using namespace std::string_literals;
  const std::vector<std::string> texts = {"",  "\0"s,      "\0\0"s, "\0\xFF"s, "\x01",
                                          "a", "a\0"s,     "a\0b"s, "a\x01",   "ab",
                                          "b", "\xC3\xA9", "\xFF"};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < texts.size(); ++j) {
      EXPECT_EQ(Bytes(texts[i]) < Bytes(texts[j]), i < j) << i << " " << j;
      // And with any further part behind.
      EXPECT_EQ(Bytes(texts[i]) + "\xFF" < Bytes(texts[j]) + "\x01", i < j) << i << " " << j;
    }
  }
}

TEST(KeyBytes, ReadBack) {
  using namespace std::string_literals;
  std::string bytes;
  const std::vector<Attribute> parts = {"a\0b"s, Attribute::N("-1.5"), Attribute::B("\0\0"s), ""};
  for (const Attribute& part : parts) AppendKeyPart(part, bytes);
  std::string_view in = bytes;
  for (const Attribute& part : parts) {
    const auto back = ReadKeyPart(part.type(), in);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, part);
  }
  EXPECT_TRUE(in.empty());
  for (const std::string& bad : {""s, "a"s, "a\0"s, "a\0\x01"s}) {
    std::string_view cut = bad;
    EXPECT_FALSE(ReadKeyPart(Type::kS, cut).ok());
  }
}

TEST(KeyBytes, BeginWithTheirPrefix) {
  using namespace std::string_literals;
  for (const std::string& prefix : {""s, "a"s, "a\0"s, "\xFF"s}) {
    std::string begin;
    AppendKeyPrefix(prefix, begin);
    EXPECT_TRUE(Bytes(prefix + "x"s).starts_with(begin));
    EXPECT_TRUE(Bytes(prefix).starts_with(begin));
    EXPECT_TRUE(Bytes(prefix + "\0"s).starts_with(begin));
  }
}

TEST(KeyBytes, AreThoseOfHashAndRange) {
  const Item item = ItemOf(R"({"pk":{"S":"a"},"sk":{"N":"1"},"c":{"S":"d"}})");
  std::string bytes = "p";
  AppendKey(kBoth, item, bytes);
  EXPECT_EQ(bytes, "p" + Bytes("a") + Bytes(Attribute::N("1")));
}

TEST(AfterPrefix, IsTheNextThatDoesNotBeginSo) {
  EXPECT_EQ(AfterPrefix("ab"), "ac");
  EXPECT_EQ(AfterPrefix("a\xFF\xFF"), "b");
  EXPECT_EQ(AfterPrefix("\xFF"), "");
  EXPECT_EQ(AfterPrefix(""), "");
}

}  // namespace
}  // namespace leeward::lab::items
