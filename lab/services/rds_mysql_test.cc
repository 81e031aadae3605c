// The lab's RDS with MariaDB behind it, as `mysql` and as `mariadb`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/services/rds_mariadb.h"
#include "lab/services/rds_test_regions.h"

namespace leeward::lab::rds {
namespace {

using shapes::Value;
using ::testing::HasSubstr;

// Keeps the newest value of each metric.
class Metrics : public Service, public MetricSink {
 public:
  std::string_view name() const override { return "cloudwatch"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call& /*call*/, Reply reply) override { reply(ApiError{}); }
  base::Status Start() override { return base::Ok(); }
  void Publish(std::string_view /*metric_namespace*/, std::string_view metric,
               const Dimensions& dimensions, std::string_view /*unit*/, double value) override {
    newest[std::string(metric) + " " + dimensions.front().second] = value;
  }
  std::map<std::string, double> newest;
};

class RdsMySqlTest : public RdsRegions {
 protected:
  explicit RdsMySqlTest(const EngineType& engine = MySqlType()) : RdsRegions(engine) {}

  // As a client would: through the published endpoint's backend, from outside.
  static std::string Ask(Side& side, const std::string& id, const std::string& sql,
                         const std::string& user = "leeward",
                         const std::string& password = "correct-horse") {
    const auto endpoint = side.host.endpoints.find("rds:" + id);
    if (endpoint == side.host.endpoints.end()) return "no endpoint";
    MariaDbTarget target;
    target.socket = endpoint->second.backend.string();
    target.user = user;
    target.password = password;
    target.database = "shop";
    target.proxy_header = kTestOrigin;
    const auto rows = RunMariaDb(target, {sql});
    if (!rows.ok()) return "error: " + rows.error().message();
    return rows->empty() || rows->front().empty() ? "" : rows->front().front();
  }
};

class RdsMariaDbTest : public RdsMySqlTest {
 protected:
  RdsMariaDbTest() : RdsMySqlTest(MariaDbType()) {}
};

TEST_F(RdsMySqlTest, ReplicaIsPromotedWhileItsSourceIsLostAndTheSourceComesBackAsAPrimary) {
  Metrics metrics;
  b.host.services["cloudwatch"] = &metrics;
  MakeOrders();
  EXPECT_EQ(Look(a, "orders").Sub("Endpoint").Int("Port"), 3306);
  EXPECT_EQ(a.host.endpoints["rds:orders"].origin, Origin::kTold);
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  MakeReplica();
  EXPECT_EQ(Look(b, "orders-b").String("ReadReplicaSourceDBInstanceIdentifier"), kOrdersArn);
  EXPECT_EQ(Look(b, "orders-b").String("Engine"), "mysql");
  EXPECT_EQ(Look(b, "orders-b").Int("BackupRetentionPeriod"), 0);
  EXPECT_EQ(Look(a, "orders").Items("ReadReplicaDBInstanceIdentifiers").size(), 1u);
  EXPECT_EQ(Code(a, "StopDBInstance", Named("orders")), "InvalidDBInstanceState");
  EXPECT_EQ(Code(b, "StopDBInstance", Named("orders-b")), "InvalidDBInstanceState");
  EXPECT_EQ(Code(a, "PromoteReadReplica", Named("orders")), "InvalidDBInstanceState");
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "orders-b", "SELECT max(x) FROM t") == "2"; }));
  EXPECT_THAT(Ask(b, "orders-b", "INSERT INTO t VALUES (3)"), HasSubstr("read-only"));
  EXPECT_TRUE(world.RunUntil([&] {
    const auto lag = metrics.newest.find("ReplicaLag orders-b");
    return lag != metrics.newest.end() && lag->second >= 0;
  }));

  Lose(a);
  EXPECT_TRUE(world.RunUntil([&] { return metrics.newest["ReplicaLag orders-b"] == -1; }));
  EXPECT_TRUE(world.RunUntil([&] {
    return Look(b, "orders-b").Items("StatusInfos").front().String("Status") == "error";
  }));
  const base::MonotonicTime asked = world.clock().Monotonic();
  const Value promoting = Done(b, "PromoteReadReplica", Named("orders-b")).Sub("DBInstance");
  EXPECT_EQ(promoting.String("DBInstanceStatus"), "available");  // the trap: not yet promoted
  EXPECT_TRUE(promoting.Has("ReadReplicaSourceDBInstanceIdentifier"));
  EXPECT_EQ(Code(b, "PromoteReadReplica", Named("orders-b")), "InvalidDBInstanceState");
  EXPECT_TRUE(world.RunUntil(
      [&] { return !Look(b, "orders-b").Has("ReadReplicaSourceDBInstanceIdentifier"); }));
  EXPECT_LT(base::Seconds(world.clock().Monotonic() - asked), 6.0);
  Await(b, "orders-b", "available");
  EXPECT_EQ(Look(b, "orders-b").Int("BackupRetentionPeriod"), 1);
  EXPECT_EQ(Ask(b, "orders-b", "INSERT INTO t VALUES (3)"), "");
  EXPECT_EQ(Code(b, "PromoteReadReplica", Named("orders-b")), "InvalidDBInstanceState");
  Await(b, "orders-b", "backing-up");

  Heal(a);
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (4)"), "");
  EXPECT_TRUE(world.RunUntil(
      [&] { return Look(a, "orders").Items("ReadReplicaDBInstanceIdentifiers").empty(); }));
  EXPECT_EQ(Ask(a, "orders", "SELECT max(x) FROM t"), "4");
  EXPECT_EQ(Ask(b, "orders-b", "SELECT max(x) FROM t"), "3");
}

