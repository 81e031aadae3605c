#include "probe/gtid.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

namespace leeward::probe {
namespace {

constexpr const char* kUuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
constexpr const char* kOther = "ffffffff-71ca-11e1-9e33-c80aa9429562";

GtidPosition Position(std::string_view text) {
  auto parsed = GtidPosition::Parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *parsed : GtidPosition();
}

GtidSet Set(std::string_view text) {
  auto parsed = GtidSet::Parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *parsed : GtidSet();
}

TEST(GtidPositionTest, IsReadAndWritten) {
  EXPECT_EQ(Position("").Text(), "");
  EXPECT_EQ(Position("0-1-270").Text(), "0-1-270");
  EXPECT_EQ(Position("1-7-3, 0-1-270\n").Text(), "0-1-270,1-7-3");
  EXPECT_EQ(Position("4294967295-4294967295-18446744073709551615").Text(),
            "4294967295-4294967295-18446744073709551615");
  for (const char* bad :
       {"x", "0", "0-1", "0-1-", "-0-1-2", "0-1-2-3", "0-1-2,", ",0-1-2", "0-1-2,0-2-3",
        "4294967296-1-1", "0-1-18446744073709551616", "0-1-2x", "0--1-2", "0- 1-2"}) {
    const auto parsed = GtidPosition::Parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code(), base::ErrorCode::kInvalid) << bad;
  }
}

TEST(GtidPositionTest, MissingIsCountedDomainByDomain) {
  EXPECT_EQ(Position("0-1-5").Missing(Position("0-1-5")), 0u);
  EXPECT_EQ(Position("0-1-5").Missing(Position("0-1-9")), 4u);
  EXPECT_EQ(Position("0-1-9").Missing(Position("0-1-5")), 0u);
  EXPECT_EQ(Position("0-2-9").Missing(Position("0-1-9")), 0u) << "another server went on";
  EXPECT_EQ(Position("0-1-5,1-1-1").Missing(Position("0-1-6,1-1-3,2-1-4")), 7u);
  EXPECT_EQ(Position("").Missing(Position("0-1-3")), 3u);
  EXPECT_EQ(Position("0-1-3").Missing(Position("")), 0u);
}

// A sum that began anew at 0 would say that nothing is missing.
TEST(GtidPositionTest, MoreIsMissingThanCanBeCounted) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(Position("").Missing(Position("0-1-9223372036854775808,1-1-9223372036854775808")),
            kMost);
  const std::string u = kUuid;
  const std::string o = kOther;
  const std::string all = ":1-9223372036854775807";
  EXPECT_EQ(Set("").Missing(Set(u + all + "," + o + all + "," + u + ":tag" + all)), kMost);
}

TEST(GtidSetTest, IsReadJoinedAndWritten) {
  const std::string u = kUuid;
  EXPECT_EQ(Set("").Text(), "");
  EXPECT_EQ(Set(u + ":23").Text(), u + ":23");
  EXPECT_EQ(Set(u + ":1-3:11:47-49").Text(), u + ":1-3:11:47-49");
  EXPECT_EQ(Set(u + ":4-5:1-3,\n" + u + ":6").Text(), u + ":1-6");
  EXPECT_EQ(Set("3E11FA47-71CA-11E1-9E33-C80AA9429562:1").Text(), u + ":1");
  EXPECT_EQ(Set(u + ":1-2:tag_1:5").Text(), u + ":1-2," + u + ":tag_1:5");
  for (const std::string& bad :
       {u, u + ":", u + ":0", u + ":3-2", u + ":1-", u + ":-1", u + ":1:", u + ":x", u + ":tag",
        u + ":1,", std::string("3e11fa47:1"), u.substr(1) + ":1", "g" + u.substr(1) + ":1",
        u + ":9223372036854775808", u + ":1-2-3", u + " :1"}) {
    const auto parsed = GtidSet::Parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code(), base::ErrorCode::kInvalid) << bad;
  }
}

TEST(GtidSetTest, MissingIsCountedRangeByRange) {
  const std::string u = kUuid;
  const std::string o = kOther;
  EXPECT_EQ(Set(u + ":1-5").Missing(Set(u + ":1-5")), 0u);
  EXPECT_EQ(Set(u + ":1-5").Missing(Set(u + ":3-9")), 4u);
  EXPECT_EQ(Set(u + ":1-5").Missing(Set(o + ":3-9")), 7u);
  EXPECT_EQ(Set(u + ":2-3:6").Missing(Set(u + ":1-8")), 5u);
  EXPECT_EQ(Set("").Missing(Set(u + ":1-9223372036854775807")), 9223372036854775807u);
}

// The slow, obvious version: sets of single numbers.
TEST(GtidSetTest, MissingIsWhatCountingOneByOneSays) {
  std::mt19937 random(7);
  const auto draw = [&](std::set<int>& numbers) {
    std::string text = kUuid;
    for (int i = 0; i < 4; ++i) {
      const int first = 1 + static_cast<int>(random() % 30);
      const int last = first + static_cast<int>(random() % 6);
      text += ":" + std::to_string(first) + "-" + std::to_string(last);
      for (int n = first; n <= last; ++n) numbers.insert(n);
    }
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    std::set<int> have;
    std::set<int> want;
    const std::string a = draw(have);
    const std::string b = draw(want);
    std::uint64_t missing = 0;
    for (const int number : want) missing += have.contains(number) ? 0 : 1;
    EXPECT_EQ(Set(a).Missing(Set(b)), missing) << a << " and " << b;
    EXPECT_EQ(Set(Set(a).Text()), Set(a));
  }
}

}  // namespace
}  // namespace leeward::probe
