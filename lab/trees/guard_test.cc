// What others do to a destination that is a copy and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Read;
using testing::SetTime;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

void FillGuarded(const fs::path& root) {
  fs::create_directories(root / "d/e");
  for (const char* name : {"a", "d/b", "d/k", "d/e/c"}) {
    Write(root / name, name);
    SetTime(root / name, 500, 0);
  }
}

struct GuardCase {
  std::string name;
  std::function<void(const fs::path&)> change;
  std::vector<std::string> reverted;
};

class GuardTest : public ::testing::TestWithParam<GuardCase> {};

TEST_P(GuardTest, IsUndoneAndSaid) {
  World world;
  world.options.watch = Watch::kBoth;
  FillGuarded(world.source());
  const Round& first = world.Run();
  ASSERT_TRUE(first.complete);
  EXPECT_EQ(first.reverted, 0U);
  world.Run();  // what a round itself does is at most a look more
  ASSERT_FALSE(world.replica().Changed());
  GetParam().change(world.destination());
  EXPECT_TRUE(world.replica().Changed());
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, Walk::kNone);
  EXPECT_EQ(round.reverted, GetParam().reverted.size());
  EXPECT_THAT(round.reverted_paths, ::testing::UnorderedElementsAreArray(GetParam().reverted));
  world.Run();
  world.ExpectEqual();
  world.ExpectNoLitter();
  EXPECT_FALSE(world.replica().Changed());
}

std::string GuardCaseName(const ::testing::TestParamInfo<GuardCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Table, GuardTest,
    ::testing::Values(
        GuardCase{"Written", [](const fs::path& r) { Write(r / "a", "mine"); }, {"a"}},
        GuardCase{"WrittenToLookAsBefore",
                  [](const fs::path& r) {
                    Write(r / "d/b", "B/d");
                    SetTime(r / "d/b", 500, 0);
                  },
                  {"d/b"}},
        GuardCase{"Made", [](const fs::path& r) { Write(r / "d/new", "n"); }, {"d/new"}},
        GuardCase{"Removed", [](const fs::path& r) { fs::remove(r / "d/e/c"); }, {"d/e/c"}},
        GuardCase{
            "Renamed", [](const fs::path& r) { fs::rename(r / "a", r / "d/z"); }, {"a", "d/z"}},
        GuardCase{"SwappedForOneThatLooksAlike",
                  [](const fs::path& r) {
                    ::renameat2(AT_FDCWD, (r / "d/b").c_str(), AT_FDCWD, (r / "d/k").c_str(),
                                RENAME_EXCHANGE);
                  },
                  {"d/b", "d/k"}},
        GuardCase{"PermissionsChanged",
                  [](const fs::path& r) { ::chmod((r / "a").c_str(), 0666); },
                  {"a"}},
        GuardCase{"TreeMade",
                  [](const fs::path& r) {
                    fs::create_directories(r / "m/i/n/e");
                    Write(r / "m/i/n/e/x", "x");
                  },
                  {"m"}},
        GuardCase{"TreeRemoved", [](const fs::path& r) { fs::remove_all(r / "d/e"); }, {"d/e"}},
        GuardCase{
            "TreeRenamed", [](const fs::path& r) { fs::rename(r / "d", r / "D"); }, {"d", "D"}}),
    GuardCaseName);

TEST(GuardedTest, ItsOwnWorkIsNobodyElses) {
  World world;
  world.options.watch = Watch::kBoth;
  FillGuarded(world.source());
  world.Run();
  Write(world.source() / "a", "changed at the source");
  fs::remove_all(world.source() / "d/e");
  fs::rename(world.source() / "d/b", world.source() / "d/bb");
  fs::create_hard_link(world.source() / "a", world.source() / "d/a");
  fs::remove(world.source() / "d/bb");
  fs::create_directories(world.source() / "n/e");
  Write(world.source() / "n/e/w", "w");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(world.Run().reverted, 0U) << i;
  world.ExpectEqual();
  EXPECT_FALSE(world.replica().Changed());
}

TEST(GuardedTest, AChangeOnBothSidesIsTheSources) {
  World world;
  world.options.watch = Watch::kBoth;
  FillGuarded(world.source());
  world.Run();
  Write(world.destination() / "a", "there");
  Write(world.source() / "a", "here");
  const Round& round = world.Run();
  EXPECT_EQ(round.reverted, 0U);
  EXPECT_EQ(Read(world.destination() / "a"), "here");
}

}  // namespace
}  // namespace leeward::lab::trees