TEST_F(RdsMySqlTest, LostStandbyRegionComesBackAndFollowsAgainAndOutlivesItsSource) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  MakeReplica();
  Lose(b);
  ASSERT_EQ(Ask(a, "orders", "INSERT INTO t VALUES (2)"), "");
  Heal(b);
  Await(b, "orders-b", "available");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "orders-b", "SELECT max(x) FROM t") == "2"; }));

  Value deletion = Named("orders");
  deletion.Set("SkipFinalSnapshot", true);
  Done(a, "DeleteDBInstance", deletion);
  Await(a, "orders", "gone");
  EXPECT_TRUE(world.RunUntil(
      [&] { return !Look(b, "orders-b").Has("ReadReplicaSourceDBInstanceIdentifier"); }));
  Await(b, "orders-b", "available");
  EXPECT_EQ(Ask(b, "orders-b", "INSERT INTO t VALUES (3)"), "");
}

TEST_F(RdsMariaDbTest, InstanceIsStoppedStartedRebootedAndGivenANewPassword) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x"), "");
  EXPECT_THAT(Ask(a, "orders", "SELECT 1", "rdsadmin", "admin-secret"), HasSubstr("denied"));
  Await(a, "orders", "backing-up");
  Await(a, "orders", "available");
  EXPECT_TRUE(Look(a, "orders").Has("LatestRestorableTime"));
  Done(a, "StopDBInstance", Named("orders"));
  Await(a, "orders", "stopped");
  EXPECT_EQ(Ask(a, "orders", "SELECT 1"), "no endpoint");
  Done(a, "StartDBInstance", Named("orders"));
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "SELECT x FROM t"), "1");
  Done(a, "RebootDBInstance", Named("orders"));
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "SELECT x FROM t"), "1");

  Value change = Named("orders");
  change.Set("MasterUserPassword", "battery-staple");
  Done(a, "ModifyDBInstance", change);
  Await(a, "orders", "available");
  EXPECT_EQ(Ask(a, "orders", "SELECT x FROM t", "leeward", "battery-staple"), "1");
  EXPECT_THAT(Ask(a, "orders", "SELECT 1"), HasSubstr("denied"));
}

