// The first copy, and what the options make of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <set>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Read;
using testing::SetTime;
using testing::Tree;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

constexpr std::size_t kLarge = 3 << 20;

std::string Bytes(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size() * 2654435761U) + "\n";
  text.resize(size);
  return text;
}

void Note(const fs::path& path, const std::string& text) {
  ASSERT_EQ(::lsetxattr(path.c_str(), "user.note", text.data(), text.size(), 0), 0) << path;
}

// Something of every kind.
void FillWithEveryKind(const fs::path& root) {
  Write(root / "plain", "text");
  Write(root / "empty", "");
  Write(root / "large", Bytes(kLarge));
  fs::create_directories(root / "d/e/f");
  Write(root / "d/e/f/deep", "deep");
  Write(root / "name\nwith\tbytes \xff\xfe\\", "odd");
  fs::create_directory(root / "\xc3(dir");
  Write(root / "\xc3(dir/x", "x");
  fs::create_symlink("../nowhere/at\nall", root / "d/dangling");
  fs::create_symlink("/etc/passwd", root / "absolute");
  fs::create_symlink(std::string(3000, 'x') + "/y", root / "long");
  fs::create_hard_link(root / "plain", root / "d/other name");
  fs::create_hard_link(root / "plain", root / "a third");
  Write(root / "noted", "n");
  Note(root / "noted", std::string("v\0w", 3));
  Note(root / "d", "of a directory");
  Write(root / "set", "s");
  ASSERT_EQ(::chmod((root / "set").c_str(), 04751), 0);
  Write(root / "closed", "c");
  SetTime(root / "closed", -1000, 999'999'999);
  // To all but the superuser; anybody else's would be closed to the copy as well.
  ASSERT_EQ(::chmod((root / "closed").c_str(), ::geteuid() == 0 ? 0 : 0400), 0);
  SetTime(root / "d/dangling", 1'000'000'000, 123'456'789);
  SetTime(root / "d/e", 86'400, 1);
  ASSERT_EQ(::chmod((root / "d/e").c_str(), 0555), 0);
  ASSERT_EQ(::chmod((root / "d").c_str(), 01777), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::lchown((root / "plain").c_str(), 1234, 4321), 0);
    ASSERT_EQ(::lchown((root / "d/dangling").c_str(), 12, 21), 0);
    ASSERT_EQ(::lchown((root / "d/e/f").c_str(), 1, 2), 0);
    ASSERT_EQ(::chown((root / "set").c_str(), 1, 2), 0);
    ASSERT_EQ(::chmod((root / "set").c_str(), 06751), 0);
  }
}

TEST(CopyTest, EveryKindOfFileArrivesAsItIs) {
  World world;
  FillWithEveryKind(world.source());
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.troubles_seen, 0U);
  EXPECT_EQ(round.walk, Walk::kStart);
  EXPECT_EQ(round.hard_links, 2U);
  EXPECT_EQ(round.owners_kept, ::geteuid() == 0);
  EXPECT_GE(Tree(world.source()).size(), 19U);
  world.ExpectEqual();
  world.ExpectNoLitter();
  EXPECT_EQ(world.replica().instant(), round.instant);
}

