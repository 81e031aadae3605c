// What happens to the source between rounds, told by the kernel itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <functional>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Read;
using testing::SetTime;
using testing::UntilLongUnchanged;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

struct LiveCase {
  std::string name;
  std::function<void(const fs::path&)> change;
  Walk walk = Walk::kNone;
};

// Two directories that look alike, file by file: same sizes, same times.
void FillAlike(const fs::path& root) {
  for (const char* side : {"one", "two"}) {
    fs::create_directories(root / side / "in/deeper");
    for (const char* name : {"x", "in/x", "in/deeper/x"}) {
      Write(root / side / name, side);
      SetTime(root / side / name, 500, 0);
    }
  }
  for (const char* name : {"a", "b"}) Write(root / name, name);
  fs::create_hard_link(root / "a", root / "one/a");
  fs::create_symlink("a", root / "link");
}

void Swap(const fs::path& left, const fs::path& right) {
  ASSERT_EQ(::renameat2(AT_FDCWD, left.c_str(), AT_FDCWD, right.c_str(), RENAME_EXCHANGE), 0);
}

void WriteInPlace(const fs::path& path, const std::string& text) {
  struct stat before {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  Write(path, text);
  SetTime(path, before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
}

void WriteMapped(const fs::path& path, char byte) {
  const Handle file(::open(path.c_str(), O_RDWR));
  void* at = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(at, MAP_FAILED);
  *static_cast<char*>(at) = byte;
  ASSERT_EQ(::munmap(at, 1), 0);
}

class ChangeTest : public ::testing::TestWithParam<LiveCase> {};

TEST_P(ChangeTest, ReachesTheCopyInTheNextRound) {
  World world;
  FillAlike(world.source());
  ASSERT_TRUE(world.Run().complete);
  ASSERT_FALSE(world.replica().Changed());
  GetParam().change(world.source());
  EXPECT_TRUE(world.replica().Changed());
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, Walk::kNone);
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.troubles_seen, 0U);
  if (GetParam().walk != Walk::kNone) {
    EXPECT_TRUE(world.replica().Changed());
    EXPECT_EQ(world.Run().walk, GetParam().walk);
  }
  world.ExpectEqual();
  world.ExpectNoLitter();
  EXPECT_EQ(world.Run().looked_at, 0U);
}

