#include "lab/trees/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>

#include <string>

namespace leeward::lab::trees {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kEnough = 1000;
constexpr int kRoot = 1;

// "dir: name=touch ..." of each dirty directory.
std::vector<std::string> Taken(ChangeSet& changes) {
  std::vector<std::string> lines;
  for (const DirtyDirectory& directory : changes.Take()) {
    std::string line = directory.path + ":";
    if (directory.all) line += " all";
    for (const auto& [name, touch] : directory.names)
      line += " " + name + "=" + std::string("mct").substr(static_cast<std::size_t>(touch), 1);
    lines.push_back(line);
  }
  return lines;
}

struct TouchCase {
  std::uint32_t mask;
  char expected;  // m, c, t
};

class TouchTest : public ::testing::TestWithParam<TouchCase> {};

TEST_P(TouchTest, AnEventSaysWhatMayHaveChanged) {
  ChangeSet changes(kEnough);
  changes.Watched("", kRoot);
  EXPECT_THAT(changes.Apply({kRoot, GetParam().mask, "x"}), IsEmpty());
  EXPECT_THAT(Taken(changes), ElementsAre(std::string(": x=") + GetParam().expected));
  EXPECT_TRUE(changes.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, TouchTest,
    ::testing::Values(TouchCase{IN_ATTRIB, 'm'}, TouchCase{IN_MODIFY, 'c'},
                      TouchCase{IN_CLOSE_WRITE, 'c'}, TouchCase{IN_CREATE, 'c'},
                      TouchCase{IN_DELETE, 'c'}, TouchCase{IN_MOVED_TO, 'c'},
                      TouchCase{IN_MOVED_FROM, 'c'}, TouchCase{IN_CREATE | IN_ISDIR, 't'},
                      TouchCase{IN_MOVED_TO | IN_ISDIR, 't'}, TouchCase{IN_ATTRIB | IN_ISDIR, 'm'},
                      TouchCase{IN_DELETE | IN_ISDIR, 'c'}));

TEST(ChangeSetTest, TheStrongestTouchOfANameStays) {
  ChangeSet changes(kEnough);
  changes.Watched("", kRoot);
  changes.Apply({kRoot, IN_MODIFY, "x"});
  changes.Apply({kRoot, IN_ATTRIB, "x"});
  EXPECT_THAT(Taken(changes), ElementsAre(": x=c"));
}

TEST(ChangeSetTest, ParentsComeFirst) {
  ChangeSet changes(kEnough);
  changes.Watched("a/b", 3);
  changes.Watched("a", 2);
  changes.Apply({3, IN_MODIFY, "deep"});
  changes.Apply({2, IN_MODIFY, "x"});
  EXPECT_THAT(Taken(changes), ElementsAre("a: x=c", "a/b: deep=c"));
}

TEST(ChangeSetTest, ADirectoryThatLeavesTakesItsWatchesAlong) {
  ChangeSet changes(kEnough);
  changes.Watched("", kRoot);
  changes.Watched("a", 2);
  changes.Watched("a/b", 3);
  changes.Apply({3, IN_MODIFY, "x"});
  EXPECT_THAT(changes.Apply({kRoot, IN_MOVED_FROM | IN_ISDIR, "a"}), UnorderedElementsAre(2, 3));
  changes.Apply({kRoot, IN_MOVED_TO | IN_ISDIR, "c"});
  EXPECT_THAT(changes.Apply({3, IN_MODIFY, "late"}), IsEmpty());  // of a watch that is gone
  EXPECT_FALSE(changes.IsWatched("a/b"));
  EXPECT_THAT(Taken(changes), ElementsAre(": a=c c=t"));
  EXPECT_EQ(changes.watches(), 1U);
}

TEST(ChangeSetTest, AWatchFollowsItsDirectoryBeforeTheEventOfTheMoveIsRead) {
  ChangeSet changes(kEnough);
  changes.Watched("", kRoot);
  changes.Watched("a", 2);
  changes.Watched("b", 2);  // the walk met the same directory at its new place
  EXPECT_FALSE(changes.IsWatched("a"));
  EXPECT_THAT(changes.Apply({kRoot, IN_MOVED_FROM | IN_ISDIR, "a"}), IsEmpty());
  changes.Take();
  changes.Apply({2, IN_MODIFY, "x"});
  EXPECT_THAT(Taken(changes), ElementsAre("b: x=c"));
}

TEST(ChangeSetTest, TooManyNamesMakeTheDirectoryDirtyAsAWhole) {
  ChangeSet changes(2);
  changes.Watched("", kRoot);
  changes.Watched("d", 2);
  changes.Apply({2, IN_CREATE | IN_ISDIR, "new"});
  for (const char* name : {"a", "b", "c", "d"}) changes.Apply({2, IN_MODIFY, name});
  changes.Apply({kRoot, IN_MODIFY, "x"});
  EXPECT_THAT(Taken(changes), ElementsAre(": x=c", "d: all new=t"));
  changes.Apply({2, IN_MODIFY, "a"});
  EXPECT_THAT(Taken(changes), ElementsAre("d: a=c"));  // afterwards names are kept again
}

TEST(ChangeSetTest, LostEventsAreSaidUntilAllIsBegunAnew) {
  for (const std::uint32_t mask : {IN_Q_OVERFLOW, IN_UNMOUNT}) {
    ChangeSet changes(kEnough);
    changes.Watched("", kRoot);
    changes.Watched("a", 2);
    changes.Apply({mask == IN_Q_OVERFLOW ? -1 : kRoot, mask, ""});
    EXPECT_TRUE(changes.lost());
    EXPECT_THAT(changes.Reset(), UnorderedElementsAre(kRoot, 2));
    EXPECT_FALSE(changes.lost());
    EXPECT_EQ(changes.watches(), 0U);
  }
}

TEST(ChangeSetTest, ExpectedEventsAreNoChangeAndCountOnce) {
  ChangeSet changes(kEnough);
  changes.Watched("a", 2);
  changes.Expect("a/x", IN_MOVED_TO);
  changes.Apply({2, IN_MOVED_TO, "x"});
  EXPECT_TRUE(changes.empty());
  changes.Apply({2, IN_MOVED_TO, "x"});  // somebody else's
  EXPECT_THAT(Taken(changes), ElementsAre("a: x=c"));
  changes.Expect("a/d", IN_MOVED_FROM);
  changes.Watched("a/d", 3);
  EXPECT_THAT(changes.Apply({2, IN_MOVED_FROM | IN_ISDIR, "d"}), ElementsAre(3));
  EXPECT_TRUE(changes.empty());
}

TEST(ChangeSetTest, AWatchThatTheKernelTookOffIsForgotten) {
  ChangeSet changes(kEnough);
  changes.Watched("a", 2);
  changes.Apply({2, IN_IGNORED, ""});
  EXPECT_FALSE(changes.IsWatched("a"));
}

TEST(ChangeSetTest, TheRootsOwnMetadataIsItsOwnName) {
  ChangeSet changes(kEnough);
  changes.Watched("", kRoot);
  changes.Watched("a", 2);
  changes.Apply({2, IN_ATTRIB, ""});  // comes from its parent by name as well
  EXPECT_TRUE(changes.empty());
  changes.Apply({kRoot, IN_ATTRIB, ""});
  EXPECT_THAT(Taken(changes), ElementsAre(": =m"));
}

TEST(ChangeSetTest, NamesAreBytes) {
  ChangeSet changes(kEnough);
  const std::string odd = "new\nline \xff\xfe";
  changes.Watched(odd, 2);
  changes.Apply({2, IN_MODIFY, odd});
  EXPECT_THAT(Taken(changes), ElementsAre(odd + ": " + odd + "=c"));
}

TEST(ChangeSetTest, ATreeOfAnyDepthIsForgotten) {
  constexpr int kDepth = 200'000;
  std::string deep = "a";
  for (int i = 1; i < kDepth; ++i) deep += "/a";
  {
    ChangeSet changes(kEnough);
    changes.Watched(deep, 7);
    EXPECT_THAT(changes.Reset(), ElementsAre(7));
    changes.Watched(deep, 8);
    changes.Watched("", kRoot);
    EXPECT_THAT(changes.Apply({kRoot, IN_MOVED_FROM | IN_ISDIR, "a"}), ElementsAre(8));
    changes.Watched(deep, 9);
  }
}

}  // namespace
}  // namespace leeward::lab::trees
