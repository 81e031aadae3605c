#include "steps/lease_take.h"

#include <gtest/gtest.h>

#include <mutex>

#include "lease/record.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using testing::Shop;

struct OneEntry {
  std::mutex mutex;
  std::optional<ports::SharedEntry> entry;
  bool away = false;
  bool renewed = false;  // by its holder, at every look
};

// A store with one key, for as many as ask.
class OneEntryStore : public ports::SharedStore {
 public:
  explicit OneEntryStore(OneEntry& at) : at_(at) {}
  Result<std::optional<ports::SharedEntry>> Get(std::string_view, base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    if (at_.away) return base::Unreachable("no quorum");
    if (at_.renewed && at_.entry) ++at_.entry->revision;
    return at_.entry;
  }
  Result<std::uint64_t> Put(std::string_view key, std::string_view value, std::uint64_t expected,
                            base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    const std::uint64_t revision = at_.entry ? at_.entry->revision : 0;
    if (revision != expected) return base::WrongState("moved");
    at_.entry = ports::SharedEntry{std::string(key), std::string(value), revision + 1};
    return revision + 1;
  }
  Result<std::vector<ports::SharedEntry>> List(std::string_view, std::size_t,
                                               base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }
  Status Remove(std::string_view, std::uint64_t, base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }

 private:
  OneEntry& at_;
};

class LeaseTakeTest : public ::testing::Test {
 protected:
  LeaseTakeTest() {
    shop_.application.failover.store = model::SharedStorePlace{};
    shop_.application.failover.lease = 500ms;
    shop_.open_store = [this]() -> Result<std::unique_ptr<ports::SharedStore>> {
      return std::unique_ptr<ports::SharedStore>(std::make_unique<OneEntryStore>(at_));
    };
    shop_.Add("rds.fence/orders", shop_.home);
    shop_.Add("lease.take", shop_.recovery);
    shop_.Add("gate.fence-proof", shop_.recovery,
              {{"old-region", "us-east-1"},
               {"stores", "orders"},
               {"fences", "rds.fence/orders"},
               {"lease", "lease.take"}});
    shop_.outputs["rds.fence/orders.proof"] = "unreachable";
  }
  void Hold(bool guarded) {
    at_.entry = ports::SharedEntry{
        "key",
        lease::ToJson(
            {.epoch = 3, .holder = shop_.home, .who = "guard-1", .ttl = 500ms, .guarded = guarded}),
        7};
  }

  Shop shop_;
  OneEntry at_;
};

TEST_F(LeaseTakeTest, AnExpiredLeaseIsProofOfFence) {
  Hold(/*guarded=*/true);
  EXPECT_EQ(shop_.Run("gate.fence-proof").error().code(), ErrorCode::kRefused);
  const base::MonotonicTime began = shop_.clock.Monotonic();
  const auto taken = shop_.Run("lease.take");
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_GE(shop_.clock.Monotonic() - began, 550ms) << "the old lease has surely ended";
  EXPECT_EQ(taken->detail, "epoch 4 is us-west-2's; epoch 3 of us-east-1 was expired");
  const auto proof = shop_.Run("gate.fence-proof");
  ASSERT_TRUE(proof.ok()) << proof.error().message();
  EXPECT_EQ(proof->detail, "the lease of epoch 3 of us-east-1 expired, taken as epoch 4");
  // Again after a crash: the ground is in the record.
  shop_.outputs.erase("lease.take.ground");
  ASSERT_TRUE(shop_.Run("lease.take").ok());
  EXPECT_TRUE(shop_.Run("gate.fence-proof").ok());
}

TEST_F(LeaseTakeTest, ALeaseThatNoGuardObeyedIsTakenAndProvesNothing) {
  Hold(/*guarded=*/false);
  ASSERT_TRUE(shop_.Run("lease.take").ok());
  EXPECT_EQ(shop_.Run("gate.fence-proof").error().code(), ErrorCode::kRefused);
}

TEST_F(LeaseTakeTest, AHolderThatRenewsIsAliveAndRefused) {
  Hold(/*guarded=*/true);
  at_.renewed = true;
  const auto taken = shop_.Run("lease.take");
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code(), ErrorCode::kRefused) << taken.error().message();
}

TEST_F(LeaseTakeTest, WithoutItsStoreNothingIsTakenUnlessAPersonVouches) {
  at_.away = true;
  EXPECT_EQ(shop_.Run("lease.take").error().code(), ErrorCode::kUnreachable);
  shop_.plan.steps[1].parameters["override"] = "ann: power is off";
  shop_.plan.steps[2].parameters["override"] = "ann: power is off";
  EXPECT_TRUE(shop_.Run("lease.take").ok());
  const auto proof = shop_.Run("gate.fence-proof");
  ASSERT_TRUE(proof.ok());
  EXPECT_EQ(proof->detail, "overridden by ann: power is off");
}

}  // namespace
}  // namespace leeward::steps
