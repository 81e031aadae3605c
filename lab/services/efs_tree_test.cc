#include "lab/services/efs_tree.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "base/testing/scratch_folder.h"

namespace leeward::lab::efs {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

class EfsTreeTest : public testing::Test {
 protected:
  EfsTreeTest() {
    fs::create_directories(tree);
    fs::create_directories(outside);
  }
  static void Write(const fs::path& path, const std::string& text, std::uint32_t mode = 0644) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    fs::permissions(path, fs::perms(mode));
  }
  static std::string Read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  static std::uint32_t Mode(const fs::path& path) {
    struct stat now {};
    EXPECT_EQ(lstat(path.c_str(), &now), 0) << path;
    return now.st_mode & 07777U;
  }
  HeldModes Modes() {
    auto modes = HeldModes::Open(folder.path() / "modes");
    EXPECT_TRUE(modes.ok());
    return *std::move(modes);
  }
  TreeCopy Copy(TreeCopy::Options options = {}) {
    options.root = tree;
    options.scratch = folder.path() / "incoming";
    options.modes_file = folder.path() / "modes";
    options.changed_since = std::numeric_limits<std::int64_t>::max();
    auto copy = TreeCopy::Begin(std::move(options));
    EXPECT_TRUE(copy.ok());
    return *std::move(copy);
  }
  static Entry Named(std::string name, Entry::Kind kind = Entry::Kind::kFile) {
    Entry entry;
    entry.name = std::move(name);
    entry.kind = kind;
    entry.mode = kind == Entry::Kind::kDirectory ? 0755 : 0644;
    entry.uid = getuid();
    entry.gid = getgid();
    return entry;
  }

