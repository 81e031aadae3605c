#include "lab/dynamo/replicas_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/testing/scratch_folder.h"
#include "os/files.h"

namespace leeward::lab::dynamo {
namespace {

class ReplicasFileTest : public testing::Test {
 protected:
  const base::testing::ScratchFolder folder_{"leeward-replicas-file-XXXXXX"};
  const std::string path_ = folder_.path() / "replicas.json";
  os::SystemFiles files_;
};

TEST_F(ReplicasFileTest, WhatWasSavedLastIsLoaded) {
  EXPECT_EQ(*LoadReplicas(path_, files_), "");
  ASSERT_TRUE(SaveReplicas(path_, "one").ok());
  ASSERT_TRUE(SaveReplicas(path_, "two").ok());
  EXPECT_EQ(*LoadReplicas(path_, files_), "two");
}

TEST_F(ReplicasFileTest, AFullDiskLeavesWhatWasThere) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  ASSERT_TRUE(SaveReplicas(path_, "one").ok());
  std::filesystem::create_symlink("/dev/full", path_ + ".new");
  const base::Status saved = SaveReplicas(path_, "two");
  ASSERT_FALSE(saved.ok());
  EXPECT_EQ(saved.error().code(), base::ErrorCode::kExhausted);
  EXPECT_NE(saved.error().message().find(path_), std::string::npos);
  EXPECT_EQ(*LoadReplicas(path_, files_), "one");
}

// Or a Region would go on as if it had no replicas, and save that.
TEST_F(ReplicasFileTest, WhatCannotBeReadIsNotTakenForNothing) {
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(LoadReplicas(path_, files_).ok());
}

}  // namespace
}  // namespace leeward::lab::dynamo
