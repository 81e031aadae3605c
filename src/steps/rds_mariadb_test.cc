// The steps of `rds` on a MariaDB writer and its replica.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <string>

#include "probe/testing/mariadb_server.h"
#include "steps/dry_run.h"
#include "steps/rds.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using probe::testing::MariaDbServer;
using testing::SeenCall;
using testing::Shop;

constexpr char kArnAtHome[] = "arn:aws:rds:us-east-1:123456789012:db:orders";

class RdsMariaDbTest : public ::testing::Test {
 protected:
  // A writer with the application's table and login.
  static void SetUpTestSuite() {
    home_ = MariaDbServer::Primary();
    for (const char* statement :
         {"GRANT CONNECTION ADMIN, BINLOG MONITOR ON *.* TO owner@'%'",
          "CREATE TABLE shop.orders (id INT PRIMARY KEY)",
          "CREATE USER web@'%' IDENTIFIED BY 'web'", "GRANT SELECT, INSERT ON shop.* TO web@'%'"}) {
      home_->Sql(statement);
    }
  }
  static void TearDownTestSuite() { home_.reset(); }

  void SetUp() override {
    // As it was before the test that ran before.
    home_->Sql("DELETE FROM shop.orders");
    home_->Sql("ALTER USER web@'%' ACCOUNT UNLOCK");
    home_->Sql("DROP TABLE IF EXISTS leeward.closed");
    auto& rds = std::get<model::Rds>(shop_.application.components[0].kind);
    rds.engine = model::Engine::kMariadb;
    rds.password_env = "SHOP_DB_PASSWORD";
    Know(shop_.home, *home_);
    shop_.aws.On("rds:PromoteReadReplica", [this](const SeenCall&) -> Result<Value> {
      for (const char* statement : {"STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0"})
        replica_->Sql(statement);
      promoted_ = true;
      return Value::Struct();
    });
    shop_.aws.On("rds:DescribeDBInstances",
                 [this](const SeenCall& call) -> Result<Value> { return Describe(call); });
  }

  // A replica of it, protected.
  void Protect() {
    replica_ = MariaDbServer::Replica(*home_);
    Know(shop_.recovery, *replica_);
    MustRun("rds.check-source/orders", shop_.home);
    MustRun("rds.replicate/orders", shop_.recovery, {{"source-region", "us-east-1"}});
  }

  void Know(const Region& region, const MariaDbServer& server) {
    shop_.Know("orders", region, "endpoint.address", "127.0.0.1");
    shop_.Know("orders", region, "endpoint.port", std::to_string(server.Address().port));
  }
  Result<Value> Describe(const SeenCall& call) {
    const bool home = call.options.region == shop_.home.str();
    const MariaDbServer& server = home ? *home_ : *replica_;
    Value instance = Value::Struct(
        {{"DBInstanceIdentifier", "orders"},
         {"DBInstanceArn", kArnAtHome},
         {"DBInstanceStatus", "available"},
         {"Engine", "mariadb"},
         {"DBInstanceClass", "db.t4g.medium"},
         {"BackupRetentionPeriod", 1},
         {"Endpoint", Value::Struct({{"Address", "127.0.0.1"}, {"Port", server.Address().port}})}});
    if (!home && !promoted_) {
      instance.Set("ReadReplicaSourceDBInstanceIdentifier", kArnAtHome);
      instance.Set("StatusInfos", Value::List{Value::Struct({{"StatusType", "read replication"},
                                                             {"Status", "replicating"}})});
    }
    return Value::Struct({{"DBInstances", Value::List{std::move(instance)}}});
  }
  base::MonotonicTime Soon() const { return shop_.clock.Monotonic() + std::chrono::seconds(20); }
  Result<std::unique_ptr<probe::MySqlSession>> LogIn(const MariaDbServer& server,
                                                     const std::string& user,
                                                     const std::string& password) {
    probe::MySqlAddress address = server.Address();
    address.user = user;
    address.password = password;
    return probe::MySqlSession::Open(address, server.resolver(), Soon(), shop_.clock);
  }
  ports::StepOutcome MustRun(const std::string& id, const Region& region,
                             std::map<std::string, std::string> parameters = {}) {
    const auto outcome = shop_.AddAndRun(id, region, std::move(parameters));
    CHECK_MSG(outcome.ok(), outcome.ok() ? "" : outcome.error().message().c_str());
    return *outcome;
  }
  Finding LookedAt(const std::string& id, const Region& region,
                   std::map<std::string, std::string> parameters = {}) {
    shop_.plan.steps.clear();
    shop_.Add(id, region, std::move(parameters));
    return DryRunner(shop_.TheTools())
        .Walk(shop_.application, shop_.inventory, shop_.plan, {}, {})
        .at(model::StepId(id));
  }
  void AwaitRows(const std::string& count) {
    const base::MonotonicTime until = Soon();
    while (replica_->Sql("SELECT count(*) FROM shop.orders") != count) {
      ASSERT_LT(shop_.clock.Monotonic(), until);
      ::poll(nullptr, 0, 10);
    }
  }

