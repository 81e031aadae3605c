#include "steps/approval.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <thread>

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
};

class Store : public ports::SharedStore {
 public:
  explicit Store(Entries& at) : at_(at) {}
  Result<std::optional<ports::SharedEntry>> Get(std::string_view key,
                                                base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    if (at_.away) return base::Unreachable("no quorum");
    const auto found = at_.entries.find(key);
    if (found == at_.entries.end()) return std::optional<ports::SharedEntry>();
    return std::optional(found->second);
  }
  Result<std::uint64_t> Put(std::string_view key, std::string_view value, std::uint64_t expected,
                            base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    if (at_.away) return base::Unreachable("no quorum");
    ports::SharedEntry& entry = at_.entries[std::string(key)];
    if (entry.revision != expected) return base::WrongState("moved");
    entry = {std::string(key), std::string(value), expected + 1};
    return expected + 1;
  }
  Result<std::vector<ports::SharedEntry>> List(std::string_view, std::size_t,
                                               base::MonotonicTime) override {
    return base::Unreachable("not asked here");
  }
  Status Remove(std::string_view key, std::uint64_t, base::MonotonicTime) override {
    const std::lock_guard lock(at_.mutex);
    at_.entries.erase(at_.entries.find(key));
    return base::Ok();
  }

 private:
  Entries& at_;
};

class ApprovalTest : public ::testing::Test {
 protected:
  ApprovalTest() {
    Tools tools = shop_.TheTools();
    tools.open_approvals =
        [this](const model::Application&) -> Result<std::unique_ptr<ports::SharedStore>> {
      return std::unique_ptr<ports::SharedStore>(std::make_unique<Store>(at_));
    };
    tools.moot = [this] { return moot_; };
    runner_ = std::make_unique<Runner>(tools);
    shop_.plan.application = shop_.application.name;
    shop_.plan.reason = "it is down";
    shop_.Add("gate.approval", shop_.recovery, Asks(1, 20s));
  }
  static std::map<std::string, std::string> Asks(int people, base::Duration within) {
    return {{"approval-people", std::to_string(people)},
            {"approval-within-ns", std::to_string(within.count())}};
  }
  void Ask(int people, base::Duration within) {
    shop_.plan.steps[0].parameters = Asks(people, within);
  }
  Result<StepOutcome> Run(const std::string& step = "gate.approval",
                          const std::string& execution = "e1", const std::string& plan = "p1") {
    const model::Step* found = shop_.plan.Find(model::StepId(step));
    ports::StepContext context{
        shop_.application, shop_.inventory, shop_.plan, *found, shop_.outputs, 1};
    context.deadline = shop_.clock.Monotonic() + 30s;
    context.cancelled = [this] { return shop_.cancelled; };
    context.progress = [this](std::string_view line) { said_.emplace_back(line); };
    context.execution = model::ExecutionId(execution);
    context.plan_digest = plan;
    return runner_->Run(context);
  }
  Result<decide::ApprovalRequest> Give(const std::string& name, const std::string& execution = "") {
    Store store(at_);
    return GiveApproval(store, shop_.application.name, shop_.clock,
                        {name, "it burns", shop_.clock.Now()}, model::ExecutionId(execution));
  }
  std::optional<decide::ApprovalRequest> There() {
    Store store(at_);
    return *ReadRequest(store, shop_.application.name, shop_.clock.Monotonic() + 1s);
  }

