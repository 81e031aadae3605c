#include "guard/watchdog.h"

#include <gtest/gtest.h>

namespace leeward::guard {
namespace {

constexpr std::size_t kApplicationName = 63;  // bytes that PostgreSQL keeps

TEST(WatchdogNameTest, IsTheDatabasesOwn) {
  EXPECT_EQ(WatchdogName("shop"), "leeward-watchdog/shop");
  const std::string long_name(60, 'a');
  EXPECT_NE(WatchdogName(long_name + "1"), WatchdogName(long_name + "2"));
  EXPECT_LE(WatchdogName(long_name).size(), kApplicationName);
  EXPECT_LE(WatchdogName(std::string(46, 'a')).size(), kApplicationName);
}

TEST(WatchdogNameTest, IsOneThatTheServerKeepsAsItIs) {
  const std::string name = WatchdogName(
      "gr\xC3\xB6\xC3\x9F"
      "e");
  EXPECT_EQ(name.find_first_not_of("leeward-watchdog/0123456789abcdef"), std::string::npos) << name;
  EXPECT_NE(name, WatchdogName("gr\xC3\xB6\xC3\x9F"
                               "er"));
}

}  // namespace
}  // namespace leeward::guard
