// Any changes in any order, between steps, rounds and restarts: the copy ends up equal. Files look
// alike on purpose, all of one size and one time, so that only what was told can find them.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "lab/trees/testing.h"

namespace leeward::lab::trees {
namespace {

using testing::Tree;
using testing::World;
namespace fs = std::filesystem;

class Changer {
 public:
  Changer(fs::path root, unsigned seed) : root_(std::move(root)), dice_(seed) {}

  unsigned Roll(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }

  // One change, or an attempt at one; what cannot be is no change. What it was goes to `done`.
  void Change() {
    const fs::path path = Path();
    const fs::path other = Path();
    std::error_code error;
    switch (Roll(12)) {
      case 0:
      case 1:
      case 2:
        return WriteFile(path);
      case 3:
        Note("mkdir", path);
        fs::create_directories(path, error);
        return;
      case 4:
        Note("remove", path);
        fs::remove(path, error);
        return;
      case 5:
        if (Roll(3) != 0) return;
        Note("remove all", path);
        fs::remove_all(path, error);
        return;
      case 6:
      case 7:
        Note("rename to " + other.string(), path);
        fs::rename(path, other, error);
        return;
      case 8:
        Note("swap with " + other.string(), path);
        ::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
        return;
      case 9:
        Note("link to " + other.string(), path);
        static_cast<void>(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, other.c_str(), 0));
        return;
      case 10:
        Note("symlink", path);
        fs::create_symlink("target" + std::to_string(Roll(2)), path, error);
        return;
      default:
        if (fs::is_symlink(path, error) || !fs::exists(path, error)) return;
        Note("chmod", path);
        static_cast<void>(::chmod(path.c_str(), Roll(2) == 0 ? 0755 : 0711));
    }
  }

  const std::string& done() const { return done_; }

 private:
  void Note(const std::string& what, const fs::path& path) {
    done_ += what + " " + path.string().substr(root_.string().size()) + "\n";
  }

  void WriteFile(const fs::path& path) {
    std::error_code error;
    if (fs::is_symlink(path, error) || fs::is_directory(path, error) ||
        !fs::is_directory(path.parent_path(), error))
      return;
    Note("write", path);
    const Handle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW, 0644));
    if (!file.valid()) return;
    const std::string text = std::to_string(100 + Roll(900));
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), 3);
    const timespec times[2] = {{0, UTIME_OMIT}, {500, 0}};
    ASSERT_EQ(::futimens(file.get(), times), 0);
  }

  fs::path Path() {
    fs::path path = root_;
    const unsigned depth = 1 + Roll(3);
    for (unsigned i = 0; i < depth; ++i) path /= std::string(1, static_cast<char>('a' + Roll(3)));
    return path;
  }

  const fs::path root_;
  std::mt19937 dice_;
  std::string done_;
};

void Settle(World& world) {
  constexpr int kMostRounds = 8;
  for (int i = 0; i < kMostRounds; ++i) {
    world.Run();
    if (!world.replica().Changed()) return;
  }
  ADD_FAILURE() << "there is always something to do";
}

void Story(World& world, Changer& source, const std::function<void()>& meddle) {
  constexpr int kChapters = 40;
  for (int chapter = 0; chapter < kChapters; ++chapter) {
    for (unsigned i = source.Roll(12); i > 0; --i) source.Change();
    meddle();
    if (source.Roll(8) == 0) world.Close();
    if (source.Roll(2) == 0) {  // changes in the middle of a round
      world.replica().Begin();
      while (world.replica().Step() != Turn::kDone) {
        if (source.Roll(3) == 0) source.Change();
        if (source.Roll(40) == 0) {
          world.Close();
          break;
        }
      }
    }
    Settle(world);
    ASSERT_EQ(Tree(world.destination()), Tree(world.source())) << source.done();
    world.ExpectNoLitter();
    ASSERT_FALSE(::testing::Test::HasFailure()) << source.done();
  }
}

class RandomTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(RandomTest, TheCopyEndsUpEqual) {
  World world;
  world.options.entries_a_step = 2;
  Changer source(world.source(), GetParam());
  Story(world, source, [] {});
}

TEST_P(RandomTest, TheCopyEndsUpEqualWhereOthersMeddleWithIt) {
  World world;
  world.options.entries_a_step = 2;
  world.options.watch = Watch::kBoth;
  Changer source(world.source(), GetParam());
  Changer copy(world.destination(), GetParam() + 1000);
  Story(world, source, [&] {
    world.replica();  // somebody watches
    for (unsigned i = copy.Roll(4); i > 0; --i) copy.Change();
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTest, ::testing::Range(1U, 6U));

}  // namespace
}  // namespace leeward::lab::trees