TEST(CopyTest, ASecondStartTakesNothingAndASecondRoundLooksAtNothing) {
  World world;
  FillWithEveryKind(world.source());
  world.Run();
  EXPECT_EQ(world.Run().looked_at, 0U);
  world.Close();
  // What was written just before the first round began is in doubt; nothing else is read.
  SetTime(world.source() / "large", 5, 5);
  world.Run();
  world.ExpectEqual();
  world.Close();
  const auto before = Tree(world.destination());
  struct stat first {};
  ASSERT_EQ(::stat((world.destination() / "large").c_str(), &first), 0);
  fs::remove(world.work() / "state");
  EXPECT_EQ(world.Run().files, 0U);  // sizes and times agree
  struct stat second {};
  ASSERT_EQ(::stat((world.destination() / "large").c_str(), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_EQ(Tree(world.destination()), before);
}

TEST(CopyTest, HolesStayHoles) {
  World world;
  const fs::path path = world.source() / "sparse";
  Write(path, "begin");
  constexpr std::uint64_t kSize = 200ULL << 20;
  fs::resize_file(path, kSize);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100 << 20);
    file << "middle";
  }
  Write(world.source() / "only a hole", "");
  fs::resize_file(world.source() / "only a hole", 1 << 20);
  const Round& round = world.Run();
  EXPECT_LT(round.bytes, 1U << 20);
  struct stat copy {};
  ASSERT_EQ(::stat((world.destination() / "sparse").c_str(), &copy), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(copy.st_size), kSize);
  EXPECT_LT(copy.st_blocks * 512, 1 << 20);
  world.ExpectEqual();
}

TEST(CopyTest, APathLongerThanTheSystemTakesIsCopied) {
  World world;
  constexpr int kDepth = 40;
  const std::string name(200, 'n');
  Handle at(::open(world.source().c_str(), O_RDONLY | O_DIRECTORY));
  std::string path;
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at = Handle(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    path = Join(path, name);
  }
  ASSERT_GT(path.size(), 4096U);
  const Handle file(::openat(at.get(), "leaf", O_WRONLY | O_CREAT, 0644));
  ASSERT_EQ(::write(file.get(), "leaf", 4), 4);
  EXPECT_TRUE(world.Run().complete);
  const Handle root(::open(world.destination().c_str(), O_RDONLY | O_DIRECTORY));
  const Opened deep = OpenDirectory(root.get(), path);
  ASSERT_EQ(deep.error, 0);
  Entry leaf;
  EXPECT_EQ(Look(deep.handle.get(), "leaf", leaf), 0);
  EXPECT_EQ(leaf.size, 4U);
  ASSERT_EQ(::renameat(AT_FDCWD, (world.source() / name).c_str(), AT_FDCWD,
                       (world.outside() / "away").c_str()),
            0);
  EXPECT_TRUE(world.Run().complete);
  EXPECT_TRUE(fs::is_empty(world.destination()));
  world.ExpectNoLitter();
}

TEST(CopyTest, WhatIsNoFileIsRefusedByItsName) {
  World world;
  ASSERT_EQ(::mkfifo((world.source() / "pi\npe").c_str(), 0644), 0);
  Write(world.source() / "file", "f");
  Write(world.destination() / "pi\npe", "of an earlier file");
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  ASSERT_EQ(round.troubles.size(), 1U);
  EXPECT_EQ(round.troubles[0].path, "pi\npe");
  EXPECT_EQ(round.troubles[0].why, Why::kKind);
  EXPECT_EQ(round.troubles[0].text, "pi\\x0ape: a pipe, socket or device is not copied");
  EXPECT_FALSE(fs::exists(world.destination() / "pi\npe"));
  EXPECT_EQ(Read(world.destination() / "file"), "f");
}

TEST(CopyTest, WhatTheSourceDoesNotHaveGoesAndKindsChange) {
  World world;
  const fs::path from = world.source();
  const fs::path to = world.destination();
  Write(from / "was a directory", "f");
  fs::create_directories(to / "was a directory/with/more");
  fs::create_directory(from / "was a file");
  Write(from / "was a file/x", "x");
  Write(to / "was a file", "old");
  fs::create_symlink("t", from / "was also a directory");
  fs::create_directories(to / "was also a directory/x");
  Write(from / "was a link", "no link");
  fs::create_symlink(world.outside(), to / "was a link");
  fs::create_directories(to / "gone/with/all");
  Write(to / "gone/with/all/in it", "x");
  Write(to / "gone too", "x");
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
  world.ExpectNoLitter();
  EXPECT_TRUE(fs::is_directory(world.outside()));
}

