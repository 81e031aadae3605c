// A world that gets in the way: files that change while they are read, channels, races, missing
// permissions, full disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Read;
using testing::Tree;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

constexpr std::uint64_t kPiece = 64 << 10;
constexpr std::size_t kSize = 300'000;

// Lets pieces through, and does something before each.
class Meddler : public Channel {
 public:
  explicit Meddler(std::function<void(std::uint64_t)> act) : act_(std::move(act)) {}
  base::Result<std::uint64_t> Take(std::uint64_t wanted) override {
    act_(wanted);
    return std::min(wanted, kPiece);
  }

 private:
  std::function<void(std::uint64_t)> act_;
};

// The size of a request that is for a file's bytes, not for a name.
bool IsForBytes(std::uint64_t wanted) { return wanted > 1024; }

TEST(TroubleTest, AFileThatChangesWhileItIsReadIsReadAgain) {
  World world;
  const fs::path file = world.source() / "f";
  Write(file, std::string(kSize, 'a'));
  int asked = 0;
  Meddler meddler([&](std::uint64_t wanted) {
    if (IsForBytes(wanted) && ++asked == 3) Write(file, std::string(kSize, 'b'));
  });
  world.channel = &meddler;
  const Round& round = world.Run();
  EXPECT_EQ(round.retaken, 1U);
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(Read(world.destination() / "f"), std::string(kSize, 'b'));
  world.ExpectNoLitter();
}

TEST(TroubleTest, AFileThatShrinksWhileItIsReadIsReadAgain) {
  World world;
  const fs::path file = world.source() / "f";
  Write(file, std::string(kSize, 'a'));
  int asked = 0;
  Meddler meddler([&](std::uint64_t wanted) {
    if (IsForBytes(wanted) && ++asked == 3) fs::resize_file(file, 1000);
  });
  world.channel = &meddler;
  const Round& round = world.Run();
  EXPECT_EQ(round.retaken, 1U);
  EXPECT_EQ(Read(world.destination() / "f"), std::string(1000, 'a'));
}

TEST(TroubleTest, AFileThatIsReplacedWhileItIsReadLeavesNoPart) {
  World world;
  const fs::path file = world.source() / "f";
  Write(file, std::string(kSize, 'a'));
  int asked = 0;
  Meddler meddler([&](std::uint64_t wanted) {
    if (!IsForBytes(wanted) || ++asked != 3) return;
    fs::remove(file);
    fs::create_symlink("/etc/passwd", file);
  });
  world.channel = &meddler;
  world.Run();
  world.ExpectNoLitter();
  world.Run();
  world.ExpectEqual();
}

TEST(TroubleTest, AFileThatNeverRestsKeepsItsLastCopyAndHoldsTheInstantBack) {
  World world;
  const fs::path file = world.source() / "f";
  Write(file, "before");
  world.Run();
  const auto instant = world.replica().instant();
  ASSERT_TRUE(instant);
  world.Close();
  Write(file, std::string(kSize, 'a'));
  bool rests = false;
  int asked = 0;
  Meddler meddler([&](std::uint64_t wanted) {
    if (IsForBytes(wanted) && !rests) std::ofstream(file, std::ios::app) << ++asked;
  });
  world.channel = &meddler;
  const Round& round = world.Run();
  EXPECT_FALSE(round.complete);
  EXPECT_EQ(round.retaken, 2U);
  ASSERT_EQ(round.troubles.size(), 1U);
  EXPECT_EQ(round.troubles[0].text,
            "f: changed each of the 3 times it was read; the last copy stays");
  EXPECT_EQ(Read(world.destination() / "f"), "before");
  EXPECT_EQ(world.replica().instant(), instant);
  world.ExpectNoLitter();
  rests = true;
  EXPECT_TRUE(world.Run().complete);  // it was not forgotten
  world.ExpectEqual();
  EXPECT_GT(world.replica().instant(), instant);
}