TEST_F(RdsMariaDbTest, SnapshotIsCopiedToTheOtherRegionAndRestored) {
  MakeOrders();
  ASSERT_EQ(Ask(a, "orders", "CREATE TABLE t AS SELECT 7 AS x"), "");
  ASSERT_EQ(MakeSnapshot(a, "orders", "s1"), "available");
  ASSERT_EQ(CopySnapshot("s1", "s2"), "available");
  Value restore =
      Value::Struct({{"DBInstanceIdentifier", "restored"}, {"DBSnapshotIdentifier", "s2"}});
  Value other = restore;
  EXPECT_EQ(Code(b, "RestoreDBInstanceFromDBSnapshot", other.Set("Engine", "postgres")),
            "InvalidParameterCombination");
  Done(b, "RestoreDBInstanceFromDBSnapshot", restore);
  Await(b, "restored", "available");
  EXPECT_EQ(Look(b, "restored").String("Engine"), "mariadb");
  EXPECT_EQ(Ask(b, "restored", "SELECT x FROM t"), "7");
  EXPECT_EQ(Ask(b, "restored", "INSERT INTO t VALUES (8)"), "");
}

TEST_F(RdsMySqlTest, RequestsAreCheckedByEngine) {
  const auto with = [&](const std::string& name, Value value) {
    Value input = Orders();
    input.Set(name, std::move(value));
    return input;
  };
  for (const char* log : {"audit", "error", "general", "slowquery"}) {
    EXPECT_FALSE(CheckCreate(with("EnableCloudwatchLogsExports", Value::List{log}), &MySqlType()))
        << log;
    Value postgres = with("EnableCloudwatchLogsExports", Value::List{log});
    EXPECT_EQ(Code(a, "CreateDBInstance", postgres.Set("Engine", "postgres")),
              "InvalidParameterCombination")
        << log;
  }
  EXPECT_EQ(
      Code(a, "CreateDBInstance", with("EnableCloudwatchLogsExports", Value::List{"postgresql"})),
      "InvalidParameterCombination");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("EngineVersion", "8.4.3")),
            "InvalidParameterCombination");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("Engine", "oracle-ee")), "InvalidParameterValue");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("MasterUsername", "root")), "InvalidParameterValue");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("MasterUsername", "seventeen_letters")),
            "InvalidParameterValue");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("MasterUserPassword", std::string(42, 'x'))),
            "InvalidParameterValue");
  EXPECT_EQ(Code(a, "CreateDBInstance", with("DBParameterGroupName", "default.postgres15")),
            "DBParameterGroupNotFound");
}

TEST_F(RdsMySqlTest, VersionsFamiliesAndParametersAreTheEnginesOwn) {
  const auto versions = [&](const std::string& engine) {
    return Done(a, "DescribeDBEngineVersions", Value::Struct({{"Engine", engine}}))
        .Items("DBEngineVersions");
  };
  ASSERT_EQ(versions("mariadb").size(), 1u);
  EXPECT_EQ(versions("mariadb").front().String("DBParameterGroupFamily"), "mariadb10.11");
  ASSERT_EQ(versions("mysql").size(), 1u);
  EXPECT_EQ(versions("mysql").front().String("MajorEngineVersion"), "8.0");
  EXPECT_THAT(std::string(versions("mysql").front().String("EngineVersion")),
              HasSubstr("mariadb-10.11."));
  EXPECT_EQ(Done(a, "DescribeDBParameterGroups",
                 Value::Struct({{"DBParameterGroupName", "default.mysql8.0"}}))
                .Items("DBParameterGroups")
                .size(),
            1u);

  const auto group = [&](const std::string& name, const std::string& family) {
    Done(a, "CreateDBParameterGroup",
         Value::Struct({{"DBParameterGroupName", name},
                        {"DBParameterGroupFamily", family},
                        {"Description", "d"}}));
  };
  group("mine", "mysql8.0");
  group("others", "mariadb10.11");
  Value input = Orders();
  EXPECT_EQ(Code(a, "CreateDBInstance", input.Set("DBParameterGroupName", "others")),
            "InvalidParameterCombination");
  Done(a, "CreateDBInstance", input.Set("DBParameterGroupName", "mine"));
  Await(a, "orders", "available");
  const auto modify = [&](const std::string& name, const std::string& value) {
    return Code(a, "ModifyDBParameterGroup",
                Value::Struct(
                    {{"DBParameterGroupName", "mine"},
                     {"Parameters", Value::List{Value::Struct({{"ParameterName", name},
                                                               {"ParameterValue", value},
                                                               {"ApplyMethod", "immediate"}})}}}));
  };
  EXPECT_EQ(modify("work_mem", "8192"), "InvalidParameterValue");
  EXPECT_EQ(modify("read_only", "yes"), "InvalidParameterValue");
  EXPECT_EQ(modify("read_only", "1"), "done");
  EXPECT_TRUE(world.RunUntil([&] {
    return Ask(a, "orders", "CREATE TABLE t AS SELECT 1 AS x").find("read-only") !=
           std::string::npos;
  }));
  EXPECT_EQ(modify("read_only", "{TrueIfReplica}"), "done");
  EXPECT_TRUE(world.RunUntil(
      [&] { return Ask(a, "orders", "CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS x").empty(); }));
}

