#include "lab/services/efs_permits.h"

#include <gtest/gtest.h>

namespace leeward::lab::efs {
namespace {

using namespace std::chrono_literals;

class PermitsTest : public testing::Test {
 protected:
  class TurnedClock : public ports::Clock {
   public:
    base::WallTime Now() const override { return {}; }
    base::MonotonicTime Monotonic() const override { return now; }
    base::MonotonicTime now{};
  };
  std::uint64_t Taken(std::uint64_t wanted) { return *permits.Take(wanted); }
  TurnedClock clock;
  Permits permits{clock};
};

TEST_F(PermitsTest, NothingCrossesBeforeAnAnswer) {
  EXPECT_EQ(Taken(1), 0U);
  EXPECT_TRUE(permits.RunLow());
}

TEST_F(PermitsTest, AnAnswerLetsItsBytesCrossAndNoMore) {
  permits.Grant(100, 1s);
  EXPECT_EQ(Taken(30), 30U);
  EXPECT_FALSE(permits.RunLow());
  EXPECT_EQ(Taken(30), 30U);
  EXPECT_TRUE(permits.RunLow());
  EXPECT_EQ(Taken(100), 40U);
  EXPECT_EQ(Taken(1), 0U);
}

TEST_F(PermitsTest, WhatIsNotUsedInItsTimeIsForfeited) {
  permits.Grant(100, 1s);
  clock.now = clock.now + 500ms;
  EXPECT_TRUE(permits.RunLow());
  EXPECT_EQ(Taken(10), 10U);
  clock.now = clock.now + 500ms;
  EXPECT_EQ(Taken(10), 0U);
}

TEST_F(PermitsTest, AnswersDoNotAddUp) {
  permits.Grant(100, 1s);
  permits.Grant(100, 1s);
  EXPECT_EQ(Taken(200), 100U);
}

}  // namespace
}  // namespace leeward::lab::efs