TEST(TroubleTest, AFileThatNeverRestsIsTakenAsReadWhereThatIsWanted) {
  World world;
  world.options.busy = Busy::kTakeAsRead;
  const fs::path file = world.source() / "f";
  const std::string begin(kSize, 'a');
  Write(file, begin);
  bool rests = false;
  Meddler meddler([&](std::uint64_t wanted) {
    if (IsForBytes(wanted) && !rests) std::ofstream(file, std::ios::app) << "more";
  });
  world.channel = &meddler;
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  ASSERT_EQ(round.troubles.size(), 1U);
  EXPECT_EQ(round.troubles[0].why, Why::kBusyTaken);
  EXPECT_EQ(Read(world.destination() / "f").substr(0, kSize), begin);
  rests = true;
  world.Run();
  world.ExpectEqual();
}

TEST(TroubleTest, AFileThatChangesIsNotReadToItsEndForNothing) {
  World world;
  world.options.bytes_a_step = kSize / 100;
  world.options.busy = Busy::kTakeAsRead;
  world.options.reads_of_a_busy_file = 5;
  const fs::path file = world.source() / "f";
  Write(file, std::string(kSize, 'a'));
  Meddler meddler([&](std::uint64_t wanted) {
    if (IsForBytes(wanted)) std::ofstream(file, std::ios::app) << "m";
  });
  world.channel = &meddler;
  const Round& round = world.Run();
  EXPECT_TRUE(round.complete);
  EXPECT_EQ(round.retaken, 4U);
  EXPECT_LT(round.bytes, 2 * kSize);
}

// Lets through what it is told to.
class Gate : public Channel {
 public:
  base::Result<std::uint64_t> Take(std::uint64_t wanted) override {
    if (cut) return base::Unreachable("the way is cut");
    const std::uint64_t given = std::min(wanted, room);
    room -= given;
    return given;
  }
  bool cut = false;
  std::uint64_t room = 0;
};

TEST(TroubleTest, ACutWayIsWaitedForAndTheRoundGoesOn) {
  World world;
  Gate gate;
  world.channel = &gate;
  Write(world.source() / "f", std::string(kSize, 'a'));
  Write(world.source() / "g", "g");
  gate.cut = true;
  world.replica().Begin();
  Turn turn = Turn::kMore;
  while (turn == Turn::kMore) turn = world.replica().Step();
  EXPECT_EQ(turn, Turn::kWaiting);
  EXPECT_EQ(world.replica().round().waits_for, "the way is cut");
  EXPECT_TRUE(fs::is_empty(world.destination()));
  gate.cut = false;
  gate.room = kSize / 2;
  while ((turn = world.replica().Step()) == Turn::kMore) {
  }
  EXPECT_EQ(turn, Turn::kWaiting);
  EXPECT_EQ(world.replica().round().waits_for, "room on the way");
  EXPECT_TRUE(fs::is_empty(world.destination()));  // no part of the file is visible
  gate.room = 10 * kSize;
  EXPECT_TRUE(world.Continue().complete);
  world.ExpectEqual();
  // Nothing crossed that was not let through.
  EXPECT_GE(10 * kSize - gate.room, kSize / 2);
}

TEST(TroubleTest, NoMoreCrossesThanIsLetThrough) {
  World world;
  Gate gate;
  world.channel = &gate;
  for (int i = 0; i < 50; ++i)
    Write(world.source() / std::to_string(i), std::string(1000U * static_cast<unsigned>(i), 'x'));
  world.replica().Begin();
  std::uint64_t given = 0;
  for (;;) {
    gate.room += 5'000;
    given += 5'000;
    Turn turn = Turn::kMore;
    while (turn == Turn::kMore) turn = world.replica().Step();
    ASSERT_LE(world.replica().round().bytes, given);
    if (turn == Turn::kDone) break;
  }
  EXPECT_GE(given, 1000U * 49 * 25);
  world.ExpectEqual();
}

