#include "lab/trees/beneath.h"

#include <gtest/gtest.h>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

// What is taken apart in small steps is listed in each: all of a large directory would be too much.
TEST(NamesTest, NoMoreOfALargeDirectoryAreReadThanWereAskedForAndABit) {
  const base::testing::ScratchFolder folder("leeward-names-XXXXXX");
  constexpr std::size_t kFiles = 2000;
  for (std::size_t i = 0; i < kFiles; ++i)
    testing::Write(folder.path() / (std::string(100, 'n') + std::to_string(i)), "");
  const Handle directory = OpenRoot(folder.path()).value();
  Names names;
  ASSERT_EQ(names.Read(directory.get(), 10), 0);
  EXPECT_GE(names.size(), 10U);
  EXPECT_LT(names.size(), kFiles / 2);
  ASSERT_EQ(names.Read(directory.get(), kFiles), 0);
  EXPECT_EQ(names.size(), kFiles);
  ASSERT_EQ(names.Read(directory.get()), 0);
  EXPECT_EQ(names.size(), kFiles);
}

}  // namespace
}  // namespace leeward::lab::trees
