#include "lab/tables/bucket.h"

#include <gtest/gtest.h>

namespace leeward::lab::tables {
namespace {

using namespace std::chrono_literals;

const base::WallTime kStart{std::chrono::hours(24 * 365 * 50)};

TEST(BucketTest, WithoutARateEverythingIsLetIn) {
  Bucket bucket;
  bucket.Take(1e9);
  EXPECT_TRUE(bucket.Open(kStart));
}

TEST(BucketTest, StartsWithFiveMinutesOfBurstAndThenGivesTheRate) {
  Bucket bucket;
  bucket.SetRate(2, kStart);
  int taken = 0;
  while (bucket.Open(kStart)) {
    bucket.Take(1);
    ++taken;
  }
  EXPECT_EQ(taken, 600);
  EXPECT_FALSE(bucket.Open(kStart));
  EXPECT_TRUE(bucket.Open(kStart + 1s));
  bucket.Take(2);
  EXPECT_FALSE(bucket.Open(kStart + 1s));
}

TEST(BucketTest, ALargeRequestIsPaidOffLater) {
  Bucket bucket;
  bucket.SetRate(1, kStart);
  bucket.Take(310);
  EXPECT_FALSE(bucket.Open(kStart + 9s));
  EXPECT_TRUE(bucket.Open(kStart + 11s));
}

TEST(BucketTest, ALowerRateKeepsNoMoreThanItsBurst) {
  Bucket bucket;
  bucket.SetRate(100, kStart);
  bucket.SetRate(1, kStart);
  bucket.Take(300);
  EXPECT_FALSE(bucket.Open(kStart));
}

}  // namespace
}  // namespace leeward::lab::tables
