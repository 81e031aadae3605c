// The script that puts restored files in their place, run by a real shell in a real folder.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/testing/scratch_folder.h"
#include "steps/efs.h"

namespace leeward::steps {
namespace {

namespace fs = std::filesystem;

constexpr char kFirst[] = "aws-backup-restore_2026-11-23T08-20-53-123Z";
constexpr char kSecond[] = "aws-backup-restore_2026-11-24T08-20-53-123Z";

class PlacingScriptTest : public ::testing::Test {
 protected:
  PlacingScriptTest() : root_(folder_.path() / "root") {
    fs::create_directory(root_);
    std::ofstream(script()) << PlacingScript();
  }
  std::string script() const { return (folder_.path() / "script").string(); }
  void Put(const std::string& file) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << file;
  }
  bool Has(const std::string& file) const { return fs::exists(root_ / file); }
  // Its exit code.
  int Place() const {
    const std::string command =
        "/bin/sh '" + script() + "' '" + root_.string() + "' leeward-restored";
    return WEXITSTATUS(std::system(command.c_str()));
  }

  base::testing::ScratchFolder folder_{"leeward-place-XXXXXX"};
  const fs::path root_;
};

TEST_F(PlacingScriptTest, TheFolderGetsTheKnownNameAndASecondRunChangesNothing) {
  Put(std::string(kFirst) + "/order-1.json");
  Put(std::string(kFirst) + "/.hidden/two words");
  EXPECT_EQ(Place(), 0);
  EXPECT_TRUE(Has("leeward-restored/order-1.json"));
  EXPECT_TRUE(Has("leeward-restored/.hidden/two words"));
  EXPECT_FALSE(Has(kFirst));
  EXPECT_EQ(Place(), 0);
  EXPECT_TRUE(Has("leeward-restored/order-1.json"));
}

TEST_F(PlacingScriptTest, WhatWasRestoredBeforeDoesNotNest) {
  Put(std::string(kSecond) + "/leeward-restored/order-1.json");
  EXPECT_EQ(Place(), 0);
  EXPECT_TRUE(Has("leeward-restored/order-1.json"));
  EXPECT_FALSE(Has("leeward-restored/leeward-restored"));
  EXPECT_FALSE(Has(kSecond));
}

// Somebody put it beside the tasks' folder: it stays where it is.
TEST_F(PlacingScriptTest, NothingIsLostThatLayBesideIt) {
  Put(std::string(kSecond) + "/leeward-restored/order-1.json");
  Put(std::string(kSecond) + "/notes");
  EXPECT_EQ(Place(), 0);
  EXPECT_TRUE(Has("leeward-restored/order-1.json"));
  EXPECT_TRUE(Has(std::string(kSecond) + "/notes"));
}

TEST_F(PlacingScriptTest, NothingIsGuessed) {
  EXPECT_EQ(Place(), 3) << "no folder";
  Put(std::string(kFirst) + "/a");
  Put(std::string(kSecond) + "/b");
  EXPECT_EQ(Place(), 3) << "two";
  EXPECT_TRUE(Has(std::string(kFirst) + "/a"));
}

// An earlier restore of a person's is part of what was backed up.
TEST_F(PlacingScriptTest, AFolderOfThatNameWithinIsAFolderLikeAnyOther) {
  Put(std::string(kSecond) + "/" + kFirst + "/old");
  EXPECT_EQ(Place(), 0);
  EXPECT_TRUE(Has(std::string("leeward-restored/") + kFirst + "/old"));
}

}  // namespace
}  // namespace leeward::steps
