#include "steps/dry_run.h"

#include <gtest/gtest.h>

#include <atomic>

#include "lease/record.h"
#include "probe/testing/sql_addresses.h"
#include "steps/read_only.h"
#include "steps/sessions.h"
#include "steps/testing/fake_items.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using base::Result;
using probe::testing::PostgresServer;
using probe::testing::SqlAddressOf;
using shapes::Value;
using testing::SeenCall;
using testing::Shop;

// A store with a lease in it, that counts what is asked of it.
struct LeaseAt {
  std::optional<ports::SharedEntry> entry;
  bool renewed = false;  // by its holder, at every look
  std::atomic<int> writes{0};
};

class LeaseStore : public ports::SharedStore {
 public:
  explicit LeaseStore(LeaseAt& at) : at_(at) {}
  Result<std::optional<ports::SharedEntry>> Get(std::string_view, base::MonotonicTime) override {
    if (at_.renewed && at_.entry) ++at_.entry->revision;
    return at_.entry;
  }
  Result<std::uint64_t> Put(std::string_view, std::string_view, std::uint64_t,
                            base::MonotonicTime) override {
    ++at_.writes;
    return std::uint64_t{1};
  }
  Result<std::vector<ports::SharedEntry>> List(std::string_view, std::size_t,
                                               base::MonotonicTime) override {
    return std::vector<ports::SharedEntry>();
  }
  base::Status Remove(std::string_view, std::uint64_t, base::MonotonicTime) override {
    ++at_.writes;
    return base::Ok();
  }

 private:
  LeaseAt& at_;
};

class DryRunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = PostgresServer::Primary(); }
  static void TearDownTestSuite() { server_.reset(); }
  DryRunTest() {
    shop_.application.failover.lease = 300ms;
    shop_.open_store = [this]() -> Result<std::unique_ptr<ports::SharedStore>> {
      return std::unique_ptr<ports::SharedStore>(std::make_unique<LeaseStore>(lease_));
    };
  }
  // The step waits for those before it that are named.
  void Add(const std::string& id, const model::Region& region,
           std::map<std::string, std::string> parameters = {},
           const std::vector<std::string>& after = {}) {
    model::Step& step = shop_.Add(id, region, std::move(parameters));
    for (const std::string& one : after) step.after.emplace_back(one);
  }
  Findings Walk(const DoneBefore& before = {}) {
    return DryRunner(shop_.TheTools())
        .Walk(shop_.application, shop_.inventory, shop_.plan, before, {});
  }
  Finding Found(const std::string& id, const DoneBefore& before = {}) {
    return Walk(before).at(model::StepId(id));
  }
  void Hold(const char* how_long) {
    lease_.entry = ports::SharedEntry{
        "key",
        lease::ToJson(
            {.epoch = 3, .holder = shop_.home, .who = how_long, .ttl = 300ms, .guarded = true}),
        7};
  }
  void ServeService(std::int64_t desired) {
    shop_.aws.On("ecs:DescribeServices", [desired](const SeenCall&) -> Result<Value> {
      const Value service = Value::Struct({{"status", "ACTIVE"}, {"desiredCount", desired}});
      return Value::Struct({{"services", Value::List{service}}});
    });
  }

  static inline std::unique_ptr<PostgresServer> server_;
  Shop shop_;
  LeaseAt lease_;
};

TEST_F(DryRunTest, EveryStepThatCanBeRunCanBeLookedAt) { EXPECT_EQ(AllLooks(), AllRunners()); }

TEST_F(DryRunTest, AwsIsAskedOnlyWhatReads) {
  shop_.aws.On("rds:PromoteReadReplica", [](const SeenCall&) { return Value::Struct(); });
  shop_.aws.On("rds:DescribeDBInstances", [](const SeenCall&) { return Value::Struct(); });
  ReadOnlyAws reading(shop_.aws);
  EXPECT_TRUE(reading.Call("rds", "DescribeDBInstances", Value::Struct(), {}).ok());
  EXPECT_EQ(reading.Call("rds", "PromoteReadReplica", Value::Struct(), {}).error().code(),
            ErrorCode::kRefused);
  EXPECT_EQ(reading.Paginate("ecs", "UpdateService", Value::Struct(), {}).error().code(),
            ErrorCode::kRefused);
  EXPECT_EQ(reading.Presign("rds", "DescribeDBInstances", Value::Struct(), {}, 1s).error().code(),
            ErrorCode::kRefused);
  EXPECT_EQ(shop_.aws.Calls().size(), 1u);
}

