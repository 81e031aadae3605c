#include "base/wrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leeward::base {
namespace {

using testing::ElementsAre;

TEST(WrapTest, LinesAreFilledAndNotOverfilled) {
  EXPECT_THAT(WrapWords("one two three four", 9), ElementsAre("one two", "three", "four"));
  EXPECT_THAT(WrapWords("one two three four", 80), ElementsAre("one two three four"));
}

TEST(WrapTest, AWordThatIsTooLongHasALineToItself) {
  EXPECT_THAT(WrapWords("a arn:aws:rds:us-east-1 b", 8),
              ElementsAre("a", "arn:aws:rds:us-east-1", "b"));
}

TEST(WrapTest, CodePointsAreCountedNotBytes) {
  EXPECT_EQ(CountColumns("a → b"), 5);
  EXPECT_THAT(WrapWords("→→→ →→", 6), ElementsAre("→→→ →→"));
}

TEST(WrapTest, NothingIsOneEmptyLine) { EXPECT_THAT(WrapWords("  ", 5), ElementsAre("")); }

}  // namespace
}  // namespace leeward::base