std::string LiveCaseName(const ::testing::TestParamInfo<LiveCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Table, ChangeTest,
    ::testing::Values(
        LiveCase{"Written", [](const fs::path& r) { Write(r / "b", "more than before"); }},
        LiveCase{"WrittenWithTheOldTime", [](const fs::path& r) { WriteInPlace(r / "one/x", "eno"); }},
        LiveCase{"WrittenThroughAMapping", [](const fs::path& r) { WriteMapped(r / "b", 'm'); }},
        LiveCase{"WrittenUnderAnotherName", [](const fs::path& r) { Write(r / "one/a", "both"); }},
        LiveCase{"Made", [](const fs::path& r) { Write(r / "one/in/new", "n"); }},
        LiveCase{"Removed", [](const fs::path& r) { fs::remove(r / "b"); }},
        LiveCase{"OneNameRemoved", [](const fs::path& r) { fs::remove(r / "a"); }},
        LiveCase{"Renamed", [](const fs::path& r) { fs::rename(r / "b", r / "two/c"); }},
        LiveCase{"RenamedOverAnother", [](const fs::path& r) { fs::rename(r / "b", r / "one/x"); }},
        LiveCase{"FilesSwapped", [](const fs::path& r) { Swap(r / "one/x", r / "two/x"); }},
        LiveCase{"PermissionsChanged", [](const fs::path& r) { ASSERT_EQ(::chmod((r / "b").c_str(), 0600), 0); }},
        LiveCase{"DirectoryPermissionsChanged",
             [](const fs::path& r) { ASSERT_EQ(::chmod((r / "one/in").c_str(), 0700), 0); }},
        LiveCase{"RootPermissionsChanged", [](const fs::path& r) { ASSERT_EQ(::chmod(r.c_str(), 0711), 0); }},
        LiveCase{"TimeChanged", [](const fs::path& r) { SetTime(r / "link", 3, 3); }},
        LiveCase{"AttributeSet",
             [](const fs::path& r) {
               ASSERT_EQ(::setxattr((r / "b").c_str(), "user.note", "v", 1, 0), 0);
             }},
        LiveCase{"DirectoryAttributeSet",
             [](const fs::path& r) {
               ASSERT_EQ(::setxattr((r / "two").c_str(), "user.note", "v", 1, 0), 0);
             }},
        LiveCase{"LinkLeadsElsewhere",
             [](const fs::path& r) {
               fs::remove(r / "link");
               fs::create_symlink("b", r / "link");
             }},
        LiveCase{"TreeMade",
             [](const fs::path& r) {
               fs::create_directories(r / "n/e/w");
               Write(r / "n/e/w/x", "x");
             }},
        LiveCase{"TreeMadeAndWrittenLater",
             [](const fs::path& r) {
               fs::create_directory(r / "n");
               fs::create_directory(r / "n/e");
               Write(r / "n/e/x", "x");
               Write(r / "n/e/x", "longer than before");
             }},
        LiveCase{"TreeRemoved", [](const fs::path& r) { fs::remove_all(r / "two"); }},
        LiveCase{"TreeRemovedAndMadeAnew",
             [](const fs::path& r) {
               fs::remove_all(r / "two");
               fs::create_directories(r / "two/in");
               Write(r / "two/in/x", "new");
             }},
        LiveCase{"TreeRenamed", [](const fs::path& r) { fs::rename(r / "two", r / "one/in/moved"); }},
        LiveCase{"TreeRenamedTwiceAndWritten",
             [](const fs::path& r) {
               fs::rename(r / "two", r / "three");
               Write(r / "three/in/x", "in between");
               fs::rename(r / "three", r / "four");
               Write(r / "four/in/deeper/y", "after");
             }},
        LiveCase{"TreesSwapped", [](const fs::path& r) { Swap(r / "one", r / "two"); }},
        LiveCase{"TreesSwappedBelow", [](const fs::path& r) { Swap(r / "one/in", r / "two/in"); }},
        LiveCase{"TreeMovedAway", [](const fs::path& r) { fs::rename(r / "two", r.parent_path() / "away"); }},
        LiveCase{"TreeMovedAwayAndBack",
             [](const fs::path& r) {
               fs::rename(r / "two", r.parent_path() / "away");
               Write(r.parent_path() / "away/in/x", "away");
               SetTime(r.parent_path() / "away/in/x", 500, 0);
               fs::rename(r.parent_path() / "away", r / "two");
             }},
        LiveCase{"DirectoryBecameAFile",
             [](const fs::path& r) {
               fs::remove_all(r / "two");
               Write(r / "two", "f");
             }},
        LiveCase{"FileBecameADirectory",
             [](const fs::path& r) {
               fs::remove(r / "b");
               fs::create_directory(r / "b");
               Write(r / "b/x", "x");
             }},
        LiveCase{"LinkAdded", [](const fs::path& r) { fs::create_hard_link(r / "b", r / "two/b"); },
             Walk::kLinks},
        LiveCase{"LinkAddedToAFileThatHasSome",
             [](const fs::path& r) { fs::create_hard_link(r / "a", r / "two/a"); }},
        LiveCase{"SharedFileReplaced",
             [](const fs::path& r) {
               Write(r / "fresh", "a");
               fs::rename(r / "fresh", r / "a");
             }}),
    LiveCaseName);

TEST(ChangesLiveTest, WhatIsWrittenDuringARoundIsInTheNext) {
  World world;
  world.options.entries_a_step = 1;
  FillAlike(world.source());
  world.Run();
  Write(world.source() / "one/x", "first");
  world.replica().Begin();
  int steps = 0;
  while (world.replica().Step() != Turn::kDone)
    Write(world.source() / "two/x", std::to_string(++steps));
  EXPECT_GT(steps, 1);
  EXPECT_EQ(Read(world.destination() / "one/x"), "first");
  EXPECT_TRUE(world.replica().Changed());
  EXPECT_EQ(world.Run().walk, Walk::kNone);
  world.ExpectEqual();
}

