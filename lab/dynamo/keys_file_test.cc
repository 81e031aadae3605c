#include "lab/dynamo/keys_file.h"

#include <gtest/gtest.h>

#include "base/testing/scratch_folder.h"
#include "os/files.h"

namespace leeward::lab::dynamo {
namespace {

class KeysFileTest : public testing::Test {
 protected:
  std::string Found(std::string_view name) {
    const auto key = FindKey(name, path_, files_);
    if (!key.ok()) return "unreadable";
    if (!*key) return "none";
    return (*key)->arn + ((*key)->usable ? "" : " disabled");
  }

  base::testing::ScratchFolder folder_{"leeward-keys-XXXXXX"};
  std::string path_ = folder_.path() / "keys.json";
  os::SystemFiles files_;
};

TEST_F(KeysFileTest, AKeyIsFoundByEachOfItsNamesAndIsWhatItIsNow) {
  EXPECT_EQ(Found("one"), "unreadable");
  ASSERT_TRUE(SaveKeys({{{"arn:one", true}, {"one", "arn:one", "alias/first"}},
                        {{"arn:two", true}, {"two", "arn:two"}}},
                       path_, files_)
                  .ok());
  for (const char* name : {"one", "arn:one", "alias/first"}) EXPECT_EQ(Found(name), "arn:one");
  EXPECT_EQ(Found("alias/second"), "none");
  ASSERT_TRUE(SaveKeys({{{"arn:two", false}, {"two", "alias/first"}}}, path_, files_).ok());
  EXPECT_EQ(Found("alias/first"), "arn:two disabled");
  EXPECT_EQ(Found("one"), "none");
}

}  // namespace
}  // namespace leeward::lab::dynamo