  static inline std::unique_ptr<MariaDbServer> home_;
  std::unique_ptr<MariaDbServer> replica_;
  std::atomic<bool> promoted_{false};
  Shop shop_;
};

TEST_F(RdsMariaDbTest, APlannedMoveLosesNothingAndCanBeRunTwice) {
  Protect();
  auto web = LogIn(*home_, "web", "web");
  ASSERT_TRUE(web.ok()) << web.error().message();
  ASSERT_TRUE((*web)->Query("INSERT INTO orders VALUES (1)", {}, Soon()).ok());

  const auto quiesced = MustRun("rds.quiesce/orders", shop_.home);
  EXPECT_EQ(quiesced.outputs.at("proof"), "closed");
  EXPECT_FALSE((*web)->Query("INSERT INTO orders VALUES (2)", {}, Soon()).ok());
  EXPECT_EQ(LogIn(*home_, "web", "web").error().code(), ErrorCode::kDenied);
  const auto drained = MustRun("rds.drain-to/orders", shop_.recovery);
  EXPECT_EQ(drained.outputs.at("replayed_lsn"), quiesced.outputs.at("final_lsn"));
  const auto promoted = MustRun("rds.promote/orders", shop_.recovery);
  EXPECT_FALSE(promoted.outputs.at("position").empty());
  EXPECT_TRUE(shop_.Run("rds.promote/orders").ok());
  EXPECT_EQ(shop_.aws.Calls("rds:PromoteReadReplica").size(), 1u);
  MustRun("rds.open/orders", shop_.recovery);
  EXPECT_TRUE(shop_.Run("rds.open/orders").ok());

  auto there = LogIn(*replica_, "web", "web");
  ASSERT_TRUE(there.ok()) << there.error().message();
  EXPECT_TRUE((*there)->Query("INSERT INTO orders VALUES (2)", {}, Soon()).ok());
  EXPECT_EQ(replica_->Sql("SELECT count(*) FROM shop.orders"), "2");
  EXPECT_EQ(LogIn(*home_, "web", "web").error().code(), ErrorCode::kDenied) << "one writer";
}

TEST_F(RdsMariaDbTest, AFailoverSaysWhatItMayLoseAndTheOldWriterWhatItHeld) {
  Protect();
  home_->Sql("INSERT INTO shop.orders VALUES (1)");
  AwaitRows("1");
  replica_->Sql("STOP SLAVE IO_THREAD");  // cut off
  home_->Sql("INSERT INTO shop.orders VALUES (2)");

  const auto measured = MustRun("rds.measure/orders", shop_.recovery);
  EXPECT_EQ(measured.outputs.at("source"), "newest canary");
  EXPECT_GT(std::stoll(measured.outputs.at("bound_ns")), 0);
  const auto drained = MustRun("rds.drain/orders", shop_.recovery);
  EXPECT_EQ(drained.outputs.at("received_lsn"), drained.outputs.at("replayed_lsn"));
  MustRun("rds.promote/orders", shop_.recovery);
  EXPECT_EQ(replica_->Sql("SELECT count(*) FROM shop.orders"), "1");

  MustRun("rds.fence/orders", shop_.home);
  shop_.outputs["rds.preserve-old/orders.old_instance"] = "orders";
  shop_.Add("rds.preserve-old/orders", shop_.home);
  const auto late =
      MustRun("rds.late-writes/orders", shop_.home,
              {{"writer-region", "us-west-2"}, {"parted", drained.outputs.at("parted")}});
  EXPECT_EQ(late.outputs.at("late_rows"), "1");
  EXPECT_TRUE(late.detail.starts_with("1 transaction: ")) << late.detail;
}

