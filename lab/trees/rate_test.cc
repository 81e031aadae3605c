#include "lab/trees/rate.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace leeward::lab::trees {
namespace {

using namespace std::chrono_literals;

class Fixed : public Channel {
 public:
  base::Result<std::uint64_t> Take(std::uint64_t wanted) override {
    if (cut) return base::Unreachable("cut");
    return std::min(wanted, most);
  }
  bool cut = false;
  std::uint64_t most = 10;
};

TEST(RateTest, LetsThroughWhatASecondHolds) {
  ports::ManualClock clock(base::WallTime{});
  Rate rate(clock, 1000, nullptr);
  EXPECT_EQ(rate.Take(500).value(), 0U);
  std::uint64_t taken = 0;
  for (int i = 0; i < 200; ++i) {
    clock.Advance(5ms);
    taken += rate.Take(500).value();
  }
  EXPECT_EQ(taken, 1000U);
}

TEST(RateTest, APauseIsNotMadeUpFor) {
  ports::ManualClock clock(base::WallTime{});
  Rate rate(clock, 1000, nullptr);
  clock.Advance(10s);
  EXPECT_EQ(rate.Take(100'000).value(), 100U);
  EXPECT_EQ(rate.Take(100'000).value(), 0U);
}

TEST(RateTest, ASlowRateStillLetsSomethingThrough) {
  ports::ManualClock clock(base::WallTime{});
  Rate rate(clock, 1, nullptr);
  clock.Advance(500ms);
  EXPECT_EQ(rate.Take(10).value(), 0U);
  clock.Advance(500ms);
  EXPECT_EQ(rate.Take(10).value(), 1U);
}

TEST(RateTest, ChangesFromNowOn) {
  ports::ManualClock clock(base::WallTime{});
  Rate rate(clock, 1000, nullptr);
  clock.Advance(50ms);
  rate.Set(100'000);
  EXPECT_EQ(rate.Take(1'000'000).value(), 50U);
  clock.Advance(50ms);
  EXPECT_EQ(rate.Take(1'000'000).value(), 5'000U);
}

TEST(RateTest, WhatIsBehindMayLetThroughLessOrNothing) {
  ports::ManualClock clock(base::WallTime{});
  Fixed behind;
  Rate rate(clock, 1000, &behind);
  clock.Advance(1s);
  EXPECT_EQ(rate.Take(50).value(), 10U);
  behind.cut = true;
  EXPECT_EQ(rate.Take(50).error().code(), base::ErrorCode::kUnreachable);
  behind.cut = false;
  behind.most = 1000;
  EXPECT_EQ(rate.Take(1000).value(), 90U);  // nothing was lost to the cut
}

}  // namespace
}  // namespace leeward::lab::trees