TEST_F(DryRunTest, NoLookWritesAnything) {
  // A world in which there is nothing yet: whatever can be made is not there.
  shop_.Know("orders", shop_.home, "endpoint.address", server_->socket());
  shop_.Know("orders", shop_.recovery, "endpoint.address", server_->socket());
  shop_.application.failover.store = model::SharedStorePlace{};
  shop_.application.checks = {{"it writes", testing::ComponentName("orders"), "create table t ()"}};
  ServeService(1);
  shop_.aws.On("rds:DescribeDBInstances", [&](const SeenCall&) -> Result<Value> {
    const Value endpoint = Value::Struct({{"Address", server_->socket()}, {"Port", 5432}});
    return Value::Struct(
        {{"DBInstances", Value::List{Value::Struct({{"DBInstanceIdentifier", "orders"},
                                                    {"DBInstanceStatus", "available"},
                                                    {"Engine", "postgres"},
                                                    {"Endpoint", endpoint}})}}});
  });
  testing::FakeItems items(shop_);
  items.MakeReplica();
  items.home().policy = R"({"Statement":[{"Sid":"Mine"}]})";
  shop_.application.components.push_back(
      {testing::ComponentName("carts"), model::Dynamodb{"carts"}, {}});
  shop_.application.components.push_back(
      {testing::ComponentName("sessions"), model::Elasticache{"sessions"}, {}});
  const std::map<std::string, std::string> parameters = {{"source-region", "us-east-1"},
                                                         {"how", "planned"},
                                                         {"writer-region", "us-west-2"},
                                                         {"desired", "3"},
                                                         {"healthy", "1"},
                                                         {"on", "us-west-2"},
                                                         {"off", "us-east-1"},
                                                         {"active-region", "us-east-1"},
                                                         {"region", "us-west-2"},
                                                         {"old-region", "us-east-1"},
                                                         {"stores", "orders"},
                                                         {"measures", ""},
                                                         {"parted", ""}};
  for (const model::StepKind& kind : AllLooks()) {
    const std::string& name = kind.str();
    const char* component = name.starts_with("rds.")           ? "/orders"
                            : name.starts_with("dynamodb.")    ? "/carts"
                            : name.starts_with("elasticache.") ? "/sessions"
                            : name.starts_with("ecs.")         ? "/web"
                            : name.starts_with("route53.")     ? "/traffic"
                                                               : "";
    shop_.Add(name + component, shop_.home, parameters);
  }
  const Findings findings = Walk();
  EXPECT_EQ(findings.size(), AllLooks().size());
  EXPECT_EQ(findings.at(model::StepId("rds.check-source/orders")).detail,
            "would turn on backups for 1 d and make the canary table");
  EXPECT_EQ(findings.at(model::StepId("rds.quiesce/orders")).would, Would::kAct);
  EXPECT_EQ(findings.at(model::StepId("lease.take")).would, Would::kAct);
  const Finding& verify = findings.at(model::StepId("app.verify"));
  EXPECT_EQ(verify.stop, ErrorCode::kWrongState)
      << "a check that writes is stopped: " << verify.detail;
  EXPECT_EQ(findings.at(model::StepId("dynamodb.quiesce/carts")).detail,
            "would add a statement that denies writes to its policy");
  EXPECT_FALSE(shop_.aws.Calls().empty());
  for (const SeenCall& call : shop_.aws.Calls()) {
    const std::string verb = call.operation.substr(call.operation.find(':') + 1);
    EXPECT_TRUE(verb.starts_with("Describe") || verb.starts_with("List") ||
                verb.starts_with("Get") || verb.starts_with("BatchGet"))
        << call.operation;
  }
  EXPECT_EQ(lease_.writes, 0);
  EXPECT_TRUE(shop_.saved.facts.empty());
  EXPECT_EQ(server_->Sql("postgres", "select datallowconn from pg_database where datname = 'shop'"),
            "t");
  EXPECT_EQ(server_->Sql("shop", "select count(*) from pg_namespace where nspname = 'leeward'"),
            "0");
}

TEST_F(DryRunTest, ItsSessionsCannotWrite) {
  Sessions sessions(shop_.resolver, shop_.clock, probe::Access::kReadOnly);
  for (const char* statement :
       {"create table t (i int)", "alter database shop with allow_connections false"}) {
    const base::MonotonicTime deadline = shop_.clock.Monotonic() + 5s;
    const auto done = sessions.With(
        SqlAddressOf(*server_), deadline, {},
        [&](probe::SqlSession& session) { return session.Verdict(statement, deadline, {}); });
    ASSERT_FALSE(done.ok()) << statement;
    EXPECT_EQ(done.error().service_code(), "25006") << done.error().message();
  }
}

