#include "lab/items/encoding.h"

#include <gtest/gtest.h>

#include "lab/items/json.h"
#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;

const char* const kAllTypes = R"({
  "s":{"S":"text \" é"},"empty":{"S":""},"n":{"N":"-12.50"},"b":{"B":"AAEC"},"t":{"BOOL":true},"f":{"BOOL":false},
  "nu":{"NULL":true},"ss":{"SS":["b","a"]},"ns":{"NS":["3","1E-5"]},"bs":{"BS":["AA==",""]},
  "l":{"L":[{"S":"x"},{"L":[]},{"M":{"k":{"N":"1"}}}]},
  "m":{"M":{"deep":{"M":{"deeper":{"L":[{"NULL":true}]}}},"":{"S":"no name"}}}})";

TEST(Encoding, KeepsEveryType) {
  const Item item = ItemOf(kAllTypes);
  const std::string stored = ToStored(item);
  const auto back = ItemFromStored(stored);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, item);
  EXPECT_EQ(ToStored(*back), stored);
}

TEST(Encoding, WritesTheSameJsonWithoutTheItem) {
  for (const Item& item : {ItemOf(kAllTypes), Item{}}) {
    std::string out = "x";
    ASSERT_TRUE(AppendJsonFromStored(ToStored(item), out).ok());
    EXPECT_EQ(out, "x" + ToJson(item));
  }
}

TEST(Encoding, MeasuresTheSameSize) {
  const Item item = ItemOf(kAllTypes);
  EXPECT_EQ(*SizeOfStored(ToStored(item)), SizeOf(item));
  const Item numbers =
      ItemOf(R"({"a":{"N":"0"},"b":{"N":"1E20"},"c":{"N":"0.00012"},"d":{"N":"-100.5"}})");
  EXPECT_EQ(*SizeOfStored(ToStored(numbers)), SizeOf(numbers));
}

TEST(Encoding, FindsOneAttribute) {
  const Item item = ItemOf(kAllTypes);
  const std::string stored = ToStored(item);
  for (const Entry& entry : item) {
    const auto found = FindInStored(stored, entry.name);
    ASSERT_TRUE(found.ok() && *found) << entry.name;
    EXPECT_EQ(**found, entry.value);
  }
  for (const char* name : {"", "nothing", "zz"}) {
    const auto found = FindInStored(stored, name);
    ASSERT_TRUE(found.ok());
    EXPECT_FALSE(*found);
  }
}

TEST(Encoding, IsCompact) {
  EXPECT_EQ(ToStored(Item{{"id", "abc"}}).size(), 1U + 1 + 3 + 1 + 4);
  const Item large{{"s", std::string(1000, 'x')}};
  EXPECT_EQ(ToStored(large).size(), 1U + 1 + 2 + 1 + 2 + 1000);
}

TEST(Encoding, RefusesWhatWasCut) {
  const std::string stored = ToStored(ItemOf(kAllTypes));
  for (std::size_t cut = 0; cut < stored.size(); ++cut) {
    const std::string_view part = std::string_view(stored).substr(0, cut);
    std::string out;
    EXPECT_FALSE(ItemFromStored(part).ok()) << cut;
    EXPECT_FALSE(AppendJsonFromStored(part, out).ok()) << cut;
    EXPECT_FALSE(SizeOfStored(part).ok()) << cut;
  }
  EXPECT_FALSE(ItemFromStored(stored + "x").ok());
  EXPECT_FALSE(ItemFromStored("").ok());
}

TEST(Encoding, ReadsAnyByteWithoutHarm) {
  const std::string stored = ToStored(ItemOf(kAllTypes));
  for (std::size_t i = 0; i < stored.size(); ++i) {
    for (const int flip : {1, 0x80, 0xFF}) {
      std::string changed = stored;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      std::string out;
      const auto item = ItemFromStored(changed);
      const bool written = AppendJsonFromStored(changed, out).ok();
      (void)SizeOfStored(changed);
      (void)FindInStored(changed, "ss");
      EXPECT_TRUE(!item.ok() || written) << "what can be built can be written";
    }
  }
}

}  // namespace
}  // namespace leeward::lab::items
