#include "lab/network/delay_queue.h"

#include <gtest/gtest.h>

namespace leeward::lab {
namespace {

using namespace std::chrono_literals;  // NOLINT
using base::MonotonicTime;

constexpr MonotonicTime kStart{1s};

TEST(DelayQueueTest, BytesComeOutAfterTheirDelayInOrder) {
  DelayQueue queue(100);
  queue.Push("one", kStart, 30ms, 0);
  queue.Push("two", kStart + 1ms, 30ms, 0);
  EXPECT_EQ(queue.Due(kStart + 29ms), "");
  EXPECT_EQ(queue.Due(kStart + 30ms), "one");
  queue.Consume(1);
  EXPECT_EQ(queue.Due(kStart + 30ms), "ne");
  queue.Consume(2);
  EXPECT_EQ(queue.Due(kStart + 30ms), "");
  EXPECT_EQ(queue.Due(kStart + 31ms), "two");
}

TEST(DelayQueueTest, ShrunkDelayDoesNotOvertake) {
  DelayQueue queue(100);
  queue.Push("slow", kStart, 100ms, 0);
  queue.Push("fast", kStart, 1ms, 0);
  EXPECT_EQ(queue.Due(kStart + 50ms), "");
  EXPECT_EQ(queue.NextDue(), kStart + 100ms);
}

TEST(DelayQueueTest, ManyTripsAreUnderWayAtOnce) {
  DelayQueue queue(1 << 20);
  for (int i = 0; i < 100; ++i) queue.Push(std::string(1000, 'x'), kStart + i * 1ms, 500ms, 0);
  std::size_t arrived = 0;
  for (auto due = queue.Due(kStart + 599ms); !due.empty(); due = queue.Due(kStart + 599ms)) {
    arrived += due.size();
    queue.Consume(due.size());
  }
  EXPECT_EQ(arrived, 100'000u);
}

TEST(DelayQueueTest, FullQueueHasNoRoomUntilBytesLeave) {
  DelayQueue queue(4);
  queue.Push("abcd", kStart, 0ms, 0);
  EXPECT_EQ(queue.Room(), 0u);
  queue.Consume(3);
  EXPECT_EQ(queue.Room(), 3u);
}

TEST(DelayQueueTest, BandwidthSpreadsBytes) {
  DelayQueue queue(1 << 20);
  queue.Push(std::string(1000, 'x'), kStart, 10ms, 10'000);
  queue.Push(std::string(1000, 'y'), kStart, 10ms, 10'000);
  EXPECT_EQ(queue.NextDue(), kStart + 110ms);
  queue.Consume(1000);
  EXPECT_EQ(queue.NextDue(), kStart + 210ms);
}

TEST(DelayQueueTest, EndWaitsForTheBytesBeforeIt) {
  DelayQueue queue(100);
  queue.Push("last", kStart, 30ms, 0);
  queue.PushEnd(DelayQueue::End::kFinished, kStart, 0ms);
  EXPECT_FALSE(queue.DueEnd(kStart + 30ms).has_value());
  queue.Consume(4);
  EXPECT_EQ(queue.DueEnd(kStart + 30ms), DelayQueue::End::kFinished);
  EXPECT_EQ(queue.Due(kStart + 30ms), "");
  queue.ConsumeEnd();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace leeward::lab
