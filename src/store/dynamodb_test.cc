// What the contract's test cannot show of the DynamoDB store: which tables it refuses, and Regions
// that fail.
#include "store/dynamodb.h"

#include <gtest/gtest.h>

#include "store/testing/fake_dynamodb.h"

namespace leeward::store {
namespace {

using base::ErrorCode;
using ports::kAbsent;
using shapes::Value;
using testing::FakeDynamoDb;

class DynamoDbTest : public ::testing::Test {
 protected:
  base::MonotonicTime Soon() { return clock_.Monotonic() + std::chrono::seconds(3); }
  std::unique_ptr<ports::SharedStore> Open() {
    auto opened = OpenDynamoDb(
        {"leases",
         {model::Region("us-east-1"), model::Region("us-west-2"), model::Region("eu-west-1")}},
        *client_, clock_);
    CHECK(opened.ok());
    return *std::move(opened);
  }
  std::string Refusal() {
    const auto got = Open()->Get("key", Soon());
    if (got.ok()) return "";
    EXPECT_EQ(got.error().code(), ErrorCode::kInvalid);
    return got.error().message();
  }

  ports::ManualClock clock_{base::ParseIso8601("2026-11-23T08:00:00Z").value()};
  FakeDynamoDb fake_;
  std::unique_ptr<aws::Client> client_ = fake_.Connect();
};

TEST_F(DynamoDbTest, ATableWhoseConditionsAreLocalIsRefusedByName) {
  for (const char* consistency : {"EVENTUAL", ""}) {
    fake_.table = FakeDynamoDb::Global(consistency);
    const std::string refusal = Refusal();
    EXPECT_NE(refusal.find("'leases' has MultiRegionConsistency=EVENTUAL"), std::string::npos)
        << refusal;
  }
  EXPECT_TRUE(fake_.calls.empty()) << "something was asked of it before";
}

TEST_F(DynamoDbTest, ATableInOneRegionIsRefusedByName) {
  fake_.table.Erase("Replicas");
  EXPECT_NE(Refusal().find("'leases' is in one Region"), std::string::npos) << Refusal();
}

TEST_F(DynamoDbTest, ARegionWithoutAReplicaAndOtherKeysAreRefused) {
  Value& replicas = *fake_.table.Find("Replicas");
  replicas.list().pop_back();
  EXPECT_NE(Refusal().find("has no replica in eu-west-1"), std::string::npos) << Refusal();
  fake_.table = FakeDynamoDb::Global("STRONG");
  fake_.table.Find("KeySchema")->list().pop_back();
  EXPECT_NE(Refusal().find("has other keys"), std::string::npos) << Refusal();
}

TEST_F(DynamoDbTest, ALostRegionIsPassedOverAndThenAskedLast) {
  fake_.failing["us-east-1"] = FakeDynamoDb::Fails::kBefore;
  const auto store = Open();
  const auto put = store->Put("key", "value", kAbsent, Soon());
  ASSERT_TRUE(put.ok()) << put.error().message();
  ASSERT_TRUE(store->Put("key", "other", *put, Soon()).ok());
  EXPECT_EQ(fake_.calls["us-west-2"], 2);
  for (const char* region : {"us-west-2", "eu-west-1"})
    fake_.failing[region] = FakeDynamoDb::Fails::kBefore;
  EXPECT_EQ(store->Get("key", Soon()).error().code(), ErrorCode::kUnreachable);
}

// A write goes to a second Region and back, twice: a share of the time that is too short for it is
// no better in the next call. So the Region that is asked first gets the most, and where no Region
// answered in time, another is asked first.
TEST_F(DynamoDbTest, WhoIsAskedFirstHasHalfOfTheTimeAndIsAnotherWhenNobodyAnswered) {
  const auto store = Open();
  ASSERT_TRUE(store->Get("key", Soon()).ok());
  for (const char* region : {"us-east-1", "us-west-2", "eu-west-1"})
    fake_.failing[region] = FakeDynamoDb::Fails::kBefore;
  fake_.asked.clear();
  using namespace std::chrono_literals;
  using Asked = std::pair<std::string, base::Duration>;
  EXPECT_FALSE(store->Get("key", clock_.Monotonic() + 400ms).ok());
  EXPECT_EQ(fake_.asked,
            (std::vector<Asked>{{"us-east-1", 200ms}, {"us-west-2", 200ms}, {"eu-west-1", 400ms}}))
      << "the clock stands still: each time 400 ms are left";
  fake_.failing.clear();
  fake_.asked.clear();
  EXPECT_TRUE(store->Get("key", Soon()).ok());
  EXPECT_EQ(fake_.asked.front().first, "us-west-2");
}

// The change was made, the answer was lost, and the next Region finds its condition not met by it.
TEST_F(DynamoDbTest, AChangeThatMayBeItsOwnIsNotCalledAnothers) {
  const auto store = Open();
  const auto first = store->Put("key", "value", kAbsent, Soon());
  ASSERT_TRUE(first.ok());
  fake_.failing["us-east-1"] = FakeDynamoDb::Fails::kAfter;
  const auto put = store->Put("key", "mine", *first, Soon());
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code(), ErrorCode::kUnreachable) << put.error().message();
  fake_.failing.clear();
  const auto got = store->Get("key", Soon());
  ASSERT_TRUE(got.ok() && *got);
  EXPECT_EQ((*got)->value, "mine");
  EXPECT_EQ(store->Put("key", "late", *first, Soon()).error().code(), ErrorCode::kWrongState);
}

TEST_F(DynamoDbTest, TwoOrThreeRegionsAreAsked) {
  EXPECT_FALSE(OpenDynamoDb({"leases", {model::Region("us-east-1")}}, *client_, clock_).ok());
  EXPECT_FALSE(OpenDynamoDb({"", {model::Region("a"), model::Region("b")}}, *client_, clock_).ok());
}

}  // namespace
}  // namespace leeward::store
