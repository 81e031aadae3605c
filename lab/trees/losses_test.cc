// What a destination had of its own, and loses to its first copy.
#include "lab/trees/losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using ::testing::ElementsAre;
using testing::Read;
using testing::SetTime;
using ::testing::UnorderedElementsAre;
using testing::World;
using testing::Write;
namespace fs = std::filesystem;

class Listed : public Losses {
 public:
  base::Status Removes(std::string_view path) override { return Tell("removed", path); }
  base::Status Overwrites(std::string_view path) override { return Tell("overwrote", path); }
  std::vector<std::string> told;
  bool refuses = false;

 private:
  base::Status Tell(const std::string& what, std::string_view path) {
    if (refuses) return base::Exhausted("no more can be written down");
    told.push_back(what + " " + std::string(path));
    return base::Ok();
  }
};

class LossesTest : public ::testing::Test {
 protected:
  LossesTest() {
    world.losses = &losses;
    world.options.transfer = Transfer::kAll;
  }
  Listed losses;
  World world;
};

TEST_F(LossesTest, EachThatGoesOrHoldsSomethingElseIsTold) {
  for (const fs::path& root : {world.source(), world.destination()}) {
    fs::create_directories(root / "d");
    Write(root / "d/same", "same");
    Write(root / "touched", "same as well");
    Write(root / "d/longer", root == world.source() ? "long" : "longer");
    Write(root / "alike", root == world.source() ? "here" : "else");
    SetTime(root / "alike", 500, 0);
    fs::create_symlink(root == world.source() ? "a" : "b", root / "link");
  }
  fs::create_directories(world.destination() / "own/deep");
  Write(world.destination() / "own/deep/file", "mine");
  Write(world.destination() / "own/file", "mine");
  Write(world.destination() / "extra", "mine");
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
  EXPECT_THAT(losses.told,
              UnorderedElementsAre("overwrote d/longer", "overwrote alike", "overwrote link",
                                   "removed own/deep/file", "removed own/file", "removed own/deep",
                                   "removed own", "removed extra"));
  world.ExpectNoLitter();
}

TEST_F(LossesTest, WhatGivesWayToAnotherKindIsTold) {
  fs::create_directories(world.source() / "was-file");
  Write(world.source() / "was-directory", "file");
  Write(world.source() / "was-link", "file");
  fs::create_symlink("to", world.source() / "was-directory-too");
  Write(world.destination() / "was-file", "mine");
  fs::create_directories(world.destination() / "was-directory/in");
  Write(world.destination() / "was-directory/in/file", "mine");
  fs::create_symlink("mine", world.destination() / "was-link");
  fs::create_directories(world.destination() / "was-directory-too");
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
  EXPECT_THAT(losses.told, UnorderedElementsAre("removed was-file", "removed was-directory/in/file",
                                                "removed was-directory/in", "removed was-directory",
                                                "removed was-link", "removed was-directory-too"));
}

TEST_F(LossesTest, WhatCannotBeToldStays) {
  Write(world.source() / "file", "theirs");
  Write(world.destination() / "file", "mine!!");
  fs::create_directories(world.destination() / "own");
  Write(world.destination() / "own/file", "mine");
  losses.refuses = true;
  EXPECT_FALSE(world.Run().complete);
  EXPECT_EQ(Read(world.destination() / "file"), "mine!!");
  EXPECT_EQ(Read(world.destination() / "own/file"), "mine");
  losses.refuses = false;
  EXPECT_TRUE(world.Run().complete);
  world.ExpectEqual();
}

TEST_F(LossesTest, OfLaterChangesNothingIsTold) {
  Write(world.source() / "file", "1");
  Write(world.source() / "gone", "1");
  Write(world.source() / "kept", "1");
  testing::UntilLongUnchanged(world.source() / "file", world.outside() / "now");
  world.Run();
  world.replica().EndFirstCopy();
  Write(world.source() / "file", "2");
  fs::remove(world.source() / "gone");
  const Round& round = world.Run();
  EXPECT_EQ(round.files, 1U);
  world.ExpectEqual();
  EXPECT_THAT(losses.told, ElementsAre());
  Write(world.destination() / "file", "3");
  world.replica().WalkNextTime();
  EXPECT_EQ(world.Run().files, 1U);
  EXPECT_THAT(losses.told, ElementsAre());
}

}  // namespace
}  // namespace leeward::lab::trees
