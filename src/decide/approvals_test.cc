#include "decide/approvals.h"

#include <gtest/gtest.h>

namespace leeward::decide {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;

const base::WallTime kNow{std::chrono::seconds(1'763'888'053)};  // 2025-11-23T08:54:13Z

ApprovalRequest Request(int people) {
  ApprovalRequest request;
  request.execution = model::ExecutionId("e1");
  request.plan = "digest";
  request.step = model::StepId("gate.approval");
  request.question = "failover of shop";
  request.people = people;
  request.until = kNow + 15min;
  return request;
}

Approval By(const std::string& name, base::WallTime at = kNow) { return {name, "it burns", at}; }

ApprovalRequest With(ApprovalRequest request, const std::string& name, base::WallTime at = kNow) {
  const auto given = Approve(std::move(request), By(name, at), at);
  CHECK_MSG(given.ok(), name.c_str());
  return *given;
}

TEST(ApprovalsTest, OnePersonIsEnoughWhereOneIsAsked) {
  const ApprovalRequest asked = Request(1);
  EXPECT_EQ(StandingOf(asked, kNow), Standing::kWaits);
  EXPECT_EQ(Describe(asked, kNow), "waits for 1 of 1 approval until 2025-11-23T09:09:13Z");
  const ApprovalRequest given = With(asked, "ann");
  EXPECT_EQ(StandingOf(given, kNow), Standing::kApproved);
  EXPECT_EQ(Describe(given, kNow), "has 1 of 1 approval (ann)");
  EXPECT_EQ(Approve(given, By("bob"), kNow).error().code(), ErrorCode::kWrongState);
}

TEST(ApprovalsTest, TwoAreTwoDifferentPeople) {
  const ApprovalRequest one = With(Request(2), "ann");
  EXPECT_EQ(Describe(one, kNow), "waits for 1 of 2 approvals until 2025-11-23T09:09:13Z");
  for (const char* again : {"ann", "Ann", " A n n "}) {
    const auto twice = Approve(one, By(again), kNow);
    ASSERT_FALSE(twice.ok()) << again;
    EXPECT_EQ(twice.error().code(), ErrorCode::kAlready);
  }
  EXPECT_EQ(StandingOf(With(one, "bob"), kNow), Standing::kApproved);
  ApprovalRequest forged = one;  // by a hand that does not ask whether she has approved
  forged.given.push_back(By("ANN"));
  EXPECT_EQ(StandingOf(forged, kNow), Standing::kWaits);
}

TEST(ApprovalsTest, WhatComesTooLateDoesNotCountAndWhatWasInTimeCountsNotForEver) {
  const base::WallTime end = kNow + 15min;
  const ApprovalRequest one = With(Request(2), "ann");
  EXPECT_EQ(StandingOf(one, end - 1ns), Standing::kWaits);
  EXPECT_EQ(StandingOf(one, end), Standing::kTimeIsUp);
  EXPECT_EQ(Describe(one, end),
            "had 1 of 2 approvals (ann) when time was up at 2025-11-23T09:09:13Z");
  EXPECT_EQ(Approve(one, By("bob", end), end).error().code(), ErrorCode::kWrongState);
  ApprovalRequest late = one;
  late.given.push_back(By("bob", end));
  EXPECT_EQ(StandingOf(late, end), Standing::kTimeIsUp);
  const ApprovalRequest both = With(one, "bob", end - 1ns);
  EXPECT_EQ(StandingOf(both, end), Standing::kApproved) << "who waits looks a little later";
  EXPECT_EQ(StandingOf(both, end + kTakenIn), Standing::kTimeIsUp) << "not for another day";
}

TEST(ApprovalsTest, WhatWasGivenStaysWithItsExecutionPlanAndGate) {
  const ApprovalRequest given = With(Request(2), "ann");
  ApprovalRequest wanted = Request(2);
  wanted.until = kNow + 1h;
  EXPECT_EQ(Asked(&given, wanted), given) << "the time does not begin again either";
  EXPECT_EQ(Asked(nullptr, wanted), wanted);
  ApprovalRequest execution = wanted, plan = wanted, step = wanted;
  execution.execution = model::ExecutionId("e2");
  plan.plan = "another digest";
  step.step = model::StepId("gate.loss");
  for (const ApprovalRequest& other : {execution, plan, step})
    EXPECT_EQ(Asked(&given, other), other);
}

TEST(ApprovalsTest, NameAndReasonAreThereAndAreOneLine) {
  const auto by = ApprovalFrom(" ann :  home is on fire: all of it ", kNow);
  ASSERT_TRUE(by.ok());
  EXPECT_EQ(by->name, "ann");
  EXPECT_EQ(by->reason, "home is on fire: all of it");
  for (const std::string& bad :
       {std::string(), std::string("ann"), std::string("ann:"), std::string(": why"),
        std::string("ann: \t"), std::string("a\nb: why"), std::string("ann: a\nb"),
        std::string("ann: \x1b[2J"), std::string(101, 'a') + ": why",
        "ann: " + std::string(501, 'b')})
    EXPECT_EQ(ApprovalFrom(bad, kNow).error().code(), ErrorCode::kInvalid) << bad;
  EXPECT_FALSE(CheckApproval({"ann: bob", "why", kNow}).ok());
}

TEST(ApprovalsTest, TheStoreKeepsItAsItIs) {
  const ApprovalRequest given = With(With(Request(2), "ann"), "bob");
  const auto read = ApprovalRequestFromJson(ToJson(given));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(*read, given);
  const std::string text = ToJson(given);
  for (std::size_t end = 0; end < text.size(); ++end)
    EXPECT_FALSE(ApprovalRequestFromJson(text.substr(0, end)).ok());
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"people\":2", "\"people\":0"},
           {"\"people\":2", "\"people\":3"},
           {"\"people\":2", "\"people\":\"2\""},
           {"\"v\":1", "\"v\":2"},
           {"\"execution\":\"e1\"", "\"execution\":\"\""},
           {"\"step\"", "\"steps\""},
           {"\"name\":\"ann\"", "\"name\":7"},
           {"\"given\":[", "\"given\":[{},"}}) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_EQ(ApprovalRequestFromJson(changed).error().code(), ErrorCode::kCorrupt) << changed;
  }
}

}  // namespace
}  // namespace leeward::decide
