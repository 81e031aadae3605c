#include "lab/items/path.h"

#include <gtest/gtest.h>

#include "lab/items/path_list.h"
#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;

const Path kA{"a", {}};
const Path kAB{"a", {"b"}};
const Path kAB1{"a", {"b", std::size_t{1}}};
const Path kA0{"a", {std::size_t{0}}};

TEST(Path, LeadsIntoMapsAndLists) {
  const Item item = ItemOf(R"({"a":{"M":{"b":{"L":[{"S":"x"},{"S":"y"}]}}},"s":{"S":"z"}})");
  EXPECT_EQ(*kAB1.Find(item)->s(), "y");
  EXPECT_EQ(kA.Find(item)->type(), Type::kM);
  EXPECT_EQ(kA0.Find(item), nullptr);
  EXPECT_EQ((Path{"a", {"b", std::size_t{2}}}).Find(item), nullptr);
  EXPECT_EQ((Path{"a", {"c"}}).Find(item), nullptr);
  EXPECT_EQ((Path{"s", {"c"}}).Find(item), nullptr);
  EXPECT_EQ((Path{"n", {"c"}}).Find(item), nullptr);
}

TEST(Path, IsWrittenAsInMessages) {
  EXPECT_EQ(kA.Text(), "[a]");
  EXPECT_EQ(kAB1.Text(), "[a, b, [1]]");
}

TEST(Path, OverlapsAndConflicts) {
  EXPECT_EQ(ClashOf(kA, kA), Clash::kOverlap);
  EXPECT_EQ(ClashOf(kA, kAB1), Clash::kOverlap);
  EXPECT_EQ(ClashOf(kAB1, kAB), Clash::kOverlap);
  EXPECT_EQ(ClashOf(kAB, kA0), Clash::kConflict);
  EXPECT_EQ(ClashOf(kAB, Path{"a", {"c"}}), Clash::kNone);
  EXPECT_EQ(ClashOf(kAB, Path{"c", {"b"}}), Clash::kNone);
}

TEST(PathList, NamesTheFirstClash) {
  EXPECT_EQ(FirstClash({kA0, Path{"b", {}}, Path{"a", {std::size_t{1}}}}), std::nullopt);
  EXPECT_EQ(FirstClash({kA0, kAB}),
            "Two document paths conflict with each other; must remove or rewrite one of these "
            "paths; path one: [a, [0]], path two: [a, b]");
  EXPECT_EQ(FirstClash({Path{"x", {}}, kAB, kA, kAB}),
            "Two document paths overlap with each other; must remove or rewrite one of these "
            "paths; path one: [a, b], path two: [a]");
}

TEST(PathList, HasAnOrder) {
  EXPECT_TRUE(ComesBefore(kA, kAB));
  EXPECT_TRUE(ComesBefore(Path{"a", {std::size_t{2}}}, Path{"a", {std::size_t{10}}}));
  EXPECT_FALSE(ComesBefore(kAB, kA));
}

}  // namespace
}  // namespace leeward::lab::items
