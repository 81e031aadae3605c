#include "serve/api.h"

#include <gtest/gtest.h>

namespace leeward::serve {
namespace {

constexpr char kToken[] = "a-token-of-this-test-only";
constexpr char kApproval[] = "{\"by\":\"ann\",\"reason\":\"it burns\",\"execution\":\"e1\"}";

class FakeBackend : public Backend {
 public:
  std::vector<Status> All() const override {
    Status status;
    status.application = model::ApplicationName("shop");
    status.mode = "automatic";
    RegionStatus home;
    home.verdict.region = model::Region("us-east-1");
    home.verdict.health = model::Health::kDown;
    status.regions = {home};
    status.observers = {{model::Region("eu-west-1"), "fresh", true, std::chrono::seconds(1)}};
    status.down_when = {{model::Signal::kApplication, model::Signal::kStore}};
    status.moves["done"] = 1;
    return {status};
  }
  base::Result<Status> StatusOf(const std::string& application) const override {
    if (application != "shop") return base::NotFound("there is no application of that name");
    return All().front();
  }
  base::Result<std::string> Plan(const std::string&) const override { return std::string("{}"); }
  base::Status Start(const std::string&, const Order& order) override {
    ++starts;
    last = order;
    return may_start ? base::Ok() : base::Status(base::WrongState("home is up"));
  }
  base::Status Abort(const std::string&) override { return base::WrongState("nothing runs"); }
  base::Result<decide::ApprovalRequest> Approve(const std::string&,
                                                const Approval& approval) override {
    ++approvals;
    approved = approval;
    if (approval_answer) return *approval_answer;
    decide::ApprovalRequest request;
    request.execution = model::ExecutionId("e1");
    request.plan = "digest";
    request.step = model::StepId("gate.approval");
    request.question = "failover of shop";
    request.people = 2;
    request.until = base::WallTime{std::chrono::hours(24 * 365 * 50)};
    request.given = {{approval.by, approval.reason, base::WallTime{}}};
    return request;
  }
  std::string Sickness() const override { return sickness; }