  // In a process of the folder's owner, who is not root, whom no permission bits would stop.
  bool AsOwner(const std::function<bool()>& act) {
    const passwd* user = getuid() == 0 ? getpwnam("nobody") : nullptr;
    if (user != nullptr) {
      for (const fs::path& path : {folder.path(), tree}) {
        EXPECT_EQ(chown(path.c_str(), user->pw_uid, user->pw_gid), 0);
      }
    }
    const pid_t child = fork();
    if (child == 0) {
      if (user != nullptr &&
          (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(2);
      }
      _exit(getuid() != 0 && act() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  base::testing::ScratchFolder folder{"/tmp/lw-tree-XXXXXX"};
  fs::path tree = folder.path() / "tree";
  fs::path outside = folder.path() / "outside";
};

TEST_F(EfsTreeTest, NoPathLeadsOut) {
  for (const char* name : {"", ".", "..", "a/b", "/"}) EXPECT_FALSE(IsPlainName(name)) << name;
  EXPECT_FALSE(IsPlainName(std::string_view("a\0b", 3)));
  EXPECT_TRUE(IsPlainName("new\nline"));
  for (const char* path : {"..", "a/../b", "/a", "a//b", "a/"}) {
    EXPECT_FALSE(IsPlainPath(path)) << path;
  }
  EXPECT_TRUE(IsPlainPath(""));
  EXPECT_TRUE(IsPlainPath("a/b"));
}

TEST_F(EfsTreeTest, LinksAreNotFollowedWhenReading) {
  Write(outside / "secret", "secret");
  fs::create_directory_symlink(outside, tree / "way");
  fs::create_symlink(outside / "secret", tree / "file");
  EXPECT_EQ(ListDirectory(tree, "way").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(ReadPiece(tree, {.path = "way/secret"}).ok());
  EXPECT_FALSE(ReadPiece(tree, {.path = "file"}).ok());
  const auto all = ListDirectory(tree, "");
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->at(0).target, (outside / "secret").native());
  EXPECT_EQ(*SizeOf(tree), 0);
}

TEST_F(EfsTreeTest, NothingIsWrittenOutsideTheTree) {
  Write(outside / "mine", "mine");
  fs::create_directory_symlink(outside, tree / "way");
  TreeCopy copy = Copy();
  // A source's directory of the same name takes the link's place.
  ASSERT_TRUE(copy.TakeDirectory("", {Named("way", Entry::Kind::kDirectory)}).ok());
  EXPECT_FALSE(fs::is_symlink(tree / "way"));
  EXPECT_EQ(Read(outside / "mine"), "mine");
  // One that is put there afterwards stops the copy.
  fs::remove(tree / "way");
  fs::create_directory_symlink(outside, tree / "way");
  EXPECT_FALSE(copy.TakeDirectory("way", {}).ok());
  EXPECT_FALSE(copy.PutFile("way/new", Named("new")).ok());
  EXPECT_EQ(Read(outside / "mine"), "mine");
  EXPECT_FALSE(fs::exists(outside / "new"));
  EXPECT_FALSE(copy.TakeDirectory("", {Named("..")}).ok());
}

TEST_F(EfsTreeTest, AHeldTreeHasNoWriteBitsAndGetsItsOwnBack) {
  Write(tree / "plain", "", 0644);
  Write(tree / "shared", "", 0664);
  Write(tree / "locked", "", 0444);
  Write(tree / "run", "", 04755);
  Write(tree / "d/in", "", 0600);
  fs::permissions(tree / "d", fs::perms(01777));
  fs::permissions(tree, fs::perms(0775));
  HeldModes modes = Modes();
  ASSERT_TRUE(HoldTree(tree, modes).ok());
  for (const char* name : {".", "plain", "shared", "locked", "run", "d", "d/in"}) {
    EXPECT_EQ(Mode(tree / name) & 0222U, 0U) << name;
  }
  EXPECT_EQ(Mode(tree / "d"), 01555U);
  ASSERT_TRUE(ReleaseTree(tree, Modes()).ok());
  EXPECT_EQ(Mode(tree), 0775U);
  EXPECT_EQ(Mode(tree / "plain"), 0644U);
  EXPECT_EQ(Mode(tree / "shared"), 0664U);
  EXPECT_EQ(Mode(tree / "locked"), 0444U);
  EXPECT_EQ(Mode(tree / "run"), 04755U);
  EXPECT_EQ(Mode(tree / "d"), 01777U);
  EXPECT_EQ(Mode(tree / "d/in"), 0600U);
}

TEST_F(EfsTreeTest, HoldingTwiceForgetsNothing) {
  Write(tree / "shared", "", 0664);
  Write(tree / "locked", "", 0444);
  for (int i = 0; i < 2; ++i) {
    HeldModes modes = Modes();
    ASSERT_TRUE(HoldTree(tree, modes).ok());
  }
  ASSERT_TRUE(ReleaseTree(tree, Modes()).ok());
  EXPECT_EQ(Mode(tree / "shared"), 0664U);
  EXPECT_EQ(Mode(tree / "locked"), 0444U);
}

TEST_F(EfsTreeTest, ARecordOfBitsThatWasCutOffIsNone) {
  {
    HeldModes modes = Modes();
    ASSERT_TRUE(modes.Keep("one", 0664).ok());
    ASSERT_TRUE(modes.Keep("two", 0664).ok());
  }
  const std::string whole = Read(folder.path() / "modes");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(folder.path() / "modes", std::ios::binary | std::ios::trunc)
        << whole.substr(0, length);
    HeldModes modes = Modes();
    EXPECT_EQ(modes.True("two", 0444), 0644U);
    EXPECT_EQ(modes.True("one", 0444), length * 2 >= whole.size() ? 0664U : 0644U) << length;
    ASSERT_TRUE(modes.Keep("next", 0664).ok());
    EXPECT_EQ(Modes().True("next", 0444), 0664U) << length;
  }
  std::ofstream(folder.path() / "modes", std::ios::trunc) << "rubbish one" << '\0';
  EXPECT_EQ(HeldModes::Open(folder.path() / "modes").error().code(), ErrorCode::kCorrupt);
}

TEST_F(EfsTreeTest, BitsThatCannotBeReadAreNotTakenForNone) {
  fs::create_directories(folder.path() / "modes");
  EXPECT_FALSE(HeldModes::Open(folder.path() / "modes").ok());
}

TEST_F(EfsTreeTest, AFileWhoseHolesCannotBeFoundIsNotTakenForAHole) {
  EXPECT_FALSE(ReadPiece("/proc/self", {.path = "status"}).ok());
}

TEST_F(EfsTreeTest, AFileIsReadInPiecesWithoutItsHoles) {
  {
    std::ofstream sparse(tree / "sparse");
    sparse.seekp(1 << 20);
    sparse << "middle";
    sparse.seekp(3 << 20);
    sparse << "end";
  }
  std::string bytes;
  std::int64_t at = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto piece = ReadPiece(tree, {.path = "sparse", .offset = at, .most = 4096});
    ASSERT_TRUE(piece.ok());
    for (const char c : piece->bytes) {
      if (c != '\0') bytes += c;
    }
    at = piece->next;
    if (piece->last()) break;
  }
  EXPECT_EQ(bytes, "middleend");
  EXPECT_EQ(at, (3 << 20) + 3);
  const auto beyond = ReadPiece(tree, {.path = "sparse", .offset = 9 << 20});
  ASSERT_TRUE(beyond.ok());
  EXPECT_TRUE(beyond->last());
}

TEST_F(EfsTreeTest, WhatIsNewerCanBeLeftAlone) {
  Write(tree / "kept", "mine");
  Write(tree / "extra", "extra");
  TreeCopy::Options options;
  options.holding = Holding::kOpen;
  options.remove_extra = false;
  options.keep_newer = true;
  TreeCopy copy = Copy(std::move(options));
  const auto to_bring = copy.TakeDirectory("", {Named("kept"), Named("new")});
  ASSERT_TRUE(to_bring.ok());
  ASSERT_EQ(to_bring->size(), 1U);
  EXPECT_EQ(to_bring->front().name, "new");
  EXPECT_EQ(copy.counts().skipped, 1);
  EXPECT_EQ(Read(tree / "extra"), "extra");
}

TEST_F(EfsTreeTest, WhatNobodyMayReadIsOverwrittenAndWrittenDown) {
  EXPECT_TRUE(AsOwner([this] {
    Write(tree / "file", "theirs", 0);
    TreeCopy::Options options;
    options.replaced_file = folder.path() / "replaced";
    TreeCopy copy = Copy(std::move(options));
    Piece piece;
    piece.entry = Named("file");
    piece.entry.size = piece.next = 4;
    piece.bytes = "ours";
    return copy.TakeDirectory("", {piece.entry}).ok() && copy.TakePiece("file", piece).ok() &&
           copy.PutFile("file", piece.entry).ok() && Read(tree / "file") == "ours" &&
           Read(folder.path() / "replaced") == "overwrote file\n";
  }));
}

}  // namespace
}  // namespace leeward::lab::efs
