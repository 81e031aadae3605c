// What a copy does not show: its write permissions, and what becomes of them.
#include "lab/trees/withheld.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <functional>
#include <vector>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Read;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

std::uint32_t ModeOf(const fs::path& path) {
  struct stat now {};
  EXPECT_EQ(::lstat(path.c_str(), &now), 0) << path;
  return now.st_mode & 07777U;
}

void Give(const fs::path& path, std::uint32_t mode) {
  ASSERT_EQ(::chmod(path.c_str(), mode), 0) << path;
}

// Names and their permissions, such as the rule tells and such as it does not.
const std::vector<std::pair<std::string, std::uint32_t>>& Modes() {
  static const std::vector<std::pair<std::string, std::uint32_t>> modes = {
      {"plain", 0644}, {"shared", 0664},   {"locked", 0444}, {"run", 04755},
      {"d/in", 0600},  {"d/shared", 0660}, {"d", 01777},     {".", 0775}};
  return modes;
}

void FillWithModes(const fs::path& root) {
  fs::create_directories(root / "d");
  for (const auto& [name, mode] : Modes()) {
    if (!fs::is_directory(root / name)) Write(root / name, name);
  }
  fs::create_symlink("plain", root / "link");
  for (const auto& [name, mode] : Modes()) Give(root / name, mode);
}

void ExpectHeld(const fs::path& root) {
  for (const auto& [name, mode] : Modes()) EXPECT_EQ(ModeOf(root / name), mode & ~0222U) << name;
}

void ExpectModes(const fs::path& root) {
  for (const auto& [name, mode] : Modes()) EXPECT_EQ(ModeOf(root / name), mode) << name;
}

class WithheldTest : public ::testing::Test {
 protected:
  std::string file() const { return (world.outside() / "held").string(); }
  std::unique_ptr<Withheld> Opened() {
    auto withheld = Withheld::Open(file());
    EXPECT_TRUE(withheld.ok()) << withheld.error().message();
    return *std::move(withheld);
  }
  // As a destination has it: from now on its copies show no write permissions.
  Withheld& Held() {
    world.Close();
    held = Opened();
    EXPECT_TRUE(held->Hold(world.destination()).ok());
    world.withheld = held.get();
    return *held;
  }

  World world;
  std::unique_ptr<Withheld> held;
};

TEST_F(WithheldTest, AHeldTreeShowsNoneAndGetsItsOwnBack) {
  FillWithModes(world.destination());
  ASSERT_TRUE(Opened()->Hold(world.destination()).ok());
  ExpectHeld(world.destination());
  ASSERT_TRUE(Opened()->Hold(world.destination()).ok());  // as after a start
  ExpectHeld(world.destination());
  EXPECT_TRUE(Opened()->holds());
  ASSERT_TRUE(Opened()->Release(world.destination()).ok());
  ExpectModes(world.destination());
  EXPECT_FALSE(Opened()->holds());
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(WithheldTest, WhatIsReleasedInPartGoesOn) {
  FillWithModes(world.destination());
  ASSERT_TRUE(Opened()->Hold(world.destination()).ok());
  Give(world.destination() / "shared", 0664);
  Give(world.destination() / "d", 01777);
  ASSERT_TRUE(Opened()->Release(world.destination()).ok());
  ExpectModes(world.destination());
  // One that was never held is nobody's.
  Give(world.destination() / "plain", 0444);
  ASSERT_TRUE(Opened()->Release(world.destination()).ok());
  EXPECT_EQ(ModeOf(world.destination() / "plain"), 0444U);
}

TEST_F(WithheldTest, ARecordThatWasCutOffIsNone) {
  {
    const auto withheld = Opened();
    ASSERT_EQ(withheld->Keep(1, 0664), 0);
    ASSERT_EQ(withheld->Keep(2, 0664), 0);
    ASSERT_EQ(withheld->Keep(3, 0644), 0);  // by the rule
    EXPECT_EQ(withheld->exceptions(), 2U);
  }
  const std::string whole = Read(file());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    Write(file(), whole.substr(0, length));
    const auto withheld = Opened();
    EXPECT_EQ(withheld->True(2, 0444), 0644U) << length;
    EXPECT_EQ(withheld->True(1, 0444), length * 2 >= whole.size() ? 0664U : 0644U) << length;
    ASSERT_EQ(withheld->Keep(4, 0666), 0);
    EXPECT_EQ(Opened()->True(4, 0444), 0666U) << length;
  }
  Write(file(), std::string(whole.size(), 'x'));
  EXPECT_EQ(Withheld::Open(file()).error().code(), base::ErrorCode::kCorrupt);
}

TEST_F(WithheldTest, WhatCannotBeReadIsNotTakenForNothing) {
  fs::create_directories(file());
  EXPECT_FALSE(Withheld::Open(file()).ok());
}

TEST_F(WithheldTest, AnInodeThatIsAnothersByNowHasNothingOfTheFirst) {
  const auto withheld = Opened();
  ASSERT_EQ(withheld->Keep(1, 0664), 0);
  ASSERT_EQ(withheld->Keep(1, 0644), 0);
  EXPECT_EQ(Opened()->True(1, 0444), 0644U);
  ASSERT_EQ(withheld->Keep(1, 0666), 0);
  EXPECT_EQ(Opened()->True(1, 0400), 0600U);  // what is written down does not fit it
}