TEST(CopyTest, OptionsKeepWhatTheySay) {
  World world;
  world.options.overwrite = Overwrite::kNever;
  world.options.deletions = Deletions::kPreserve;
  fs::create_directory(world.source() / "d");
  fs::create_directory(world.destination() / "d");
  ASSERT_EQ(::chmod((world.destination() / "d").c_str(), 0700), 0);
  Write(world.source() / "d/both", "new and longer");
  Write(world.destination() / "d/both", "old");
  Write(world.source() / "d/new", "new");
  Write(world.destination() / "only there", "x");
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.left, 1U);
  EXPECT_EQ(Read(world.destination() / "d/both"), "old");
  EXPECT_EQ(Read(world.destination() / "d/new"), "new");
  EXPECT_EQ(Read(world.destination() / "only there"), "x");
  EXPECT_EQ(fs::status(world.destination() / "d").permissions(), fs::perms::owner_all);
}

TEST(CopyTest, WhatIsNotKeptIsAsOfANewFile) {
  World world;
  for (Keep Options::*kept : {&Options::times, &Options::owner, &Options::group,
                              &Options::permissions, &Options::attributes})
    world.options.*kept = Keep::kIgnored;
  fs::create_directory(world.source() / "d");
  Write(world.source() / "d/f", "f");
  Note(world.source() / "d/f", "x");
  ASSERT_EQ(::chmod((world.source() / "d/f").c_str(), 0400), 0);
  ASSERT_EQ(::chmod((world.source() / "d").c_str(), 0500), 0);
  SetTime(world.source() / "d/f", 1000, 0);
  EXPECT_TRUE(world.Run().complete);
  struct stat copy {};
  ASSERT_EQ(::stat((world.destination() / "d/f").c_str(), &copy), 0);
  EXPECT_EQ(copy.st_mode & 07777U, 0644U);
  EXPECT_EQ(copy.st_uid, ::geteuid());
  EXPECT_GT(copy.st_mtim.tv_sec, 1000);
  EXPECT_EQ(Tree(world.destination())["d/f"].find("note"), std::string::npos);
  ASSERT_EQ(::stat((world.destination() / "d").c_str(), &copy), 0);
  EXPECT_EQ(copy.st_mode & 07777U, 0755U);
  world.Close();
  fs::remove(world.work() / "state");
  EXPECT_EQ(world.Run().files, 0U);
}

// Or the superuser's copy of anybody's program would run as the superuser.
TEST(CopyTest, RightsOfAnOwnerWhoIsNotKeptAreNotGivenToAnother) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "not checked: the superuser alone makes files of another owner";
  for (const Keep group : {Keep::kKept, Keep::kIgnored}) {
    World world;
    world.options.owner = Keep::kIgnored;
    world.options.group = group;
    for (const char* name : {"theirs", "ours"}) Write(world.source() / name, name);
    ASSERT_EQ(::chown((world.source() / "theirs").c_str(), 1234, 4321), 0);
    for (const char* name : {"theirs", "ours"})
      ASSERT_EQ(::chmod((world.source() / name).c_str(), 06755), 0);
    EXPECT_TRUE(world.Run().complete);
    struct stat copy {};
    ASSERT_EQ(::stat((world.destination() / "theirs").c_str(), &copy), 0);
    EXPECT_EQ(copy.st_mode & 07777U, group == Keep::kKept ? 02755U : 0755U);
    EXPECT_EQ(copy.st_uid, 0U);
    ASSERT_EQ(::stat((world.destination() / "ours").c_str(), &copy), 0);
    EXPECT_EQ(copy.st_mode & 07777U, 06755U);
    // Nor is it a difference for ever.
    world.Close();
    fs::remove(world.work() / "state");
    const Round& second = world.Run();
    EXPECT_EQ(second.files + second.metadata, 0U);
  }
}