TEST_F(RdsMariaDbTest, AReplicaThatStoppedApplyingIsPassedOverWhenItStaysSo) {
  Protect();
  replica_->Sql("STOP SLAVE SQL_THREAD");
  home_->Sql("INSERT INTO shop.orders VALUES (1)");
  const base::MonotonicTime until = Soon();
  const auto behind = [&] {
    const Finding found = LookedAt("rds.drain/orders", shop_.recovery);
    return found.detail.find("1 transaction behind, and it has stopped") != std::string::npos;
  };
  while (!behind()) {
    ASSERT_LT(shop_.clock.Monotonic(), until) << "the transaction was never received";
    ::poll(nullptr, 0, 10);
  }
  const auto drained = MustRun("rds.drain/orders", shop_.recovery);
  EXPECT_NE(drained.detail.find("the last 1 transaction received will not be: it has stopped"),
            std::string::npos)
      << drained.detail;
}

TEST_F(RdsMariaDbTest, AnApplicationThatUsesLeewardsLoginIsRefusedBeforeItIsProtected) {
  const auto stranger = LogIn(*home_, "owner", "secret");
  ASSERT_TRUE(stranger.ok());
  const auto refused = shop_.AddAndRun("rds.check-source/orders", shop_.home);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
  const auto fenced = MustRun("rds.fence/orders", shop_.home);
  EXPECT_EQ(fenced.outputs.at("proof"), "unreachable") << "what is not closed is no proof";
  EXPECT_EQ(LookedAt("rds.fence/orders", shop_.home).outputs.at("proof"), "unreachable");
  for (const char* step : {"rds.check-source/orders", "rds.quiesce/orders"}) {
    const Finding looked = LookedAt(step, shop_.home);
    EXPECT_EQ(looked.would, Would::kStop) << step << ": " << looked.detail;
  }
  EXPECT_TRUE((*stranger)->Query("INSERT INTO orders VALUES (1)", {}, Soon()).ok());
}

TEST_F(RdsMariaDbTest, ADryRunSaysWhatClosingWouldMeetAndClosesNothing) {
  Protect();
  const auto web = LogIn(*home_, "web", "web");
  ASSERT_TRUE(web.ok());
  const Finding closing = LookedAt("rds.quiesce/orders", shop_.home);
  EXPECT_TRUE(closing.detail.starts_with("would close shop and end 1 session")) << closing.detail;
  const Finding source = LookedAt("rds.check-source/orders", shop_.home);
  EXPECT_EQ(source.would, Would::kNothing) << source.detail;
  const Finding promoting = LookedAt("rds.promote/orders", shop_.recovery);
  EXPECT_EQ(promoting.would, Would::kAct) << promoting.detail;
  EXPECT_TRUE((*web)->Query("INSERT INTO orders VALUES (1)", {}, Soon()).ok());
}

TEST_F(RdsMariaDbTest, ChecksAreAskedOfTheApplicationsDatabase) {
  promoted_ = true;
  shop_.application.checks = {
      {"orders are there", testing::ComponentName("orders"), "SELECT count(*) = 0 FROM orders"}};
  EXPECT_EQ(MustRun("app.verify", shop_.home).outputs.at("checks"), "1");
  home_->Sql("INSERT INTO shop.orders VALUES (1)");
  EXPECT_EQ(shop_.Run("app.verify").error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace leeward::steps