TEST_F(RdsMySqlTest, ReplicaNeedsASourceThatIsBackedUp) {
  const Value replica =
      Value::Struct({{"DBInstanceIdentifier", "r"}, {"SourceDBInstanceIdentifier", kOrdersArn}});
  Value plain = Orders();
  plain.Set("BackupRetentionPeriod", 0);
  Done(a, "CreateDBInstance", plain);
  Await(a, "orders", "available");
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica), "InvalidDBInstanceState");
  Done(a, "ModifyDBInstance",
       Value::Struct({{"DBInstanceIdentifier", "orders"},
                      {"BackupRetentionPeriod", 7},
                      {"ApplyImmediately", true}}));
  EXPECT_EQ(Code(b, "CreateDBInstanceReadReplica", replica), "done");
  Await(b, "r", "available");
  // The backup that it was made of is nobody's snapshot, and it goes.
  EXPECT_TRUE(world.RunUntil([&] {
    const auto shown = Done(a, "DescribeDBSnapshots", Value::Struct()).Items("DBSnapshots");
    return SnapshotDirectories(a).size() == shown.size() && Status(a, "orders") == "available" &&
           !shown.empty();
  }));
  const Value shown = Done(a, "DescribeDBSnapshots", Value::Struct());
  for (const Value& snapshot : shown.Items("DBSnapshots")) {
    EXPECT_EQ(snapshot.String("SnapshotType"), "automated");
  }
}

TEST_F(RdsMySqlTest, ReplicaDeletedWhileItsSourceIsBackedUpLeavesNoBackup) {
  MakeOrders();
  Await(a, "orders", "backing-up");
  Await(a, "orders", "available");
  const std::size_t before = SnapshotDirectories(a).size();
  Done(b, "CreateDBInstanceReadReplica",
       Value::Struct({{"DBInstanceIdentifier", "r"}, {"SourceDBInstanceIdentifier", kOrdersArn}}));
  ASSERT_TRUE(world.RunUntil([&] { return SnapshotDirectories(a).size() > before; }));
  Value deletion = Named("r");
  deletion.Set("SkipFinalSnapshot", true);
  Done(b, "DeleteDBInstance", deletion);
  Await(b, "r", "gone");
  EXPECT_TRUE(world.RunUntil(
      [&] { return Look(a, "orders").Items("ReadReplicaDBInstanceIdentifiers").empty(); }));
  EXPECT_TRUE(world.RunUntil([&] { return SnapshotDirectories(a).size() == before; }));
}

// There is a database of that name in every server.
TEST_F(RdsMySqlTest, InstanceThatCannotBeMadeLeavesNoServer) {
  Value taken = Orders();
  Done(a, "CreateDBInstance", taken.Set("DBName", "mysql"));
  Await(a, "orders", "failed");
  EXPECT_THAT(Events(a), HasSubstr("database exists"));
  // A server that has ended has taken its file away.
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(a.host.StateDirectory("rds"))) {
    EXPECT_NE(entry.path().filename(), "mysqld.pid") << entry.path();
  }
}

}  // namespace
}  // namespace leeward::lab::rds