TEST(CopyTest, FiltersAreHeldToOnBothSides) {
  World world;
  world.options.filter = Filter::Make("/in*|/a/b", "*.tmp").value();
  for (const char* name : {"in", "a/b", "a/c", "out"}) {
    fs::create_directories(world.source() / name);
    Write(world.source() / name / "x", "x");
    Write(world.source() / name / "y.tmp", "y");
  }
  fs::create_directories(world.destination() / "in/gone");
  Write(world.destination() / "in/gone/z", "z");
  Write(world.destination() / "in/gone/kept.tmp", "t");
  fs::create_directories(world.destination() / "in/gone too/deep");
  Write(world.destination() / "not in", "o");
  EXPECT_TRUE(world.Run().complete);
  std::set<std::string> names;
  for (const auto& [name, line] : Tree(world.destination())) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"", "a", "a/b", "a/b/x", "in", "in/x", "in/gone",
                                          "in/gone/kept.tmp", "not in"}));
}

TEST(CopyTest, ADirectoryMakesWayUnlessSomethingInItIsLeftOut) {
  World world;
  world.options.filter = Filter::Make("", "*.tmp").value();
  for (const char* name : {"free", "held"}) {
    Write(world.source() / name, name);
    fs::create_directories(world.destination() / name / "deep");
    Write(world.destination() / name / "deep/x", "x");
  }
  Write(world.destination() / "held/deep/y.tmp", "y");
  const Round& round = world.Run();
  EXPECT_FALSE(round.complete);
  ASSERT_EQ(round.troubles.size(), 1U);
  EXPECT_EQ(round.troubles[0].text,
            "held: in its place is a directory with what the filter leaves out");
  EXPECT_EQ(Read(world.destination() / "free"), "free");
  EXPECT_EQ(Read(world.destination() / "held/deep/y.tmp"), "y");
  EXPECT_FALSE(fs::exists(world.destination() / "held/deep/x"));
}

TEST(CopyTest, AllIsReadAgainWhenAllIsWanted) {
  World world;
  FillWithEveryKind(world.source());
  world.Run();
  world.Close();
  world.options.transfer = Transfer::kAll;
  EXPECT_GE(world.Run().files, 8U);
  world.ExpectEqual();
}

TEST(CopyTest, VerificationReadsBackWhatWasTaken) {
  World world;
  FillWithEveryKind(world.source());
  world.options.verify = Verify::kTransferred;
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.verified, round.files);
  EXPECT_FALSE(round.verifying);
}

TEST(CopyTest, AWalkCountsWhatIsListedAtTheSource) {
  World world;
  fs::create_directory(world.source() / "in");
  Write(world.source() / "in/one", "1");
  Write(world.source() / "two", "2");
  Write(world.source() / "two.tmp", "left out");
  Write(world.destination() / "three", "the copy's");
  fs::create_symlink("two", world.source() / "way");
  ASSERT_EQ(::mkfifo((world.source() / "pipe").c_str(), 0600), 0);
  world.options.filter = *Filter::Make("", "*.tmp");
  EXPECT_EQ(world.Run().listed, 3U);
}

TEST(CopyTest, VerificationOfEverythingFindsWhatLooksEqual) {
  World world;
  FillWithEveryKind(world.source());
  Write(world.destination() / "looks equal", "right");
  fs::copy_file(world.destination() / "looks equal", world.source() / "looks equal");
  Write(world.destination() / "looks equal", "wrong");
  for (const auto& root : {world.source(), world.destination()})
    SetTime(root / "looks equal", 77, 7);
  world.options.verify = Verify::kEverything;
  const Round& round = world.Run();
  EXPECT_FALSE(round.complete);
  ASSERT_EQ(round.troubles.size(), 1U);
  EXPECT_EQ(round.troubles[0].why, Why::kDiffers);
  EXPECT_TRUE(round.verifying);
  EXPECT_EQ(round.differ, 1U);
  EXPECT_EQ(round.troubles[0].text, "looks equal: the copy has other bytes");
  EXPECT_GT(round.verified, round.files);
  EXPECT_FALSE(world.replica().instant());
  const Round& second = world.Run();  // what differed is read again
  EXPECT_TRUE(second.complete);
  world.ExpectEqual();
}