// A directory that becomes a symbolic link out of the tree between two steps.
TEST(TroubleTest, ALinkOutOfEitherTreeIsNeverFollowed) {
  for (const bool at_the_copy : {false, true}) {
    World world;
    world.options.entries_a_step = 1;
    fs::create_directories(world.outside() / "secret");
    Write(world.outside() / "secret/x", "secret");
    Write(world.outside() / "secret/precious", "precious");
    for (const char* name : {"d1", "d2", "d3"}) {
      fs::create_directory(world.source() / name);
      Write(world.source() / name / "x", name);
    }
    world.replica().Begin();
    bool swapped = false;
    for (Turn turn = Turn::kMore; turn != Turn::kDone; turn = world.replica().Step()) {
      // As soon as the copies of the directories are there, and before they are opened.
      if (swapped || !fs::exists(world.destination() / "d3")) continue;
      swapped = true;
      const fs::path root = at_the_copy ? world.destination() : world.source();
      for (const char* name : {"d1", "d2"}) {
        fs::remove_all(root / name);
        fs::create_directory_symlink(world.outside() / "secret", root / name);
      }
    }
    ASSERT_TRUE(swapped);
    EXPECT_EQ(Read(world.outside() / "secret/x"), "secret");
    EXPECT_EQ(Read(world.outside() / "secret/precious"), "precious");
    for (const auto& entry : fs::recursive_directory_iterator(world.destination())) {
      if (entry.is_regular_file()) {
        EXPECT_NE(Read(entry.path()), "secret");
      }
    }
    world.replica().WalkNextTime();
    world.Run();
    world.ExpectEqual();
    EXPECT_EQ(std::distance(fs::directory_iterator(world.outside() / "secret"), {}), 2);
  }
}