TEST_F(WithheldTest, AWalkForgetsWhatIsNoMore) {
  auto withheld = Opened();
  for (std::uint64_t inode = 1; inode <= 1000; ++inode) ASSERT_EQ(withheld->Keep(inode, 0664), 0);
  const auto before = fs::file_size(file());
  withheld->BeginWalk();
  ASSERT_EQ(withheld->Keep(7, 0664), 0);
  withheld->EndWalk();
  EXPECT_EQ(withheld->exceptions(), 1U);
  EXPECT_LT(fs::file_size(file()), before / 100);
  EXPECT_EQ(Opened()->True(7, 0444), 0664U);
  EXPECT_EQ(Opened()->True(8, 0444), 0644U);
  ASSERT_EQ(withheld->Keep(8, 0660), 0);
  EXPECT_EQ(Opened()->True(8, 0440), 0660U);
}

TEST_F(WithheldTest, ACopyIsHeldFromItsFirstMomentAndGetsItsSourcesBack) {
  FillWithModes(world.source());
  testing::UntilLongUnchanged(world.source(), world.outside() / "now");
  Held();
  EXPECT_TRUE(world.Run().complete);
  ExpectHeld(world.destination());
  // Nothing is left to be done, also after a start.
  Held();
  const Round& again = world.Run();
  EXPECT_EQ(again.files + again.metadata, 0U);
  world.Close();
  ASSERT_TRUE(Opened()->Release(world.destination()).ok());
  ExpectModes(world.destination());
}

TEST_F(WithheldTest, PermissionsThatChangeWhereNobodySeesThemAreKept) {
  FillWithModes(world.source());
  Withheld& withheld = Held();
  world.Run();
  Give(world.source() / "plain", 0664);
  Give(world.source() / "shared", 0644);
  Give(world.source() / "locked", 0644);
  Give(world.source() / "d", 01757);
  const Round& round = world.Run();
  EXPECT_EQ(round.walk, trees::Walk::kNone);
  EXPECT_EQ(round.files, 0U);
  world.Close();
  ASSERT_TRUE(withheld.Release(world.destination()).ok());
  EXPECT_EQ(ModeOf(world.destination() / "plain"), 0664U);
  EXPECT_EQ(ModeOf(world.destination() / "shared"), 0644U);
  EXPECT_EQ(ModeOf(world.destination() / "locked"), 0644U);
  EXPECT_EQ(ModeOf(world.destination() / "d"), 01757U);
}

TEST_F(WithheldTest, NamesOfOneFileHaveOneSet) {
  Write(world.source() / "a", "a");
  Give(world.source() / "a", 0664);
  fs::create_hard_link(world.source() / "a", world.source() / "b");
  Withheld& withheld = Held();
  world.Run();
  Give(world.source() / "b", 0646);
  world.Run();
  world.Close();
  ASSERT_TRUE(withheld.Release(world.destination()).ok());
  for (const char* name : {"a", "b"}) EXPECT_EQ(ModeOf(world.destination() / name), 0646U);
}

TEST_F(WithheldTest, WhatOpensACopyIsClosedByTheNextWalk) {
  FillWithModes(world.source());
  Held();
  world.Run();
  Give(world.destination() / "d", 0777);
  Give(world.destination() / "plain", 0666);
  world.replica().WalkNextTime();
  world.Run();
  ExpectHeld(world.destination());
}

// In a process of an ordinary user, whom permissions stop as well.
bool AsNobody(const World& world, const std::function<bool()>& act) {
  constexpr uid_t kNobody = 65534;
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    EXPECT_EQ(::chmod(world.outside().c_str(), 0755), 0);
    for (const fs::path& path : {world.source(), world.destination(), world.outside()})
      EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    if (is_root && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
    ::_exit(act() && !::testing::Test::HasFailure() ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(WithheldTest, AnOrdinaryUserCopiesIntoWhatIsClosedToHimselfToo) {
  EXPECT_TRUE(AsNobody(world, [this] {
    FillWithModes(world.source());
    fs::create_directories(world.source() / "shut");
    Write(world.source() / "shut/x", "x");
    Give(world.source() / "shut", 0500);
    Withheld& withheld = Held();
    EXPECT_TRUE(world.Run().complete);
    ExpectHeld(world.destination());
    EXPECT_FALSE(std::ofstream(world.destination() / "d/mine").good());
    Write(world.source() / "d/new", "new");
    fs::remove(world.source() / "d/in");
    Write(world.source() / "d/shared", "other");
    fs::create_directory(world.source() / "d/e");
    Write(world.source() / "d/e/x", "x");
    const Round& round = world.Run();
    EXPECT_TRUE(round.complete);
    EXPECT_EQ(Read(world.destination() / "d/shared"), "other");
    EXPECT_EQ(Read(world.destination() / "d/e/x"), "x");
    EXPECT_FALSE(fs::exists(world.destination() / "d/in"));
    EXPECT_EQ(ModeOf(world.destination() / "d"), 01555U);
    fs::remove_all(world.source() / "d");
    world.Run();
    EXPECT_FALSE(fs::exists(world.destination() / "d"));
    world.Close();
    EXPECT_TRUE(withheld.Release(world.destination()).ok());
    EXPECT_EQ(ModeOf(world.destination() / "shut"), 0500U);
    EXPECT_EQ(ModeOf(world.destination() / "shared"), 0664U);
    return true;
  }));
}

}  // namespace
}  // namespace leeward::lab::trees
