#include "os/event_loop.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace leeward::os
