#include "lab/services/time_window.h"

#include <gtest/gtest.h>

namespace leeward::lab {
namespace {

TEST(TimeWindow, MinutesOfADayAreThoseOfAClock) {
  EXPECT_EQ(MinuteOfDay("00:00"), 0);
  EXPECT_EQ(MinuteOfDay("23:59"), 1439);
  for (const char* text : {"24:00", "04:60", "4:30", "04-30", "0a:30", "04:30 ", ""})
    EXPECT_FALSE(MinuteOfDay(text)) << text;
}

TEST(TimeWindow, MayPassMidnight) {
  EXPECT_EQ(WindowMinutes("04:30-05:30"), 60);
  EXPECT_EQ(WindowMinutes("23:50-00:20"), 30);
  EXPECT_EQ(WindowMinutes("04:30-04:30"), 0);
  for (const char* text : {"", "04:30", "04:30-", "-05:30", "04:30-05:30-06:00"})
    EXPECT_FALSE(WindowMinutes(text)) << text;
}

}  // namespace
}  // namespace leeward::lab