  int starts = 0;
  int approvals = 0;
  Approval approved;
  std::optional<base::Error> approval_answer;
  bool may_start = true;
  Order last;
  std::string sickness;
};

class ApiTest : public testing::Test {
 protected:
  ports::HttpResponse Ask(std::string_view method, std::string_view target,
                          std::string_view body = "",
                          const std::string& authorization = std::string("Bearer ") + kToken) {
    return api_.Answer({method, target, authorization, body});
  }
  int StatusOf(std::string_view method, std::string_view target, std::string_view body = "") {
    return Ask(method, target, body).status;
  }
  FakeBackend backend_;
  Api api_{kToken, backend_};
};

TEST_F(ApiTest, NothingUnderV1IsServedWithoutTheToken) {
  for (const std::string& offered :
       {std::string(), std::string("Bearer "), std::string("Bearer wrong"), std::string(kToken),
        std::string("Basic ") + kToken, std::string("Bearer ") + kToken + "x",
        std::string("Bearer ") + std::string(kToken).substr(1), std::string("bearer") + kToken}) {
    for (const char* path :
         {"/v1/applications", "/v1/applications/shop/status", "/v1/applications/shop/start",
          "/v1/applications/shop/approve", "/v1/nothing"}) {
      EXPECT_EQ(Ask("POST", path, "{\"action\":\"failover\"}", offered).status, 401) << offered;
    }
  }
  EXPECT_EQ(Ask("POST", "/v1/applications/shop/approve", kApproval, "").status, 401);
  EXPECT_EQ(backend_.starts, 0);
  EXPECT_EQ(backend_.approvals, 0);
}

TEST_F(ApiTest, ApprovalsNameWhoAndWhy) {
  const ports::HttpResponse given = Ask("POST", "/v1/applications/shop/approve", kApproval);
  EXPECT_EQ(given.status, 200);
  EXPECT_NE(given.body.find("\"lacking\":1"), std::string::npos) << given.body;
  EXPECT_EQ(backend_.approved.by, "ann");
  EXPECT_EQ(backend_.approved.reason, "it burns");
  EXPECT_EQ(backend_.approved.execution, "e1");
  for (const auto& [error, status] :
       {std::pair{base::NotFound("nothing waits"), 409}, std::pair{base::Already("ann has"), 409},
        std::pair{base::WrongState("time was up"), 409}, std::pair{base::Invalid("a ':'"), 400},
        std::pair{base::Unreachable("no quorum"), 503}}) {
    backend_.approval_answer = error;
    EXPECT_EQ(StatusOf("POST", "/v1/applications/shop/approve", kApproval), status);
  }
  const int before = backend_.approvals;
  for (const char* body : {"", "{", "[]", "{}", "{\"by\":\"ann\"}", "{\"reason\":\"x\"}",
                           "{\"by\":7,\"reason\":\"x\"}", "{\"by\":\"\",\"reason\":\"x\"}",
                           "{\"by\":\"ann\",\"reason\":\"x\",\"more\":\"y\"}"}) {
    EXPECT_EQ(StatusOf("POST", "/v1/applications/shop/approve", body), 400) << body;
  }
  EXPECT_EQ(StatusOf("POST", "/v1/applications/other/approve", kApproval), 404);
  EXPECT_EQ(StatusOf("GET", "/v1/applications/shop/approve"), 405);
  EXPECT_EQ(backend_.approvals, before);
}

TEST_F(ApiTest, WithoutATokenOfItsOwnItServesNobody) {
  const Api open("", backend_);
  for (const char* offered : {"", "Bearer ", "Bearer x"}) {
    EXPECT_EQ(open.Answer({"GET", "/v1/applications", offered, ""}).status, 401);
  }
  EXPECT_EQ(open.Answer({"GET", "/healthz", "", ""}).status, 200);
}

TEST_F(ApiTest, SecretsAreTheSameOnlyWhenTheyAre) {
  EXPECT_TRUE(SameSecret("abcd", "abcd"));
  EXPECT_FALSE(SameSecret("abcd", "abcdabcd"));
  EXPECT_FALSE(SameSecret("abcd", "abc"));
  EXPECT_FALSE(SameSecret("abcd", ""));
  EXPECT_FALSE(SameSecret("", ""));
}

TEST_F(ApiTest, ReadsAreAnswered) {
  EXPECT_EQ(Ask("GET", "/v1/applications").body, "{\"applications\":[\"shop\"]}\n");
  EXPECT_NE(Ask("GET", "/v1/applications/shop/status")
                .body.find("\"down_when\":[\"application and store\"]"),
            std::string::npos);
  EXPECT_NE(Ask("GET", "/v1/applications/shop/status").body.find("\"health\":\"down\""),
            std::string::npos);
  EXPECT_EQ(StatusOf("GET", "/v1/applications/shop/plan"), 200);
  const std::string metrics = Ask("GET", "/metrics", "", "").body;
  EXPECT_NE(metrics.find("leeward_region_health{application=\"shop\",health=\"down\","
                         "region=\"us-east-1\"} 1\n"),
            std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("leeward_moves_total{application=\"shop\",outcome=\"done\"} 1\n"),
            std::string::npos);
}

TEST_F(ApiTest, HealthIsTheBackends) {
  EXPECT_EQ(Ask("GET", "/healthz", "", "").status, 200);
  backend_.sickness = "the store has not answered for 20 s";
  EXPECT_EQ(Ask("GET", "/healthz", "", "").status, 503);
}

TEST_F(ApiTest, StartsTakeWhatAPersonAccepts) {
  EXPECT_EQ(
      StatusOf("POST", "/v1/applications/shop/start",
               "{\"action\":\"failover\",\"accept_loss\":\"30s\",\"override_fence\":\"a: b\"}"),
      202);
  EXPECT_EQ(backend_.last.accept_loss, base::Duration(std::chrono::seconds(30)));
  EXPECT_EQ(backend_.last.override_fence, "a: b");
  backend_.may_start = false;
  EXPECT_EQ(StatusOf("POST", "/v1/applications/shop/start", "{\"action\":\"failover\"}"), 409);
  EXPECT_EQ(StatusOf("POST", "/v1/applications/shop/abort"), 409);
}

TEST_F(ApiTest, WhatIsNotThereIsRefusedByName) {
  for (const char* action : {"switchover", "failback", "protect", "drill"}) {
    const ports::HttpResponse answer =
        Ask("POST", "/v1/applications/shop/start", "{\"action\":\"" + std::string(action) + "\"}");
    EXPECT_EQ(answer.status, 501);
    EXPECT_NE(answer.body.find(action), std::string::npos);
  }
  EXPECT_EQ(backend_.starts, 0);
}

TEST_F(ApiTest, BadRequestsAreNamed) {
  for (const char* body :
       {"", "{", "[]", "7", "{\"action\":7}", "{\"action\":\"\"}", "{\"action\":\"explode\"}",
        "{\"action\":\"failover\",\"accept_loss\":\"30\"}",
        "{\"action\":\"failover\",\"accept_loss\":30}", "{\"action\":\"failover\",\"more\":\"x\"}",
        "{\"action\":\"failover\"} x", "\xff\xfe"}) {
    EXPECT_EQ(StatusOf("POST", "/v1/applications/shop/start", body), 400) << body;
  }
  EXPECT_EQ(StatusOf("POST", "/v1/applications/shop/start", std::string(5000, ' ')), 413);
  EXPECT_EQ(StatusOf("GET", "/v1/applications/other/status"), 404);
  EXPECT_EQ(StatusOf("GET", "/v1/applications//status"), 404);
  EXPECT_EQ(StatusOf("GET", "/v1/applications/shop"), 404);
  EXPECT_EQ(StatusOf("GET", "/v1/applications/shop/status/more"), 404);
  EXPECT_EQ(StatusOf("GET", "/v1/applicationsx"), 404);
  EXPECT_EQ(StatusOf("GET", "/"), 404);
  EXPECT_EQ(StatusOf("DELETE", "/v1/applications/shop/status"), 405);
  EXPECT_EQ(StatusOf("GET", "/v1/applications/shop/start"), 405);
  EXPECT_EQ(StatusOf("POST", "/metrics"), 405);
  EXPECT_EQ(backend_.starts, 0);
}

}  // namespace
}  // namespace leeward::serve
