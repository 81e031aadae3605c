#include "lab/services/efs_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
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
  TreeCopy Copy(TreeCopy::Options options = {}) {
    options.root = tree;
    options.scratch = folder.path() / "incoming";
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

}  // namespace
}  // namespace leeward::lab::efs
