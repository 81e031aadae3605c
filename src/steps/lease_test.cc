#include "steps/lease.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "lease/hand_over.h"
#include "lease/record.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using testing::Shop;

struct Entries {
  std::mutex mutex;
  std::map<std::string, ports::SharedEntry, std::less<>> entries;
  bool away = false;
  bool renewed = false;     // the lease, by its holder, at every look
  bool hands_over = false;  // the holder, when it is asked
  int requests = 0;         // to hand over, so far
};

constexpr char kLeaseKey[] = "leeward/shop/lease";
constexpr char kRequestKey[] = "leeward/shop/hand-over";

// A store for as many as ask, with a guard that keeps to what the entries say of it.
class SharedEntries : public ports::SharedStore {
 public:
  explicit SharedEntries(Entries& at) : at_(at) {}
  Result<std::optional<ports::SharedEntry>> Get(std::string_view key,
                                                base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    if (at_.away) return base::Unreachable("no quorum");
    const auto found = at_.entries.find(key);
    if (found == at_.entries.end()) return std::optional<ports::SharedEntry>();
    if (at_.renewed && key == kLeaseKey) ++found->second.revision;
    return std::optional(found->second);
  }
  Result<std::uint64_t> Put(std::string_view key, std::string_view value, std::uint64_t expected,
                            base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    if (at_.away) return base::Unreachable("no quorum");
    auto& entry = at_.entries[std::string(key)];
    if (entry.revision != expected) return base::WrongState("moved");
    entry = {std::string(key), std::string(value), expected + 1};
    if (key == kRequestKey) Asked(value);
    return expected + 1;
  }
  Result<std::vector<ports::SharedEntry>> List(std::string_view, std::size_t,
                                               base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }
  Status Remove(std::string_view key, std::uint64_t expected, base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    const auto found = at_.entries.find(key);
    if (found == at_.entries.end() || found->second.revision != expected)
      return base::WrongState("moved");
    at_.entries.erase(found);
    return base::Ok();
  }

 private:
  void Asked(std::string_view value) {
    ++at_.requests;
    ports::SharedEntry& entry = at_.entries.at(kLeaseKey);
    lease::Record record = *lease::RecordFromJson(entry.value);
    const auto request = lease::HandOverFromJson(value);
    CHECK(request.ok() && request->epoch == record.epoch && request->holder == record.holder);
    if (!at_.hands_over) return;
    record.released = true;
    entry = {kLeaseKey, lease::ToJson(record), entry.revision + 1};
    at_.renewed = false;
  }

  Entries& at_;
};

class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest() {
    shop_.application.failover.store = model::SharedStorePlace{};
    shop_.application.failover.lease = 500ms;
    shop_.open_store = [this]() -> Result<std::unique_ptr<ports::SharedStore>> {
      return std::unique_ptr<ports::SharedStore>(std::make_unique<SharedEntries>(at_));
    };
    shop_.Add("lease.hand-over", shop_.home);
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
    at_.entries[kLeaseKey] = ports::SharedEntry{
        kLeaseKey,
        lease::ToJson(
            {.epoch = 3, .holder = shop_.home, .who = "guard-1", .ttl = 500ms, .guarded = guarded}),
        7};
  }

  Shop shop_;
  Entries at_;
};

TEST_F(LeaseTest, AnExpiredLeaseIsProofOfFence) {
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

TEST_F(LeaseTest, ALeaseThatNoGuardObeyedIsTakenAndProvesNothing) {
  Hold(/*guarded=*/false);
  ASSERT_TRUE(shop_.Run("lease.take").ok());
  EXPECT_EQ(shop_.Run("gate.fence-proof").error().code(), ErrorCode::kRefused);
}

TEST_F(LeaseTest, AHolderThatRenewsIsAliveAndRefused) {
  Hold(/*guarded=*/true);
  at_.renewed = true;
  const auto taken = shop_.Run("lease.take");
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code(), ErrorCode::kRefused) << taken.error().message();
}

