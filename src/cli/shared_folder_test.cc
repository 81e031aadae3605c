#include "cli/shared_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/testing/scratch_folder.h"
#include "os/process.h"

namespace leeward::cli {
namespace {

namespace fs = std::filesystem;

// Below a folder that its owner keeps closed, as a home of root is.
class SharedFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::permissions(scratch_.path(), fs::perms::owner_all);
    fs::create_directory(source_);
    std::ofstream(source_ / "stage.yaml") << "open";
    std::ofstream(source_ / "credentials") << "closed";
    fs::permissions(source_ / "credentials", fs::perms{0600});
  }

  const base::testing::ScratchFolder scratch_{"leeward-shared-XXXXXX"};
  const fs::path source_ = fs::path(scratch_.path()) / "shop";
  const fs::path copy_ = fs::path(scratch_.path()) / "copy";
};

TEST_F(SharedFolderTest, TheCopyIsTheEnginesAlone) {
  const auto shared = ReadableByEngines(source_, copy_);
  ASSERT_TRUE(shared.ok()) << shared.error().message();
  const auto user = os::UnprivilegedUser();
  if (!user) {  // whatever is started runs as this user, too
    EXPECT_EQ(*shared, source_.string());
    return;
  }
  EXPECT_EQ(*shared, copy_.string());
  for (const fs::path& path : {copy_, copy_ / "stage.yaml", copy_ / "credentials"}) {
    struct stat seen {};
    ASSERT_EQ(stat(path.c_str(), &seen), 0) << path;
    EXPECT_EQ(seen.st_uid, user->uid) << path;
    EXPECT_EQ(seen.st_mode & 0077u, 0u) << path << " is open to others";
  }
}

TEST_F(SharedFolderTest, AFolderThatIsNotThereIsNamed) {
  const auto shared = ReadableByEngines(source_ / "none", copy_);
  ASSERT_FALSE(shared.ok());
  EXPECT_NE(shared.error().message().find("none"), std::string::npos);
}

}  // namespace
}  // namespace leeward::cli
