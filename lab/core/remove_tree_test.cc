#include "lab/core/remove_tree.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "base/testing/scratch_folder.h"

namespace leeward::lab {
namespace {

namespace fs = std::filesystem;

// In a process of somebody who is not root, whom no permission bits would stop.
bool AsNobody(const std::function<bool()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    const passwd* user = getpwnam("nobody");
    if (getuid() == 0 && (user == nullptr || setgroups(0, nullptr) != 0 ||
                          setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
      _exit(2);
    }
    _exit(act() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class RemoveTreeTest : public testing::Test {
 protected:
  RemoveTreeTest() { fs::permissions(folder.path(), fs::perms(0777)); }
  // A directory that its owner may not write, in one of the same kind, with a link out of it.
  bool MakeLocked() {
    fs::create_directories(tree / "in/ner");
    fs::create_directories(outside);
    std::ofstream(tree / "in/file") << "text";
    std::ofstream(outside / "kept") << "text";
    fs::create_directory_symlink(outside, tree / "in/out");
    for (const fs::path& path : {tree / "in/ner", tree / "in", tree, outside}) {
      fs::permissions(path, fs::perms(0555));
    }
    return true;
  }

  base::testing::ScratchFolder folder{"/tmp/lw-rmt-XXXXXX"};
  fs::path tree = folder.path() / "tree";
  fs::path outside = folder.path() / "outside";
};

TEST_F(RemoveTreeTest, DirectoriesThatMayNotBeWrittenGoWithWhatIsInThem) {
  ASSERT_TRUE(AsNobody([this] { return MakeLocked(); }));
  std::error_code error;
  EXPECT_FALSE(AsNobody([&] { return fs::remove_all(tree, error), !error; }));
  EXPECT_TRUE(AsNobody([this] { return RemoveTree(tree).ok(); }));
  EXPECT_FALSE(fs::exists(tree));
}

TEST_F(RemoveTreeTest, WhatALinkLeadsToStaysAsItIs) {
  ASSERT_TRUE(AsNobody([this] { return MakeLocked(); }));
  EXPECT_TRUE(AsNobody([this] { return RemoveTree(tree).ok(); }));
  EXPECT_EQ(fs::status(outside).permissions(), fs::perms(0555));
  EXPECT_TRUE(fs::exists(outside / "kept"));
}

TEST_F(RemoveTreeTest, NothingThereIsNothingToDo) {
  EXPECT_TRUE(RemoveTree(folder.path() / "absent").ok());
}

TEST_F(RemoveTreeTest, WhatStaysIsSaid) {
  ASSERT_TRUE(AsNobody([this] { return MakeLocked(); }));
  fs::permissions(folder.path(), fs::perms(0755));  // somebody else's, if that is root
  if (getuid() != 0) fs::permissions(folder.path(), fs::perms(0555));
  EXPECT_TRUE(AsNobody([this] {
    const base::Status removed = RemoveTree(tree);
    return !removed.ok() && removed.error().message().find(tree.native()) != std::string::npos;
  }));
  fs::permissions(folder.path(), fs::perms(0777));
  EXPECT_TRUE(AsNobody([this] { return RemoveTree(tree).ok(); }));
}

}  // namespace
}  // namespace leeward::lab
