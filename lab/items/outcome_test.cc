#include "lab/items/outcome.h"

#include <gtest/gtest.h>

namespace leeward::lab::items {
namespace {

Outcome<int> Half(int value) {
  if (value % 2 != 0) return InvalidParameter("odd");
  return value / 2;
}

Outcome<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

Verdict CheckEven(int value) {
  RETURN_IF_ERROR(Half(value));
  return {};
}

TEST(Outcome, HoldsAValueOrTheErrorThatIsAnswered) {
  EXPECT_EQ(*Quarter(8), 2);
  const auto refused = Quarter(6);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "ValidationException");
  EXPECT_EQ(refused.error().http_status, 400);
  EXPECT_EQ(refused.error().message, "One or more parameter values were invalid: odd");
  EXPECT_TRUE(CheckEven(2).ok());
  EXPECT_EQ(CheckEven(1).error().message, refused.error().message);
}

TEST(Outcome, NamesTheTwoKindsOfErrors) {
  EXPECT_EQ(ValidationError("a").code, "ValidationException");
  EXPECT_EQ(SerializationError("a").code, "SerializationException");
}

}  // namespace
}  // namespace leeward::lab::items
