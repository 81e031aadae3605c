#include "lab/trees/links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leeward::lab::trees {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(LinksTest, NamesOfOneInodeKnowEachOther) {
  Links links;
  EXPECT_TRUE(links.Note("a", 5, 2));  // the other name is still to be found
  EXPECT_FALSE(links.Note("d/b", 5, 2));
  EXPECT_THAT(links.Others("a"), ElementsAre("d/b"));
  EXPECT_THAT(links.Others("d/b"), ElementsAre("a"));
  EXPECT_THAT(links.Others("c"), IsEmpty());
}

TEST(LinksTest, AFileWithOneNameIsNotKept) {
  Links links;
  EXPECT_FALSE(links.Note("a", 5, 1));
  links.Note("a", 5, 2);
  links.Note("b", 5, 2);
  links.Note("b", 6, 1);  // replaced by another file
  EXPECT_THAT(links.Others("a"), IsEmpty());
  EXPECT_THAT(links.Others("b"), IsEmpty());
}

TEST(LinksTest, WhatAWalkDidNotFindIsOutsideUntilTheNumberChanges) {
  Links links;
  EXPECT_TRUE(links.Note("a", 5, 2));
  links.WalkEnded();
  EXPECT_FALSE(links.Note("a", 5, 2));
  EXPECT_THAT(links.SharedWithTheOutside(), ElementsAre("a"));
  EXPECT_TRUE(links.Note("a", 5, 3));  // one more name somewhere
  links.Note("b", 5, 3);
  EXPECT_THAT(links.SharedWithTheOutside(), UnorderedElementsAre("a", "b"));
}

TEST(LinksTest, ForgettingADirectoryForgetsWhatIsInItAndNothingBeside) {
  Links links;
  for (const char* path : {"d", "d/a", "d/e/b", "d0", "d-"}) links.Note(path, 5, 5);
  links.ForgetBelow("d");
  EXPECT_THAT(links.Others("d"), UnorderedElementsAre("d0", "d-"));
}

TEST(LinksTest, ALeaderLastsForARound) {
  Links links;
  EXPECT_EQ(links.Leader(5), nullptr);
  links.Lead(5, "a");
  ASSERT_NE(links.Leader(5), nullptr);
  EXPECT_EQ(*links.Leader(5), "a");
  EXPECT_TRUE(links.Defer(5));
  EXPECT_FALSE(links.Defer(5));
  links.BeginRound();
  EXPECT_TRUE(links.Defer(5));
  EXPECT_EQ(links.Leader(5), nullptr);
}

}  // namespace
}  // namespace leeward::lab::trees