TEST(CopyTest, PlacesThatContainEachOtherAreRefused) {
  World world;
  os::SystemClock clock;
  const auto refused = [&](const fs::path& source, const fs::path& destination,
                           const fs::path& work) {
    const auto opened =
        Replica::Open({source.string(), destination.string(), work.string()}, {}, clock);
    return !opened.ok() && opened.error().code() == base::ErrorCode::kInvalid;
  };
  fs::create_directory(world.source() / "in");
  EXPECT_TRUE(refused(world.source(), world.source(), world.work()));
  EXPECT_TRUE(refused(world.source(), world.source() / "in", world.work()));
  EXPECT_TRUE(refused(world.source() / "in", world.source(), world.work()));
  EXPECT_TRUE(refused(world.source(), world.destination(), world.source() / "work"));
  EXPECT_TRUE(refused(world.source(), world.destination(), world.destination() / "work/"));
  EXPECT_TRUE(refused(world.source(), world.destination(), world.destination()));
  EXPECT_FALSE(fs::exists(world.source() / "work"));
  EXPECT_FALSE(fs::exists(world.destination() / "work"));
  const auto absent =
      Replica::Open({world.outside() / "absent", world.destination(), world.work()}, {}, clock);
  EXPECT_EQ(absent.error().code(), base::ErrorCode::kNotFound);
}

TEST(CopyTest, OptionsWithWhichItWouldNeverGetOnAreRefused) {
  const auto refusal = [](const std::function<void(Options&)>& change) {
    World world;
    os::SystemClock clock;
    change(world.options);
    const auto opened = Replica::Open(world.places(), world.options, clock);
    return opened.ok() ? "taken" : opened.error().message();
  };
  EXPECT_EQ(refusal([](Options& o) { o.entries_a_step = 0; }),
            "entries_a_step is 0, and has to be 1 at least");
  EXPECT_EQ(refusal([](Options& o) { o.bytes_a_step = 0; }),
            "bytes_a_step is 0, and has to be 1 at least");
  EXPECT_EQ(refusal([](Options& o) { o.reads_of_a_busy_file = 0; }),
            "reads_of_a_busy_file is 0, and has to be 1 at least");
  EXPECT_EQ(refusal([](Options& o) { o.named_troubles = 0; }), "taken");
}

TEST(CopyTest, ADirectoryThatCameToItsPathIsNotTakenForTheOneThatWasThere) {
  for (const bool at_the_copy : {false, true}) {
    World world;
    Write(world.source() / "a", "a");
    ASSERT_TRUE(world.Run().complete);
    ASSERT_TRUE(world.replica().Stands());
    const fs::path root = at_the_copy ? world.destination() : world.source();
    fs::rename(root, world.outside() / "away");
    EXPECT_FALSE(world.replica().Stands());
    fs::create_directory(root);
    EXPECT_FALSE(world.replica().Stands());
    const base::WallTime before = *world.replica().instant();
    const Round& round = world.Run();
    EXPECT_FALSE(round.complete);
    ASSERT_EQ(round.troubles.size(), 1U);
    EXPECT_NE(round.troubles[0].text.find("is another directory by now"), std::string::npos);
    EXPECT_EQ(*world.replica().instant(), before);
    world.Close();
    Write(world.source() / "b", "b");
    EXPECT_TRUE(world.Run().complete);
    world.ExpectEqual();
  }
}

TEST(CopyTest, OneCopyWorksInAFolder) {
  World world;
  world.replica();
  os::SystemClock clock;
  const auto second = Replica::Open(world.places(), {}, clock);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), base::ErrorCode::kWrongState);
}

}  // namespace
}  // namespace leeward::lab::trees
