#include "lab/trees/sizing.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/testing/scratch_folder.h"

namespace leeward::lab::trees {
namespace {

namespace fs = std::filesystem;

class SizingTest : public ::testing::Test {
 protected:
  static void Write(const fs::path& path, std::size_t size) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << std::string(size, 'x');
  }
  base::testing::ScratchFolder folder{"/tmp/lw-sizing-XXXXXX"};
  fs::path tree = folder.path();
};

TEST_F(SizingTest, EachFileCountsOnceAndLinksLeadNowhere) {
  Write(tree / "a" / "one", 100);
  Write(tree / "b" / "c" / "two", 20);
  Write(tree / "three", 3);
  fs::create_hard_link(tree / "three", tree / "b" / "again");
  fs::create_symlink(tree / "a", tree / "way");
  auto sizing = Sizing::Begin(tree.native());
  ASSERT_TRUE(sizing.ok());
  while (!sizing->Step(100)) {
  }
  EXPECT_EQ(sizing->bytes(), 123U);
}

TEST_F(SizingTest, AStepLooksAtNoMoreThanItIsGiven) {
  for (int i = 0; i < 50; ++i) Write(tree / std::to_string(i), 1);
  auto sizing = Sizing::Begin(tree.native());
  ASSERT_TRUE(sizing.ok());
  EXPECT_FALSE(sizing->Step(10));
  EXPECT_EQ(sizing->bytes(), 9U);  // one of them opened the root
  int steps = 1;
  while (!sizing->Step(10)) ++steps;
  EXPECT_EQ(sizing->bytes(), 50U);
  EXPECT_EQ(steps, 5);
}

TEST_F(SizingTest, WhatGoesMeanwhileCountsNothing) {
  Write(tree / "a" / "one", 100);
  Write(tree / "b" / "two", 20);
  auto sizing = Sizing::Begin(tree.native());
  ASSERT_TRUE(sizing.ok());
  EXPECT_FALSE(sizing->Step(3));  // the root, and both names in it
  fs::remove_all(tree / "a");
  EXPECT_TRUE(sizing->Step(100));
  EXPECT_EQ(sizing->bytes(), 20U);
  EXPECT_FALSE(Sizing::Begin((tree / "none").native()).ok());
}

}  // namespace
}  // namespace leeward::lab::trees
