#include "lab/items/set_operations.h"

#include <gtest/gtest.h>

#include <string>

#include "lab/items/attribute.h"

namespace leeward::lab::items {
namespace {

using Values = std::vector<std::string>;

TEST(SetOperations, KeepTheOrderInWhichValuesCame) {
  EXPECT_EQ(Union(StringSet{{"c", "a"}}, StringSet{{"b", "a", "d"}}).values,
            (Values{"c", "a", "b", "d"}));
  EXPECT_EQ(Difference(StringSet{{"c", "a", "b"}}, StringSet{{"a", "x"}})->values,
            (Values{"c", "b"}));
}

TEST(SetOperations, LeaveNoEmptySet) {
  EXPECT_FALSE(Difference(StringSet{{"a"}}, StringSet{{"b", "a"}}).has_value());
}

TEST(SetOperations, AreMadeForLargeSets) {
  NumberSet even, odd;
  for (int i = 0; i < 40'000; ++i) {
    (i % 2 == 0 ? even : odd).values.push_back(Number::FromInteger(i));
  }
  const NumberSet all = Union(even, odd);
  EXPECT_EQ(all.values.size(), 40'000U);
  EXPECT_EQ(Difference(all, odd)->values, even.values);
}

}  // namespace
}  // namespace leeward::lab::items