TEST_F(LeaseTest, WithoutItsStoreNothingIsTakenUnlessAPersonVouches) {
  at_.away = true;
  EXPECT_EQ(shop_.Run("lease.take").error().code(), ErrorCode::kUnreachable);
  shop_.plan.steps[2].parameters["override"] = "ann: power is off";
  shop_.plan.steps[3].parameters["override"] = "ann: power is off";
  EXPECT_TRUE(shop_.Run("lease.take").ok());
  const auto proof = shop_.Run("gate.fence-proof");
  ASSERT_TRUE(proof.ok());
  EXPECT_EQ(proof->detail, "overridden by ann: power is off");
}

TEST_F(LeaseTest, AGuardThatIsAskedHandsOverAndTheLeaseIsTakenAtOnce) {
  Hold(/*guarded=*/true);
  at_.renewed = at_.hands_over = true;
  const auto handed = shop_.Run("lease.hand-over");
  ASSERT_TRUE(handed.ok()) << handed.error().message();
  EXPECT_EQ(handed->detail, "given up: epoch 3, us-east-1 (guard-1), released");
  EXPECT_EQ(at_.requests, 1);
  EXPECT_FALSE(at_.entries.contains(kRequestKey)) << "withdrawn";
  ASSERT_TRUE(shop_.Run("lease.take").ok());
  EXPECT_TRUE(shop_.Run("gate.fence-proof").ok());
  // Again after a crash.
  const auto again = shop_.Run("lease.hand-over");
  ASSERT_TRUE(again.ok());
  EXPECT_NE(again->detail.find("already"), std::string::npos) << again->detail;
}

TEST_F(LeaseTest, AGuardThatDoesNotObeyIsRefusedAndTheRequestWithdrawn) {
  Hold(/*guarded=*/true);
  at_.renewed = true;
  const auto handed = shop_.Run("lease.hand-over");
  ASSERT_FALSE(handed.ok());
  EXPECT_EQ(handed.error().code(), ErrorCode::kRefused) << handed.error().message();
  EXPECT_GT(at_.requests, 1);
  EXPECT_FALSE(at_.entries.contains(kRequestKey));
}

TEST_F(LeaseTest, NobodyIsAskedWhereNoGuardHoldsTheLease) {
  const auto none = shop_.Run("lease.hand-over");
  ASSERT_TRUE(none.ok()) << none.error().message();
  Hold(/*guarded=*/false);
  EXPECT_TRUE(shop_.Run("lease.hand-over").ok());
  EXPECT_EQ(at_.requests, 0);
}

// When the hand-over looked, a controller held it for the Region.
TEST_F(LeaseTest, AGuardThatHasTakenTheLeaseUpSinceIsAskedToo) {
  shop_.plan.from = shop_.home;
  Hold(/*guarded=*/true);
  at_.renewed = at_.hands_over = true;
  const auto taken = shop_.Run("lease.take");
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  EXPECT_EQ(taken->detail, "epoch 4 is us-west-2's; epoch 3 of us-east-1 was released");
  EXPECT_EQ(at_.requests, 1);
  EXPECT_FALSE(at_.entries.contains(kRequestKey)) << "withdrawn";
}

TEST_F(LeaseTest, WhereTheLeaseIsNotHandedOverNobodyIsAsked) {
  shop_.plan.from = shop_.home;
  shop_.plan.steps.erase(shop_.plan.steps.begin());
  Hold(/*guarded=*/true);
  at_.renewed = at_.hands_over = true;
  EXPECT_EQ(shop_.Run("lease.take").error().code(), ErrorCode::kRefused);
  EXPECT_EQ(at_.requests, 0);
}

TEST_F(LeaseTest, AGuardThatIsGoneIsWaitedOutAndAnUnreadableLeaseIsNotCalledGivenUp) {
  Hold(/*guarded=*/true);
  const auto ended = shop_.Run("lease.hand-over");
  ASSERT_TRUE(ended.ok()) << ended.error().message();
  EXPECT_EQ(ended->detail, "its lease has ended: epoch 3, us-east-1 (guard-1)");
  at_.away = true;
  EXPECT_EQ(shop_.Run("lease.hand-over").error().code(), ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace leeward::steps
