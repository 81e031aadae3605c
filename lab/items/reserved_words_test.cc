#include "lab/items/reserved_words.h"

#include <gtest/gtest.h>

#include <string>

namespace leeward::lab::items {
namespace {

TEST(ReservedWords, AreKnownInAnyCase) {
  for (const char* word : {"ABORT", "abort", "Status", "name", "TTL", "zone", "FLATTERN", "INNTER",
                           "LOCALTIMESTAMP", "SQLEXCEPTION"}) {
    EXPECT_TRUE(IsReservedWord(word)) << word;
  }
}

TEST(ReservedWords, AreNoOthers) {
  for (const char* word : {"", "A", "id", "pk", "statuses", "REMOVE", "ABOR", "ZONES"}) {
    EXPECT_FALSE(IsReservedWord(word)) << word;
  }
  EXPECT_FALSE(IsReservedWord(std::string(1000, 'A')));
}

}  // namespace
}  // namespace leeward::lab::items
