#include "lease/hand_over.h"

#include <gtest/gtest.h>

namespace leeward::lease {
namespace {

const model::Region kHome("us-east-1");
const model::Region kOther("us-west-2");
const HandOver kRequest{kHome, 4, "controller-1", 1};

std::optional<ports::SharedEntry> Entry(const HandOver& request, std::uint64_t revision) {
  return ports::SharedEntry{"key", ToJson(request), revision};
}

TEST(HandOverTest, IsReadAsItWasWrittenAndNothingElseIs) {
  const std::string json = ToJson(kRequest);
  EXPECT_EQ(json, R"({"holder":"us-east-1","epoch":4,"who":"controller-1","asked":1})");
  ASSERT_TRUE(HandOverFromJson(json).ok());
  EXPECT_EQ(*HandOverFromJson(json), kRequest);
  for (const char* wrong : {"", "[]", "{}", R"({"holder":"us-east-1","epoch":4,"who":"c"})",
                            R"({"holder":"","epoch":4,"who":"c","asked":1})",
                            R"({"holder":"us-east-1","epoch":0,"who":"c","asked":1})",
                            R"({"holder":"us-east-1","epoch":-4,"who":"c","asked":1})",
                            R"({"holder":"us-east-1","epoch":4,"who":"c","asked":1,"more":1})"}) {
    EXPECT_FALSE(HandOverFromJson(wrong).ok()) << wrong;
  }
  EXPECT_FALSE(HandOverFromJson(std::string(2000, ' ')).ok());
}

TEST(HandOverWatchTest, ARequestThatLiesThereIsNotObeyedBeforeItIsRenewed) {
  HandOverWatch watch;
  EXPECT_FALSE(watch.Obeys(Entry(kRequest, 7), kHome, 4)) << "left behind, as far as it is known";
  EXPECT_FALSE(watch.Obeys(Entry(kRequest, 7), kHome, 4));
  EXPECT_TRUE(watch.Obeys(Entry(kRequest, 8), kHome, 4));
}

TEST(HandOverWatchTest, ARequestThatAppearsIsObeyedAtOnce) {
  HandOverWatch watch;
  EXPECT_FALSE(watch.Obeys(std::nullopt, kHome, 4));
  EXPECT_TRUE(watch.Obeys(Entry(kRequest, 8), kHome, 4));
}

TEST(HandOverWatchTest, OnlyTheHolderOfThatEpochObeys) {
  HandOverWatch watch;
  EXPECT_FALSE(watch.Obeys(std::nullopt, kHome, 5));
  EXPECT_FALSE(watch.Obeys(Entry(kRequest, 8), kHome, 5));
  EXPECT_FALSE(watch.Obeys(Entry(kRequest, 9), kOther, 4));
  EXPECT_FALSE(watch.Obeys(ports::SharedEntry{"key", "junk", 10}, kHome, 4));
  EXPECT_TRUE(watch.Obeys(Entry(kRequest, 11), kHome, 4));
}

}  // namespace
}  // namespace leeward::lease
