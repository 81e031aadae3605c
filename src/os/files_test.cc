#include "os/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/testing/scratch_folder.h"

namespace leeward::os {
namespace {

class FilesTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  SystemFiles files_;
  const base::testing::ScratchFolder scratch_{"leeward-files-XXXXXX"};
  const std::string directory_ = scratch_.path();
};

TEST_F(FilesTest, WhatIsWrittenIsRead) {
  ASSERT_TRUE(files_.WriteAtomically(Path("a"), "one").ok());
  ASSERT_TRUE(files_.WriteAtomically(Path("a"), "two").ok());
  EXPECT_EQ(*files_.Read(Path("a"), 3), "two");
  EXPECT_EQ(*files_.List(directory_), std::vector<std::string>{"a"});
  struct stat status {};
  ASSERT_EQ(stat(Path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(FilesTest, ReadTellsWhatIsWrong) {
  EXPECT_EQ(files_.Read(Path("none"), 10).error().code(), base::ErrorCode::kNotFound);
  EXPECT_EQ(files_.Read(directory_, 10).error().code(), base::ErrorCode::kInvalid);
  ASSERT_TRUE(files_.WriteAtomically(Path("a"), "12345").ok());
  EXPECT_EQ(files_.Read(Path("a"), 4).error().code(), base::ErrorCode::kExhausted);
}

TEST_F(FilesTest, AppendLocksGrowsAndCuts) {
  auto file = files_.OpenAppend(Path("log"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(files_.OpenAppend(Path("log")).error().code(), base::ErrorCode::kWrongState);
  ASSERT_TRUE((*file)->Append("hello ").ok());
  ASSERT_TRUE((*file)->Append("world").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(*(*file)->Size(), 11u);
  ASSERT_TRUE((*file)->Truncate(5).ok());
  ASSERT_TRUE((*file)->Append("!").ok());
  EXPECT_EQ(*files_.Read(Path("log"), 100), "hello!");
  file->reset();
  EXPECT_TRUE(files_.OpenAppend(Path("log")).ok());
}

TEST_F(FilesTest, FullDiskIsExhausted) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_symlink("/dev/full", Path("full"));
  auto file = files_.OpenAppend(Path("full"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ((*file)->Append("x").error().code(), base::ErrorCode::kExhausted);
}

TEST_F(FilesTest, ExistsAndRemove) {
  EXPECT_FALSE(*files_.Exists(Path("a")));
  ASSERT_TRUE(files_.MakeDirectories(Path("a/b")).ok());
  EXPECT_TRUE(*files_.Exists(Path("a/b")));
  ASSERT_TRUE(files_.Remove(Path("a/b")).ok());
  EXPECT_EQ(files_.Remove(Path("a/b")).error().code(), base::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace leeward::os