// In a process of its own, for what it takes on cannot be put down again. True when all of it held.
bool InAChild(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool held = body() && !::testing::Test::HasFailure();
    ::_exit(held ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Round RunOnce(const Places& places, const Options& options) {
  os::SystemClock clock;
  auto replica = Replica::Open(places, options, clock);
  EXPECT_TRUE(replica.ok()) << replica.error().message();
  (*replica)->Begin();
  while ((*replica)->Step() == Turn::kMore) {
  }
  return (*replica)->round();
}

TEST(TroubleTest, AnOrdinaryUserCopiesWhatHeMayReadAndIsToldTheRest) {
  World world;
  ASSERT_EQ(::chmod(world.outside().c_str(), 0777), 0);
  constexpr uid_t kNobody = 65534;
  EXPECT_TRUE(InAChild([&] {
    ::umask(022);
    if (::geteuid() == 0) {
      for (const auto& path : {world.source(), world.destination()})
        EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
      EXPECT_EQ(::setresgid(kNobody, kNobody, kNobody), 0);
      EXPECT_EQ(::setresuid(kNobody, kNobody, kNobody), 0);
    }
    Write(world.source() / "readable", "r");
    Write(world.source() / "closed", "c");
    ::chmod((world.source() / "closed").c_str(), 0);
    fs::create_directories(world.source() / "no writing/inside");
    Write(world.source() / "no writing/inside/x", "x");
    ::chmod((world.source() / "no writing/inside").c_str(), 0555);
    ::chmod((world.source() / "no writing").c_str(), 0555);
    const Round first = RunOnce(world.places(), world.options);
    EXPECT_FALSE(first.owners_kept);
    EXPECT_FALSE(first.complete);
    EXPECT_EQ(first.troubles_seen, 1U);
    EXPECT_EQ(first.troubles.at(0).text, "closed: cannot read it: Permission denied");
    EXPECT_EQ(Read(world.destination() / "no writing/inside/x"), "x");
    // Into, and out of, directories whose copies are closed to writing.
    ::chmod((world.source() / "closed").c_str(), 0400);
    ::chmod((world.source() / "no writing").c_str(), 0755);
    ::chmod((world.source() / "no writing/inside").c_str(), 0755);
    Write(world.source() / "no writing/inside/y", "y");
    fs::remove(world.source() / "no writing/inside/x");
    ::chmod((world.source() / "no writing/inside").c_str(), 0555);
    ::chmod((world.source() / "no writing").c_str(), 0555);
    EXPECT_TRUE(RunOnce(world.places(), world.options).complete);
    EXPECT_EQ(Tree(world.destination()), Tree(world.source()));
    ::chmod((world.source() / "no writing").c_str(), 0755);
    ::chmod((world.source() / "no writing/inside").c_str(), 0755);
    fs::remove_all(world.source() / "no writing");
    EXPECT_TRUE(RunOnce(world.places(), world.options).complete);
    EXPECT_FALSE(fs::exists(world.destination() / "no writing"));
    world.ExpectNoLitter();
    return true;
  }));
}

// From here on this process may mount what nobody else sees. False where the machine lets nobody.
bool TakeMountsOfOurOwn() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (user != 0) {  // remain who we are
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << user << " " << user << " 1";
    std::ofstream("/proc/self/gid_map") << group << " " << group << " 1";
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// A file system of its own with hardly any room, where this machine lets one be made.
TEST(TroubleTest, AFullDiskIsSaidAndTheNextRoundGoesOn) {
  World world;
  constexpr int kNotHere = 77;
  const fs::path small = world.outside() / "small";
  fs::create_directory(small);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!TakeMountsOfOurOwn() || ::mount("none", small.c_str(), "tmpfs", 0, "size=1m") != 0)
      ::_exit(kNotHere);
    fs::create_directory(small / "copy");
    const Places places = {world.source(), small / "copy", small / "work"};
    Write(world.source() / "a", std::string(600'000, 'a'));
    Write(world.source() / "b", std::string(600'000, 'b'));
    Write(world.source() / "c", "c");
    const Round first = RunOnce(places, world.options);
    EXPECT_FALSE(first.complete);
    EXPECT_EQ(first.troubles_seen, 1U);
    EXPECT_EQ(first.troubles.at(0).why, Why::kNoRoom);
    EXPECT_EQ(first.troubles.at(0).text, "b: cannot copy it: No space left on device");
    EXPECT_EQ(Read(small / "copy/c"), "c");
    EXPECT_FALSE(fs::exists(small / "copy/b"));
    EXPECT_TRUE(fs::is_empty(small / "work/made"));
    Write(world.source() / "a", "less");
    EXPECT_TRUE(RunOnce(places, world.options).complete);
    EXPECT_EQ(Tree(small / "copy"), Tree(world.source()));
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotHere)
    GTEST_SKIP() << "not checked: this machine lets nobody mount a file system of his own";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// While it is on, a directory can be opened, and its copy beside it cannot.
class OneDescriptorLeft {
 public:
  // When no directory is open.
  OneDescriptorLeft() {
    const Handle first(::open("/", O_PATH | O_CLOEXEC));
    const Handle second(::open("/", O_PATH | O_CLOEXEC));
    second_ = static_cast<rlim_t>(second.get());
    CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
  }
  ~OneDescriptorLeft() { Off(); }
  void On() {
    rlimit limit = before_;
    limit.rlim_cur = second_;
    CHECK(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  void Off() { CHECK(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }

 private:
  rlim_t second_ = 0;
  rlimit before_{};
};

TEST(TroubleTest, ARootThatCouldNotBeOpenedIsNotForgotten) {
  World world;
  Write(world.source() / "a", "a");
  world.replica();
  OneDescriptorLeft left;
  left.On();
  const Round& first = world.Run();
  left.Off();
  EXPECT_FALSE(first.complete);
  ASSERT_EQ(first.troubles.size(), 1U);
  EXPECT_EQ(first.troubles[0].text, ": cannot open the copy of the directory: Too many open files");
  EXPECT_TRUE(world.replica().Changed());
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
}

TEST(TroubleTest, ADirectoryThatCouldNotBeOpenedInAWalkIsNotForgotten) {
  World world;
  world.options.entries_a_step = 1;
  fs::create_directories(world.source() / "d/e");
  Write(world.source() / "d/x", "x");
  Write(world.source() / "d/e/y", "y");
  world.replica();
  OneDescriptorLeft left;
  world.replica().Begin();
  while (world.replica().round().looked_at == 0) ASSERT_EQ(world.replica().Step(), Turn::kMore);
  left.On();
  EXPECT_FALSE(world.Continue().complete);
  left.Off();
  EXPECT_FALSE(fs::exists(world.destination() / "d"));
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
}

TEST(TroubleTest, WhatWasToldOfADirectoryThatCouldNotBeOpenedIsNotForgotten) {
  for (const std::string where : {".", "d"}) {
    World world;
    fs::create_directories(world.source() / "d/e");
    Write(world.source() / "d/e/untouched", "u");
    world.Run();
    Write(world.source() / where / "x", "x");
    OneDescriptorLeft left;
    left.On();
    EXPECT_FALSE(world.Run().complete) << where;
    left.Off();
    const Round& second = world.Run();
    EXPECT_TRUE(second.complete) << where;
    EXPECT_EQ(second.walk, Walk::kNone) << where;
    EXPECT_LE(second.looked_at, 2U) << where;
    world.ExpectEqual();
  }
}

// What an earlier run threw away and what nobody can remove: a file system is mounted on each.
TEST(TroubleTest, TrashThatStaysDoesNotHoldARoundUp) {
  World world;
  world.options.entries_a_step = 2;
  Write(world.source() / "a", "a");
  constexpr int kNotHere = 77;
  const fs::path trash = world.work() / "trash";
  const pid_t child = ::fork();
  if (child == 0) {
    if (!TakeMountsOfOurOwn()) ::_exit(kNotHere);
    for (const char* name : {"1", "2", "3/4", "3/5", "3/6"}) {
      fs::create_directories(trash / name);
      if (::mount("none", (trash / name).c_str(), "tmpfs", 0, nullptr) != 0) ::_exit(kNotHere);
    }
    fs::create_directories(trash / "7/can/go");
    os::SystemClock clock;
    auto replica = Replica::Open(world.places(), world.options, clock);
    EXPECT_TRUE(replica.ok()) << replica.error().message();
    (*replica)->Begin();
    constexpr int kMostSteps = 1000;
    int steps = 0;
    while (steps < kMostSteps && (*replica)->Step() == Turn::kMore) ++steps;
    EXPECT_LT(steps, kMostSteps);
    EXPECT_TRUE((*replica)->round().complete);
    EXPECT_FALSE(fs::exists(trash / "7"));
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotHere)
    GTEST_SKIP() << "not checked: this machine lets nobody mount a file system of his own";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(TroubleTest, ADirectoryThatIsNotOverwrittenStaysClosed) {
  World world;
  world.options.overwrite = Overwrite::kNever;
  ASSERT_EQ(::chmod(world.outside().c_str(), 0777), 0);
  constexpr uid_t kNobody = 65534;
  EXPECT_TRUE(InAChild([&] {
    if (::geteuid() == 0) {
      for (const auto& path : {world.source(), world.destination()})
        EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
      EXPECT_EQ(::setresgid(kNobody, kNobody, kNobody), 0);
      EXPECT_EQ(::setresuid(kNobody, kNobody, kNobody), 0);
    }
    fs::create_directory(world.source() / "d");
    Write(world.source() / "d/new", "n");
    fs::create_directory(world.destination() / "d");
    EXPECT_EQ(::chmod((world.destination() / "d").c_str(), 0555), 0);
    EXPECT_TRUE(RunOnce(world.places(), world.options).complete);
    EXPECT_EQ(Read(world.destination() / "d/new"), "n");
    struct stat copy {};
    EXPECT_EQ(::stat((world.destination() / "d").c_str(), &copy), 0);
    EXPECT_EQ(copy.st_mode & 07777, 0555U);
    EXPECT_EQ(::chmod((world.destination() / "d").c_str(), 0755), 0);
    return true;
  }));
}

TEST(TroubleTest, ManyNamesOfOneFileThatChangeTogetherFitIntoMemory) {
  World world;
  constexpr int kNames = 1500;
  constexpr long kMostKilobytes = 150 << 10;
  EXPECT_TRUE(InAChild([&] {
    Write(world.source() / "0", "x");
    for (int i = 1; i < kNames; ++i)
      fs::create_hard_link(world.source() / "0", world.source() / std::to_string(i));
    EXPECT_TRUE(world.Run().complete);
    for (int i = 0; i < kNames; ++i)
      EXPECT_EQ(::chmod((world.source() / std::to_string(i)).c_str(), 0640), 0);
    rusage before{};
    rusage after{};
    CHECK(::getrusage(RUSAGE_SELF, &before) == 0);
    const Round& round = world.Run();
    CHECK(::getrusage(RUSAGE_SELF, &after) == 0);
    EXPECT_EQ(round.walk, Walk::kNone);
    EXPECT_LE(round.looked_at, 2U * kNames);  // once to learn which is to lead
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, kMostKilobytes);
    world.ExpectEqual();
    return true;
  }));
}

}  // namespace
}  // namespace leeward::lab::trees
