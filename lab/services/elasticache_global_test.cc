#include "lab/services/elasticache_global.h"

#include <gtest/gtest.h>

#include <set>

#include "lab/core/testing.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;

GlobalRecord Record() {
  GlobalRecord record;
  record.id = "ldgnf-sessions";
  record.primary = {1, "us-east-1", "us-east-1", ""};
  record.settings = {1, "us-east-1", "available",
                     Value::Struct({{"CacheNodeType", "cache.r6g.large"}})};
  for (const std::string region : {"us-east-1", "us-west-2"}) {
    MemberPart& member = record.members[region];
    member.region = region;
    member.group_id = "sessions-" + region;
    member.generation = member.version = 1;
    member.associated = true;
  }
  return record;
}

std::string Text(const GlobalRecord& record) { return shapes::ToJson(ToValue(record)); }

// Either way round the two sides end with the same record.
GlobalRecord Met(const GlobalRecord& a, const GlobalRecord& b) {
  GlobalRecord left = a;
  GlobalRecord right = b;
  Merge(left, b);
  Merge(right, a);
  EXPECT_EQ(Text(left), Text(right));
  return left;
}

TEST(GlobalRecord, IsSavedWhole) {
  const GlobalRecord record = Record();
  EXPECT_EQ(Text(RecordOf(ToValue(record))), Text(record));
}

TEST(GlobalRecord, NothingNewIsNoChange) {
  GlobalRecord record = Record();
  EXPECT_FALSE(Merge(record, Record()));
}

TEST(GlobalRecord, AFailoverOutvotesWhateverElseWasChangedBehindACut) {
  GlobalRecord a = Record();
  GlobalRecord b = Record();
  for (int i = 0; i < 9; ++i) {
    ++a.settings.version;
    ++a.members["us-east-1"].version;
  }
  b.primary = {3, "us-west-2", "us-west-2", ""};
  const GlobalRecord met = Met(a, b);
  EXPECT_EQ(met.primary.region, "us-west-2");
  EXPECT_EQ(met.settings.version, 10);
}

TEST(GlobalRecord, TwoFailoversAtOnceEndWithOnePrimary) {
  GlobalRecord a = Record();
  GlobalRecord b = Record();
  a.primary = {3, "eu-west-1", "eu-west-1", ""};
  b.primary = {3, "us-west-2", "us-west-2", ""};
  EXPECT_EQ(Met(a, b).primary.region, "us-west-2");
}

TEST(GlobalRecord, ARemovedMemberStaysRemovedUntilItJoinsAgain) {
  GlobalRecord a = Record();
  GlobalRecord b = Record();
  a.members["us-west-2"].removed = true;
  b.members["us-west-2"].version = 7;
  EXPECT_EQ(FindMember(Met(a, b), "us-west-2"), nullptr);
  b.members["us-west-2"].generation = 2;
  EXPECT_NE(FindMember(Met(a, b), "us-west-2"), nullptr);
}

TEST(GlobalRecord, AMemberThatBecameTheWriterOutOfSightStays) {
  GlobalRecord a = Record();
  GlobalRecord b = Record();
  a.members["us-west-2"].removed = true;
  ++a.members["us-west-2"].version;
  b.primary = {3, "us-west-2", "us-west-2", ""};
  const GlobalRecord met = Met(a, b);
  EXPECT_NE(FindMember(met, "us-west-2"), nullptr);
  EXPECT_EQ(met.primary.region, "us-west-2");
}

TEST(GlobalRecord, StatusFollowsWhatGoesOn) {
  GlobalRecord record = Record();
  EXPECT_EQ(Status(record), "available");
  record.primary.target = "us-west-2";
  EXPECT_EQ(Status(record), "modifying");
  record.primary.target.clear();
  record.members["us-west-2"].associated = false;
  EXPECT_EQ(Status(record), "modifying");
  record.members["us-west-2"].removed = true;
  EXPECT_EQ(Status(record), "primary-only");
  record.settings.status = "deleting";
  EXPECT_EQ(Status(record), "deleting");
}

TEST(GlobalRecord, MembersAreShownWhenAskedFor) {
  FakeHost host;
  EXPECT_FALSE(Describe(host, Record(), MemberInfo::kHide).Has("Members"));
  const Value shown = Describe(host, Record(), MemberInfo::kShow);
  EXPECT_EQ(shown.String("ARN"),
            "arn:aws:elasticache::123456789012:globalreplicationgroup:ldgnf-sessions");
  ASSERT_EQ(shown.Items("Members").size(), 2u);
  EXPECT_EQ(shown.Items("Members")[0].String("Role"), "PRIMARY");
  EXPECT_EQ(shown.Items("Members")[1].String("Role"), "SECONDARY");
  EXPECT_EQ(shown.Items("Members")[1].String("Status"), "associated");
}

TEST(RegionPrefix, IsFiveLettersAndTheRegionsOwn) {
  std::set<std::string> seen;
  for (const std::string& region : KnownRegions()) {
    const std::string prefix = RegionPrefix(region);
    EXPECT_EQ(prefix.size(), 5u);
    EXPECT_TRUE(seen.insert(prefix).second) << region;
  }
  EXPECT_EQ(RegionPrefix("us-east-1"), "ldgnf");
}

class LagMeterTest : public testing::Test {
 protected:
  base::MonotonicTime At(double seconds) {
    return base::MonotonicTime{} + base::Duration(static_cast<std::int64_t>(seconds * 1e9));
  }
  LagMeter meter{std::chrono::seconds(3)};
};

TEST_F(LagMeterTest, KnowsNothingBeforeItHasSeenTheSource) {
  EXPECT_FALSE(meter.Behind(At(5), 10).has_value());
}

TEST_F(LagMeterTest, IsZeroForOneThatHasAll) {
  meter.SourceHas(At(1), 100);
  EXPECT_EQ(meter.Behind(At(1.5), 100), 0.0);
  EXPECT_EQ(meter.Behind(At(1.5), 120), 0.0);
}

TEST_F(LagMeterTest, CountsFromTheFirstThingThatIsLacking) {
  meter.SourceHas(At(1), 100);
  meter.SourceHas(At(2), 200);
  meter.SourceHas(At(3), 300);
  EXPECT_EQ(meter.Behind(At(3.5), 150), 1.5);
  EXPECT_EQ(meter.Behind(At(3.5), 200), 0.5);
  EXPECT_EQ(meter.Behind(At(3.5), 300), 0.0);
}

TEST_F(LagMeterTest, GrowsWhileTheSourceIsOutOfSight) {
  meter.SourceHas(At(1), 100);
  EXPECT_EQ(meter.Behind(At(2), 100), 0.0);
  EXPECT_EQ(meter.Behind(At(61), 100), 60.0);
}

TEST_F(LagMeterTest, BeginsAnewWithASourceThatHasLost) {
  meter.SourceHas(At(1), 100);
  meter.SourceHas(At(2), 5);
  EXPECT_EQ(meter.Behind(At(2.5), 5), 0.0);
}

}  // namespace
}  // namespace leeward::lab::elasticache