  Shop shop_;
  Entries at_;
  std::string moot_;
  std::vector<std::string> said_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(ApprovalTest, ItWaitsAndTellsWhoApprovedAndWhy) {
  EXPECT_EQ(Give("ann").error().code(), ErrorCode::kNotFound) << "nobody was asked";
  Ask(2, 20s);
  std::thread people([this] {
    while (!There()) std::this_thread::yield();
    EXPECT_TRUE(Give("ann").ok());
    EXPECT_EQ(Give("Ann").error().code(), ErrorCode::kAlready);
    EXPECT_EQ(Give("bob", "e2").error().code(), ErrorCode::kNotFound);
    EXPECT_TRUE(Give("bob", "e1").ok());
  });
  const Result<StepOutcome> passed = Run();
  people.join();
  ASSERT_TRUE(passed.ok()) << passed.error().message();
  EXPECT_EQ(passed->outputs.at("approval.1"), "ann: it burns");
  EXPECT_EQ(passed->outputs.at("approval.2"), "bob: it burns");
  EXPECT_EQ(passed->outputs.at("approved-plan"), "p1");
  EXPECT_TRUE(said_.front().starts_with("waits for 2 of 2 approvals until ")) << said_.front();
}

TEST_F(ApprovalTest, TimeThatIsUpIsRefusedInOneSentence) {
  Ask(1, 600ms);
  const Result<StepOutcome> refused = Run();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_TRUE(
      refused.error().message().starts_with("failover of shop from us-east-1 to us-west-2 (it is "
                                            "down): had 0 of 1 approval when time was up at "))
      << refused.error().message();
  EXPECT_EQ(Give("ann").error().code(), ErrorCode::kWrongState);
}

TEST_F(ApprovalTest, WhoGoesOnWhenTimeIsUpAsksAnew) {
  Ask(1, 600ms);
  EXPECT_EQ(Run().error().code(), ErrorCode::kRefused);
  Ask(1, 20s);
  shop_.cancelled = true;
  EXPECT_EQ(Run().error().code(), ErrorCode::kCancelled) << "it waits again";
  EXPECT_TRUE(Give("ann").ok());
  EXPECT_TRUE(Run().ok()) << "the same execution";
}

TEST_F(ApprovalTest, WhoGoesOnFindsWhatWasGivenAndNobodyElseDoes) {
  Ask(2, 20s);
  shop_.cancelled = true;
  EXPECT_EQ(Run().error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(Give("ann").ok());
  EXPECT_TRUE(Give("bob").ok());
  EXPECT_TRUE(Run().ok()) << "the same execution and plan";
  EXPECT_EQ(Run("gate.approval", "e1", "p2").error().code(), ErrorCode::kCancelled)
      << "another plan";
  EXPECT_TRUE(There()->given.empty());
  EXPECT_TRUE(Give("ann").ok());
  EXPECT_EQ(Run("gate.approval", "e2", "p2").error().code(), ErrorCode::kCancelled)
      << "another execution";
  EXPECT_TRUE(There()->given.empty());
}

TEST_F(ApprovalTest, ALossOverTheRpoIsAskedAboutAndTheMovesApprovalIsNotForIt) {
  shop_.Add("rds.measure/orders", shop_.recovery);
  shop_.Add("gate.loss", shop_.recovery, {{"measures", "rds.measure/orders"}});
  shop_.plan.steps[2].parameters.merge(Asks(1, 20s));
  shop_.outputs["rds.measure/orders.bound_ns"] = "1000000000";
  EXPECT_TRUE(Run("gate.loss").ok()) << "within the RPO nobody is asked";
  EXPECT_FALSE(There());
  shop_.outputs["rds.measure/orders.bound_ns"] = "20000000000";
  shop_.cancelled = true;
  EXPECT_EQ(Run().error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(Give("ann").ok());
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(Run("gate.loss").error().code(), ErrorCode::kCancelled) << "it is another question";
  EXPECT_EQ(There()->question,
            "orders may lose up to 20.0 s, the RPO is 5.00 s (and what is written while this is "
            "waited for)");
  EXPECT_TRUE(Give("ann").ok());
  EXPECT_TRUE(Run("gate.loss").ok());
}

TEST_F(ApprovalTest, WhatIsApprovedBeforeTheFenceIsBounded) {
  shop_.Add("rds.measure/orders", shop_.recovery);
  shop_.Add("gate.loss", shop_.recovery, {{"measures", "rds.measure/orders"}});
  shop_.plan.steps[2].parameters.merge(Asks(1, 20s));
  shop_.outputs["rds.measure/orders.bound_ns"] = "20000000000";
  shop_.outputs["rds.measure/orders.read_at"] = base::FormatIso8601(shop_.clock.Now() - 3s);
  shop_.cancelled = true;
  EXPECT_EQ(Run("gate.loss").error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(Give("ann").ok());
  const Result<StepOutcome> passed = Run("gate.loss");
  ASSERT_TRUE(passed.ok()) << passed.error().message();
  const base::Duration accepted(std::stoll(passed->outputs.at("accepted_loss_ns")));
  EXPECT_GE(accepted, 23s) << "and what is written since it was measured";
  EXPECT_LT(accepted, 40s);
}

// The old Region is fenced by then: that it is up again answers nothing.
TEST_F(ApprovalTest, BehindTheFencePeopleAreAskedWhateverComes) {
  shop_.Add("rds.drain/orders", shop_.recovery);
  shop_.Add("rds.measure/orders", shop_.recovery);
  shop_.Add("gate.final-loss", shop_.recovery,
            {{"measures", "rds.measure/orders"}, {"restates", "rds.drain/orders"}});
  shop_.plan.steps.back().parameters.merge(Asks(1, 20s));
  shop_.outputs["rds.drain/orders.bound_ns"] = "20000000000";
  moot_ = "us-east-1 is up again";
  shop_.cancelled = true;
  EXPECT_EQ(Run("gate.final-loss").error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(There()->question,
            "orders may lose up to 20.0 s, the RPO is 5.00 s (us-east-1 is fenced and nothing is "
            "promoted, so nobody writes until this is decided)");
  EXPECT_TRUE(Give("ann").ok());
  EXPECT_TRUE(Run("gate.final-loss").ok());
}

TEST_F(ApprovalTest, WhatIsNotWantedAnyLongerIsRefusedAndNobodyCanApproveIt) {
  moot_ = "us-east-1 is up again";
  const Result<StepOutcome> refused = Run();
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_NE(refused.error().message().find("us-east-1 is up again"), std::string::npos);
  EXPECT_EQ(Give("ann").error().code(), ErrorCode::kNotFound);
}

TEST_F(ApprovalTest, AStoreThatIsAwayApprovesNothingAndRubbishIsNoApproval) {
  Ask(1, 600ms);
  at_.away = true;
  const Result<StepOutcome> refused = Run();
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_NE(refused.error().message().find("no quorum"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(Give("ann").error().code(), ErrorCode::kUnreachable);
  at_.away = false;
  at_.entries["leeward/shop/approvals"] = {"leeward/shop/approvals", "{\"given\":[]}", 7};
  EXPECT_EQ(Give("ann").error().code(), ErrorCode::kCorrupt);
  shop_.cancelled = true;
  EXPECT_EQ(Run().error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(There()->step.str(), "gate.approval") << "asked anew over what nobody can read";
}

}  // namespace
}  // namespace leeward::steps