TEST(ChangesLiveTest, LostEventsAreAWalkAndSaid) {
  std::ifstream limit_file("/proc/sys/fs/inotify/max_queued_events");
  long limit = 0;
  limit_file >> limit;
  ASSERT_GT(limit, 0);
  World world;
  FillAlike(world.source());
  world.Run();
  Write(world.source() / "new", "n");
  // Two in turn, so that no event is one with the last.
  for (long i = 0; i <= limit / 2 + 1; ++i) {
    ASSERT_EQ(::chmod((world.source() / "a").c_str(), 0644), 0);
    ASSERT_EQ(::chmod((world.source() / "b").c_str(), 0644), 0);
  }
  fs::create_directory(world.source() / "after the loss");
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, Walk::kOverflow);
  EXPECT_TRUE(round.complete);
  world.ExpectEqual();
  Write(world.source() / "after the loss/x", "x");
  EXPECT_EQ(world.Run().walk, Walk::kNone);
  world.ExpectEqual();
}

TEST(ChangesLiveTest, WithTooFewWatchesEveryRoundIsAWalkAndSaid) {
  World world;
  world.options.most_watches = 3;
  FillAlike(world.source());
  EXPECT_EQ(world.Run().walk, Walk::kStart);
  Write(world.source() / "two/in/deeper/x", "changed");
  EXPECT_TRUE(world.replica().Changed());
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, Walk::kNoWatches);
  EXPECT_EQ(round.walk_detail, "No space left on device");
  world.ExpectEqual();
  fs::remove_all(world.source() / "two");  // now they suffice, from the walk on that notices it
  fs::remove_all(world.source() / "one/in");
  EXPECT_EQ(world.Run().walk, Walk::kNoWatches);
  EXPECT_EQ(world.Run().walk, Walk::kNone);
}

TEST(ChangesLiveTest, WithoutWatchesEveryRoundIsAWalk) {
  World world;
  world.options.watch = Watch::kNothing;
  FillAlike(world.source());
  world.Run();
  WriteInPlace(world.source() / "one/x", "eno");
  EXPECT_EQ(world.Run().walk, Walk::kNoWatches);
  world.ExpectEqual();
}

TEST(ChangesLiveTest, AWalkFindsWhatChangedWhileNobodyListened) {
  World world;
  FillAlike(world.source());
  world.Run();
  world.Close();
  WriteInPlace(world.source() / "one/x", "eno");  // the same size, the same time
  fs::rename(world.source() / "two", world.source() / "three");
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, Walk::kStart);
  world.ExpectEqual();
}

TEST(ChangesLiveTest, AWalkIsNotTakenInByDirectoriesThatLookAlike) {
  World world;
  FillAlike(world.source());
  UntilLongUnchanged(world.source() / "b", world.outside() / "now");
  world.Run();
  world.Close();
  ASSERT_EQ(::rename((world.source() / "one/in").c_str(), (world.outside() / "in").c_str()), 0);
  fs::rename(world.source() / "two/in", world.source() / "one/in");
  fs::rename(world.outside() / "in", world.source() / "two/in");
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.files, 4U);  // what was in them, and nothing else
  world.ExpectEqual();
}

TEST(ChangesLiveTest, AFileWithNamesOutsideIsLookedAtInEveryRound) {
  World world;
  FillAlike(world.source());
  fs::create_hard_link(world.source() / "b", world.outside() / "outer");
  world.Run();
  Write(world.outside() / "outer", "through the outer name");
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, Walk::kNone);
  EXPECT_EQ(round.looked_at, 1U);
  world.ExpectEqual();
}

TEST(ChangesLiveTest, AWalkIsThereForTheAsking) {
  World world;
  FillAlike(world.source());
  world.Run();
  Write(world.destination() / "foreign", "nobody watches the copy");
  world.replica().WalkNextTime();
  EXPECT_TRUE(world.replica().Changed());
  EXPECT_EQ(world.Run().walk, Walk::kAsked);
  world.ExpectEqual();
  EXPECT_FALSE(world.replica().Changed());
}

}  // namespace
}  // namespace leeward::lab::trees