TEST_F(DryRunTest, WhatRestsOnAStepThatIsNotDoneIsNotGuessed) {
  ServeService(1);
  Add("ecs.scale/web", shop_.recovery, {{"desired", "3"}});
  Add("ecs.settle/web", shop_.recovery, {{"desired", "3"}}, {"ecs.scale/web"});
  Finding settle = Found("ecs.settle/web");
  EXPECT_EQ(settle.would, Would::kLater);
  EXPECT_TRUE(settle.detail.starts_with("after ecs.scale/web: not looked at")) << settle.detail;
  ServeService(3);
  EXPECT_EQ(Found("ecs.scale/web").would, Would::kNothing);
  EXPECT_EQ(Found("ecs.settle/web").would, Would::kAct) << "there is nothing to wait for any more";
  shop_.aws.ForgetCalls();
  settle = Found("ecs.settle/web", {{{model::StepId("ecs.settle/web"), "3 of 3 tasks run"}}, {}});
  EXPECT_EQ(settle.detail, "done before: 3 of 3 tasks run");
  EXPECT_EQ(shop_.aws.Calls().size(), 1u) << "only the other step was looked at";
}

TEST_F(DryRunTest, WhatStandsInTheWayIsNamed) {
  shop_.aws.On("ecs:DescribeServices", [](const SeenCall&) -> Result<Value> {
    return base::Denied("ecs DescribeServices in us-west-2: AccessDeniedException");
  });
  Add("ecs.scale/web", shop_.recovery, {{"desired", "3"}});
  const Finding scale = Found("ecs.scale/web");
  EXPECT_EQ(scale.would, Would::kStop);
  EXPECT_EQ(scale.stop, ErrorCode::kDenied);
  EXPECT_NE(scale.detail.find("AccessDenied"), std::string::npos);
}

TEST_F(DryRunTest, ALossThatWasNotMeasuredIsRefusedOnlyWhenItCouldHaveBeen) {
  Add("rds.measure/orders", shop_.recovery);
  Add("gate.loss", shop_.recovery, {{"measures", "rds.measure/orders"}}, {"rds.measure/orders"});
  EXPECT_EQ(Found("rds.measure/orders").would, Would::kStop) << "nobody answers";
  EXPECT_EQ(Found("gate.loss").would, Would::kLater);
  const DoneBefore measured = {{{model::StepId("rds.measure/orders"), "at most 20 s"}},
                               {{"rds.measure/orders.bound_ns", "20000000000"}}};
  const Finding refused = Found("gate.loss", measured);
  EXPECT_EQ(refused.stop, ErrorCode::kRefused);
  EXPECT_NE(refused.detail.find("20.0 s, the RPO is 5.00 s"), std::string::npos) << refused.detail;
}

TEST_F(DryRunTest, AFenceThatWouldHoldIsHopedForAndOneThatCannotIsRefused) {
  Add("rds.fence/orders", shop_.home);
  Add("gate.fence-proof", shop_.recovery,
      {{"old-region", "us-east-1"}, {"stores", "orders"}, {"fences", "rds.fence/orders"}},
      {"rds.fence/orders"});
  EXPECT_EQ(Found("gate.fence-proof").stop, ErrorCode::kRefused) << "its address is not known";
  shop_.Know("orders", shop_.home, "endpoint.address", server_->socket());
  const Finding hoped = Found("gate.fence-proof");
  EXPECT_EQ(hoped.would, Would::kLater) << hoped.detail;
  EXPECT_TRUE(hoped.detail.starts_with("after rds.fence/orders: not looked at")) << hoped.detail;
}

TEST_F(DryRunTest, ALeaseThatIsRenewedIsHeldAndOneThatRestsWouldBeTaken) {
  shop_.application.failover.store = model::SharedStorePlace{};
  Add("lease.take", shop_.recovery);
  EXPECT_EQ(Found("lease.take").detail, "would take epoch 1 for us-west-2: nobody has ever had it");
  Hold("guard-1");
  EXPECT_EQ(Found("lease.take").detail,
            "would take epoch 4 for us-west-2: epoch 3 of us-east-1 is expired");
  lease_.renewed = true;
  const Finding held = Found("lease.take");
  EXPECT_EQ(held.stop, ErrorCode::kRefused);
  EXPECT_NE(held.detail.find("guard-1"), std::string::npos) << held.detail;
  EXPECT_EQ(lease_.writes, 0);
}

TEST_F(DryRunTest, AGuardThatRenewsWouldBeAskedAndTheTakingRestsOnIt) {
  shop_.application.failover.store = model::SharedStorePlace{};
  Add("lease.hand-over", shop_.home);
  Add("lease.take", shop_.recovery, {}, {"lease.hand-over"});
  Hold("guard-1");
  EXPECT_EQ(Found("lease.hand-over").would, Would::kNothing) << "it has ended";
  lease_.renewed = true;
  const Findings findings = Walk();
  const Finding& asked = findings.at(model::StepId("lease.hand-over"));
  EXPECT_EQ(asked.would, Would::kAct);
  EXPECT_NE(asked.detail.find("guard-1"), std::string::npos) << asked.detail;
  EXPECT_EQ(findings.at(model::StepId("lease.take")).detail,
            "after lease.hand-over: not looked at");
  EXPECT_EQ(lease_.writes, 0);
}

}  // namespace
}  // namespace leeward::steps
