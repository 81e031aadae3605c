#include "lab/items/landing.h"

#include <gtest/gtest.h>

#include <string>

#include "lab/items/testing.h"

namespace leeward::lab::items {
namespace {

using testing::ItemOf;

std::string Places(std::vector<Path> written, const std::vector<Path>& removed) {
  const Item old =
      ItemOf(R"({"l":{"L":[{"N":"0"},{"M":{"x":{"L":[{"N":"0"}]}}},{"N":"2"}]},"s":{"S":"a"}})");
  std::string text;
  for (const Path& path : Landed(old, std::move(written), removed)) text += path.Text();
  return text;
}

Path L(std::size_t index) { return {"l", {index}}; }

TEST(Landing, IsTheSamePlaceMostly) {
  EXPECT_EQ(Places({{"s", {}}, {"z", {"y"}}, L(1)}, {{"s", {}}}), "[s][z, y][l, [1]]");
}

TEST(Landing, IsAtTheEndOfTheList) {
  EXPECT_EQ(Places({L(1), L(7), L(9)}, {}), "[l, [1]][l, [3]][l, [4]]");
  EXPECT_EQ(Places({{"l", {std::size_t{1}, "x", std::size_t{5}}}, L(7)}, {}),
            "[l, [1], x, [1]][l, [3]]");
}

TEST(Landing, MovesForWhatIsGone) {
  EXPECT_EQ(Places({L(2)}, {L(0), L(1)}), "[l, [0]]");
  EXPECT_EQ(Places({L(7)}, {L(0), L(8)}), "[l, [2]]");
  EXPECT_EQ(Places({{"l", {std::size_t{1}, "x"}}}, {L(0), L(2)}), "[l, [0], x]");
}

}  // namespace
}  // namespace leeward::lab::items
