#include "os/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace leeward::os {
namespace {

using namespace std::chrono_literals;

TEST(EventLoopTest, AStopBeforeRunIsNotForgotten) {
  EventLoop loop;
  bool ran_on = false;
  loop.After(200ms, [&] {
    ran_on = true;
    loop.Stop();
  });
  loop.Stop();
  loop.Run();
  EXPECT_FALSE(ran_on);
}

TEST(EventLoopTest, RunsAgainAfterAStop) {
  EventLoop loop;
  int runs = 0;
  for (int i = 1; i <= 2; ++i) {
    loop.Post([&] {
      ++runs;
      loop.Stop();
    });
    loop.Run();
    EXPECT_EQ(runs, i);
  }
}

TEST(EventLoopTest, TimersRunInTheOrderOfTheirTimeUnlessCancelled) {
  EventLoop loop;
  std::string order;
  loop.After(20ms, [&] {
    order += 'c';
    loop.Stop();
  });
  loop.After(5ms, [&] { order += 'a'; });
  const auto cancelled = loop.After(10ms, [&] { order += 'x'; });
  loop.After(10ms, [&] {
    order += 'b';
    loop.Cancel(cancelled);
  });
  loop.Cancel(cancelled);
  loop.Run();
  EXPECT_EQ(order, "abc");
}

TEST(EventLoopTest, WorkFromAnotherThreadWakesASleepingLoop) {
  EventLoop loop;
  std::thread other;
  int count = 0;
  loop.Post([&] {
    other = std::thread([&] {
      for (int i = 0; i < 1000; ++i) loop.Post([&] { ++count; });
      loop.Post([&] { loop.Stop(); });
    });
  });
  loop.Run();
  other.join();
  EXPECT_EQ(count, 1000);
}

class PipeTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe(ends_), 0); }
  void Put() { ASSERT_EQ(write(ends_[1], "x", 1), 1); }
  static void Take(int descriptor) {
    char byte = 0;
    ASSERT_EQ(read(descriptor, &byte, 1), 1);
  }

  EventLoop loop_;
  int ends_[2];
};

TEST_F(PipeTest, EachWishToReadIsGrantedOnce) {
  Descriptor reader(loop_, ends_[0]);
  int seen = 0;
  reader.OnReadable([&] { ++seen; });
  Put();
  loop_.After(20ms, [&] { loop_.Stop(); });
  loop_.Run();  // nobody takes the byte: that must not keep the loop busy, nor count twice
  EXPECT_EQ(seen, 1);
  reader.OnReadable([&] {
    Take(reader.get());
    ++seen;
    loop_.Stop();
  });
  loop_.Run();
  EXPECT_EQ(seen, 2);
  close(ends_[1]);
}

TEST_F(PipeTest, ADescriptorMayBeClosedInItsOwnCallbackOrAnothers) {
  int other[2];
  ASSERT_EQ(pipe(other), 0);
  auto one = std::make_unique<Descriptor>(loop_, ends_[0]);
  auto two = std::make_unique<Descriptor>(loop_, other[0]);
  int seen = 0;
  const auto both = [&] {
    ++seen;
    one.reset();
    two.reset();
    loop_.Stop();
  };
  one->OnReadable(both);
  two->OnReadable(both);
  Put();
  ASSERT_EQ(write(other[1], "x", 1), 1);
  loop_.Run();
  EXPECT_EQ(seen, 1);
  close(ends_[1]);
  close(other[1]);
}

TEST_F(PipeTest, TheEndOfTheOtherSideIsReadable) {
  Descriptor reader(loop_, ends_[0]);
  bool seen = false;
  reader.OnReadable([&] {
    seen = true;
    loop_.Stop();
  });
  close(ends_[1]);
  loop_.Run();
  EXPECT_TRUE(seen);
}

TEST(EventLoopTest, SignalsAreEventsWhileTheyAreWatched) {
  int got = 0;
  {
    EventLoop loop;
    EventLoop second;
    second.OnSignals({SIGUSR1}, [&](int signal) {
      got += signal;
      second.Stop();
    });
    loop.OnSignals({SIGUSR1, SIGUSR2}, [&](int signal) {
      got += signal;
      loop.Stop();
    });
    kill(getpid(), SIGUSR1);
    loop.Run();
    second.Run();
    EXPECT_EQ(got, 2 * SIGUSR1);
  }
  struct sigaction action {};
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

}  // namespace
}  // namespace leeward::os
