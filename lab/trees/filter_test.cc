#include "lab/trees/filter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace leeward::lab::trees {
namespace {

struct FilterCase {
  std::string include;
  std::string exclude;
  std::string path;
  Part expected;
};

class FilterTest : public ::testing::TestWithParam<FilterCase> {};

TEST_P(FilterTest, JudgesAPath) {
  const auto filter = Filter::Make(GetParam().include, GetParam().exclude);
  ASSERT_TRUE(filter.ok()) << filter.error().message();
  EXPECT_EQ(filter->Judge(GetParam().path), GetParam().expected) << GetParam().path;
}

INSTANTIATE_TEST_SUITE_P(
    Table, FilterTest,
    ::testing::Values(
        FilterCase{"", "", "a/b", Part::kTakes},      // no patterns: all
        FilterCase{"/docs", "", "", Part::kPassage},  // the root leads there
        FilterCase{"/docs", "", "docs", Part::kTakes},
        FilterCase{"/docs", "", "docs/a/b", Part::kTakes},  // what is in a folder that matches
        FilterCase{"/docs", "", "docs2", Part::kNone},
        FilterCase{"/docs*", "", "docs2/x", Part::kTakes},
        FilterCase{"/a/b/c", "", "a", Part::kPassage},
        FilterCase{"/a/b/c", "", "a/b", Part::kPassage},
        FilterCase{"/a/b/c", "", "a/bc", Part::kNone}, FilterCase{"/a/b*", "", "a", Part::kPassage},
        FilterCase{"/a/b*", "", "a/bc/d", Part::kTakes},
        FilterCase{"/a|/b", "", "b/x", Part::kTakes}, FilterCase{"*", "", "", Part::kTakes},
        FilterCase{"*", "", "any/thing", Part::kTakes},
        FilterCase{"", "*.tmp", "a/b.tmp", Part::kNone},
        FilterCase{"", "*.tmp", "a/b.tmp/c", Part::kNone},  // a folder called so, too
        FilterCase{"", "*.tmp", "a/b.tmpx", Part::kTakes},
        FilterCase{"", "*/cache/*|*.bak", "x/cache/y", Part::kNone},
        FilterCase{"", "*/cache/*|*.bak", "x/cache", Part::kTakes},
        FilterCase{"", "*/cache/*|*.bak", "y.bak", Part::kNone},
        FilterCase{"/docs", "*/old*", "docs/old1", Part::kNone},  // exclude is stronger
        FilterCase{"/docs", "*/old*", "docs/new", Part::kTakes},
        FilterCase{"", "/a*b*c", "aXbYc", Part::kNone},
        FilterCase{"", "/a*b*c", "acb", Part::kTakes},
        FilterCase{"", "/ab*ba", "aba", Part::kTakes},  // both ends need their own bytes
        FilterCase{"", "/a\\*", "a*", Part::kNone}, FilterCase{"", "/a\\*", "ab", Part::kTakes},
        FilterCase{"", "/a\\|b", "a|b", Part::kNone},
        FilterCase{"", "/a\\\\b", "a\\b", Part::kNone}, FilterCase{"", "/A", "a", Part::kTakes},
        FilterCase{"", std::string("/\xff\n*"), std::string("\xff\nx"), Part::kNone}));

// The plainest matcher there is: a star takes nothing, or one byte and is a star again.
bool PlainMatch(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return PlainMatch(pattern.substr(1), text) ||
           (!text.empty() && PlainMatch(pattern, text.substr(1)));
  return !text.empty() && pattern[0] == text[0] && PlainMatch(pattern.substr(1), text.substr(1));
}

TEST(FilterTest, AgreesWithThePlainestMatcher) {
  std::mt19937 dice(7);
  const auto draw = [&](std::string_view letters, std::size_t most) {
    std::string text;
    for (std::size_t i = dice() % most; i > 0; --i) text += letters[dice() % letters.size()];
    return text;
  };
  int matches = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::string pattern = "/" + draw("ab*/", 7);
    const std::string path = draw("ab/", 8);
    bool expected = PlainMatch(pattern, "/" + path);
    for (std::size_t at = 1; at < path.size(); ++at) {
      if (path[at] == '/') expected = expected || PlainMatch(pattern, "/" + path.substr(0, at));
    }
    if (path.empty() || path.front() == '/') continue;  // no path of a tree
    const bool excluded = Filter::Make("", pattern)->Judge(path) == Part::kNone;
    ASSERT_EQ(excluded, expected) << pattern << " and " << path;
    matches += expected ? 1 : 0;
  }
  EXPECT_GT(matches, 1'000);
}

TEST(FilterTest, WrongPatternsAreRefusedWithTheReason) {
  EXPECT_EQ(Filter::Make("/a*b", "").error().message(),
            "include: \"/a*b\": `*` may only be the last byte of a pattern");
  EXPECT_EQ(Filter::Make("*/a", "").error().code(), base::ErrorCode::kInvalid);
  EXPECT_EQ(Filter::Make("", "a||b").error().message(), "exclude: \"a||b\" has an empty pattern");
  EXPECT_EQ(Filter::Make("", "a\\").error().message(), "exclude: \"a\\\" ends with a backslash");
  EXPECT_FALSE(Filter::Make("|", "").ok());
}

}  // namespace
}  // namespace leeward::lab::trees
