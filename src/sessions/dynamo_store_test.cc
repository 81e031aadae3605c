#include "sessions/dynamo_store.h"

#include <gtest/gtest.h>

#include <vector>

#include "os/clock.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;
using shapes::Value;

// The larger of all numbers: the longest pauses that a full jitter may draw.
class Largest : public ports::Random {
 public:
  std::uint64_t Next() override { return ~std::uint64_t{0}; }
};

// A table that leaves so many batches undone.
class BusyTable : public aws::Client {
 public:
  base::Result<Value> Call(std::string_view, std::string_view, const Value& input,
                           const aws::CallOptions&) override {
    if (++calls > busy) return Value::Struct();
    return Value::Struct({{"UnprocessedItems", input.Sub("RequestItems")}});
  }
  base::Result<Value> Paginate(std::string_view, std::string_view, const Value&,
                               const aws::CallOptions&) override {
    return base::Invalid("no pages here");
  }
  base::Result<Value> WaitUntil(std::string_view, std::string_view, const Value&,
                                const aws::CallOptions&, const aws::WaitOptions&) override {
    return base::Invalid("nothing to wait for");
  }
  base::Result<std::string> Presign(std::string_view, std::string_view, const Value&,
                                    const aws::CallOptions&, base::Duration) override {
    return base::Invalid("nothing to sign");
  }
  base::Result<std::string> EndpointFor(std::string_view, const aws::CallOptions&) const override {
    return std::string("here");
  }
  std::string_view region() const override { return "us-east-1"; }
  base::Status CheckCredentials() override { return base::Ok(); }

  int busy = 0, calls = 0;
};

class DynamoStoreTest : public testing::Test {
 protected:
  base::Status Revoke(base::Duration within = 1h) {
    DynamoStoreOptions options;
    options.table = "sessions";
    options.pause = [this](base::Duration wait) {
      waits_.push_back(wait);
      return going_on_;
    };
    DynamoStore store(options, table_, clock_, random_);
    return store.Revoke({}, clock_.Monotonic() + within);
  }

  BusyTable table_;
  os::SystemClock clock_;
  Largest random_;
  std::vector<base::Duration> waits_;
  bool going_on_ = true;
};

TEST_F(DynamoStoreTest, WhatABusyTableLeavesOfARevocationIsPutAfterPausesThatGrow) {
  table_.busy = 4;
  ASSERT_TRUE(Revoke().ok());
  EXPECT_EQ(table_.calls, 5);
  ASSERT_EQ(waits_.size(), 4u);
  for (std::size_t i = 1; i < waits_.size(); ++i) EXPECT_GT(waits_[i], waits_[i - 1] * 3 / 2);
  EXPECT_GT(waits_.front(), 10ms);
}

TEST_F(DynamoStoreTest, ARevocationIsGivenUpAfterAWhileAtItsDeadlineAndWhenAStopIsAskedFor) {
  table_.busy = 1'000'000;
  EXPECT_EQ(Revoke().error().code(), base::ErrorCode::kThrottled);
  EXPECT_EQ(table_.calls, 10);
  EXPECT_EQ(waits_.size(), 9u) << "nothing is waited for behind the last try";
  table_.calls = 0;
  EXPECT_EQ(Revoke(300ms).error().code(), base::ErrorCode::kThrottled);
  EXPECT_LT(table_.calls, 4) << "a pause that ends behind the deadline is none";
  going_on_ = false;
  EXPECT_EQ(Revoke().error().code(), base::ErrorCode::kCancelled);
}

}  // namespace
}  // namespace leeward::sessions
