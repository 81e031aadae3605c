#include "lab/trees/book.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/testing/scratch_folder.h"
#include "lab/trees/beneath.h"

namespace leeward::lab::trees {
namespace {

class BookTest : public ::testing::Test {
 protected:
  BookTest() : folder_("leeward-book-XXXXXX"), root_(OpenRoot(folder_.path()).value()) {}
  Book Opened() {
    Book book;
    book.Open(root_.get());
    return book;
  }
  base::testing::ScratchFolder folder_;
  Handle root_;
};

TEST_F(BookTest, KnowsWhatWasCopiedInACompleteRound) {
  Book book = Opened();
  EXPECT_FALSE(book.Met("a", 5, Extent::kAll));
  EXPECT_FALSE(book.Met("a", 5, Extent::kAll));  // not before the round is complete
  book.Settle();
  EXPECT_TRUE(book.Met("a", 5, Extent::kAll));
  EXPECT_TRUE(Opened().Met("a", 5, Extent::kAll));
  EXPECT_FALSE(Opened().Met("a", 6, Extent::kAll));
}

TEST_F(BookTest, WhatIsInFluxAtAKillIsKnownToBeSo) {
  {
    Book book = Opened();
    book.Met("a", 5, Extent::kAll);
    book.Met("b", 7, Extent::kAll);
    book.Settle();
    book.Met("a", 6, Extent::kAll);  // and the process ends
  }
  Book book = Opened();
  EXPECT_FALSE(book.Met("a", 5, Extent::kAll));
  EXPECT_TRUE(book.Met("b", 7, Extent::kAll));
  book.Settle();
  EXPECT_TRUE(Opened().Met("a", 5, Extent::kAll));
}

TEST_F(BookTest, ADirectoryOfWhichSomeIsCopiedStaysInFlux) {
  Book book = Opened();
  book.Met("a", 5, Extent::kAll);
  book.Settle();
  EXPECT_FALSE(book.Met("a", 6, Extent::kSome));
  book.Settle();
  EXPECT_FALSE(book.Met("a", 6, Extent::kAll));
  EXPECT_FALSE(Opened().Met("a", 5, Extent::kSome));
}

TEST_F(BookTest, APartOfARecordIsCutOff) {
  {
    Book book = Opened();
    book.Met("a", 5, Extent::kAll);
    book.Settle();
  }
  std::ofstream(folder_.path() / "directories", std::ios::app) << "part";
  {
    Book book = Opened();
    book.Met("b", 6, Extent::kAll);
    book.Settle();
  }
  Book book = Opened();
  EXPECT_TRUE(book.Met("a", 5, Extent::kAll));
  EXPECT_TRUE(book.Met("b", 6, Extent::kAll));
}

TEST_F(BookTest, StaysShort) {
  Book book = Opened();
  for (std::uint64_t inode = 1; inode < 50'000; ++inode) {
    book.Met("a", inode, Extent::kAll);
    book.Settle();
  }
  EXPECT_LT(std::filesystem::file_size(folder_.path() / "directories"), 200'000U);
  EXPECT_TRUE(Opened().Met("a", 49'999, Extent::kAll));
}

// As in round after round that cannot be complete, for a trouble somewhere else.
TEST_F(BookTest, WhatIsMetAgainAndAgainIsKeptOnce) {
  Book book = Opened();
  for (int round = 0; round < 1000; ++round) book.Met("a", 5, Extent::kAll);
  book.Settle();
  EXPECT_EQ(std::filesystem::file_size(folder_.path() / "directories"), 16U);
  EXPECT_TRUE(Opened().Met("a", 5, Extent::kAll));
}

TEST_F(BookTest, AWalkForgetsWhatItDidNotMeet) {
  Book book = Opened();
  for (const char* path : {"a", "b", "c"}) book.Met(path, 5, Extent::kAll);
  book.Settle();
  book.BeginWalk();
  EXPECT_TRUE(book.Met("a", 5, Extent::kAll));
  EXPECT_FALSE(book.Met("d", 6, Extent::kAll));
  book.EndWalk();
  book.Settle();
  EXPECT_EQ(book.size(), 2U);
  EXPECT_FALSE(Opened().Met("b", 5, Extent::kSome));
  EXPECT_TRUE(book.Met("a", 5, Extent::kAll));
  EXPECT_TRUE(book.Met("d", 6, Extent::kAll));
}

TEST_F(BookTest, ForgetsWhenToldTo) {
  Book book = Opened();
  book.Met("a", 5, Extent::kAll);
  book.Settle();
  book.Clear();
  EXPECT_FALSE(book.Met("a", 5, Extent::kAll));
  EXPECT_FALSE(Opened().Met("a", 5, Extent::kAll));
}

}  // namespace
}  // namespace leeward::lab::trees
