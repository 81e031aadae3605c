#include <gtest/gtest.h>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Tree;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

constexpr std::uint32_t kMostAside = 1000;  // names, before a directory comes to its place

std::size_t CountIn(const fs::path& directory) {
  std::error_code none;
  const fs::directory_iterator names(directory, none);
  return none ? 0 : static_cast<std::size_t>(std::distance(names, fs::directory_iterator()));
}

void Fill(const fs::path& directory, int count) {
  fs::create_directories(directory);
  for (int i = 0; i < count; ++i) Write(directory / std::to_string(i), std::to_string(i));
}

TEST(AsideTest, ADirectoryIsNotSeenBeforeAllOfItIsThere) {
  World world;
  world.options.entries_a_step = 1;
  Fill(world.source() / "d", 20);
  fs::create_directory(world.source() / "d/e");
  testing::SetTime(world.source() / "d", 1'000'000'000, 5);
  world.replica().Begin();
  std::size_t seen = 0;
  while (world.replica().Step() != Turn::kDone) {
    const std::size_t now = CountIn(world.destination() / "d");
    // Its own directory comes later, as one that is full as well.
    EXPECT_TRUE(now == 0 || now >= 20U) << now;
    seen = std::max(seen, now);
  }
  EXPECT_EQ(seen, 21U);
  EXPECT_EQ(world.replica().round().directories, 2U);
  world.ExpectEqual();
  world.ExpectNoLitter();
}

TEST(AsideTest, OneWithManyNamesComesBeforeItIsFull) {
  World world;
  world.options.entries_a_step = 1;
  Fill(world.source() / "d", kMostAside + 200);
  world.replica().Begin();
  std::size_t first_seen = 0;
  while (world.replica().Step() != Turn::kDone) {
    if (first_seen == 0) first_seen = CountIn(world.destination() / "d");
  }
  EXPECT_EQ(first_seen, kMostAside);
  EXPECT_TRUE(world.replica().round().complete);
  world.ExpectEqual();
  world.ExpectNoLitter();
}

TEST(AsideTest, WhatAnEndLeavesAsideIsSweptAndDoneAgain) {
  World world;
  world.options.entries_a_step = 1;
  Fill(world.source() / "d", 50);
  world.replica().Begin();
  while (CountIn(world.work() / "made") == 0) ASSERT_EQ(world.replica().Step(), Turn::kMore);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(world.replica().Step(), Turn::kMore);
  EXPECT_FALSE(fs::exists(world.destination() / "d"));
  world.Close();
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
  world.ExpectNoLitter();
}

TEST(AsideTest, NamesOfOneInodeAreOneThereAsWell) {
  World world;
  fs::create_directories(world.source() / "d/e");
  Write(world.source() / "d/a", "one");
  for (const char* other : {"d/b", "d/e/c", "d/e/d"})
    fs::create_hard_link(world.source() / "d/a", world.source() / other);
  const Round& round = world.Run();
  EXPECT_EQ(round.files, 1U);
  EXPECT_EQ(round.hard_links, 3U);
  world.ExpectEqual();
  world.ExpectNoLitter();
}

TEST(AsideTest, NewDirectoriesInOldOnesLeaveTheirTimesAndPermissions) {
  World world;
  world.options.watch = Watch::kBoth;
  Fill(world.source() / "old/closed", 3);
  world.Run();
  Fill(world.source() / "old/closed/new/newer", 3);
  fs::permissions(world.source() / "old/closed", fs::perms::owner_read | fs::perms::owner_exec);
  testing::SetTime(world.source() / "old/closed", 1'000'000'000, 5);
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.directories, 2U);
  EXPECT_EQ(round.reverted, 0U);
  world.ExpectEqual();
  const Round& after = world.Run();
  EXPECT_EQ(after.walk, Walk::kNone);
  EXPECT_EQ(after.files + after.directories + after.metadata + after.reverted, 0U)
      << "our own work was taken for somebody else's";
}

TEST(AsideTest, WhereItsPlaceIsTakenAwayMeanwhileItIsMadeAgain) {
  World world;
  world.options.entries_a_step = 1;
  Fill(world.source() / "d/e", 20);
  world.replica().Begin();
  while (!fs::exists(world.destination() / "d")) ASSERT_EQ(world.replica().Step(), Turn::kMore);
  ASSERT_EQ(world.replica().Step(), Turn::kMore);
  fs::remove_all(world.destination() / "d");
  world.Continue();
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
}

}  // namespace
}  // namespace leeward::lab::trees
