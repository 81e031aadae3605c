#include "lab/services/rds_mariadb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "lab/services/rds_template.h"
#include "lab/services/rds_test_world.h"

namespace leeward::lab::rds {
namespace {

using ::testing::HasSubstr;

const Secrets kMariaDbSecrets{"admin-secret", "replication-secret"};

class MariaDbTest : public testing::Test {
 protected:
  std::shared_ptr<MariaDbEngine> Make(const std::string& name) {
    return std::make_shared<MariaDbEngine>(region, region.StateDirectory("rds") / name,
                                           kMariaDbSecrets, MariaDbFace::kMySql);
  }
  static EngineConfig ConfigOf(const std::string& name) {
    EngineConfig config;
    config.application_name = name;
    return config;
  }
  std::shared_ptr<MariaDbEngine> Primary(const std::string& name) {
    auto engine = Make(name);
    const auto ready = Finish<base::Result<std::filesystem::path>>(world, cluster.Ready());
    EXPECT_TRUE(ready.ok()) << ready.error().message();
    Expect(Finish<base::Status>(world, engine->CopyFrom(*ready)));
    Expect(engine->Configure(ConfigOf(name)));
    Expect(Finish<base::Status>(world, engine->Start()));
    Expect(Finish<base::Status>(world, engine->CreateMaster({"leeward", "correct-horse", "shop"})));
    return engine;
  }
  // A standby of a running primary, through a TCP link.
  std::shared_ptr<MariaDbEngine> Standby(const std::string& name, MariaDbEngine& primary) {
    link = std::make_unique<TestLink>(primary.socket());
    auto standby = Make(name);
    EngineConfig config = ConfigOf(name);
    config.upstream = Upstream{"127.0.0.1", link->port(), name};
    Engine::FetchBackup fetch = [&primary](std::filesystem::path into) {
      return primary.BackUpTo(std::move(into));
    };
    Expect(Finish<base::Status>(world, standby->CloneFrom(*config.upstream, fetch)));
    Expect(standby->Configure(config));
    Expect(Finish<base::Status>(world, standby->Start()));
    return standby;
  }
  void Expect(const base::Status& status) { EXPECT_TRUE(status.ok()) << status.error().message(); }
  std::string Ask(MariaDbEngine& engine, const std::string& sql) {
    return Text(Finish<base::Result<Rows>>(world, engine.Sql({sql})));
  }
  // As a customer's program would, from outside.
  static std::string AskAs(MariaDbEngine& engine, const std::string& user,
                           const std::string& password, const std::string& sql) {
    MariaDbTarget target = engine.Target();
    target.user = user;
    target.password = password;
    target.proxy_header = kTestOrigin;
    return Text(RunMariaDb(target, {sql}));
  }
  static std::string AskAsMaster(MariaDbEngine& engine, const std::string& sql) {
    return AskAs(engine, "leeward", "correct-horse", sql);
  }
  static std::string Text(const base::Result<Rows>& rows) {
    if (!rows.ok()) return "error: " + rows.error().message();
    return rows->empty() || rows->front().empty() ? "" : rows->front().front();
  }

  TestWorld world;
  TestRegion region{world, "us-east-1", 71};
  Template cluster{region, MySqlType(), SharedTemplateDirectory(MySqlType().template_directory),
                   kMariaDbSecrets};
  std::unique_ptr<TestLink> link;
};

TEST_F(MariaDbTest, StandbyFollowsAndIsPromotedWhileItsSourceIsDead) {
  auto primary = Primary("a");
  ASSERT_EQ(AskAsMaster(*primary, "CREATE TABLE shop.t (x INT PRIMARY KEY)"), "");
  ASSERT_EQ(AskAsMaster(*primary, "INSERT INTO shop.t VALUES (42)"), "");

  auto standby = Standby("b", *primary);
  EXPECT_TRUE(standby->IsStandby());
  EXPECT_EQ(Ask(*standby, "SELECT x FROM shop.t"), "42");
  EXPECT_NE(Ask(*standby, "SELECT @@server_id"), Ask(*primary, "SELECT @@server_id"));
  ASSERT_EQ(AskAsMaster(*primary, "INSERT INTO shop.t VALUES (43)"), "");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(*standby, "SELECT max(x) FROM shop.t") == "43"; }));
  EXPECT_THAT(AskAsMaster(*standby, "INSERT INTO shop.t VALUES (44)"), HasSubstr("read-only"));

  const auto look = [&] { return Finish<base::Result<EngineLook>>(world, standby->Look()); };
  ASSERT_TRUE(look().ok());
  EXPECT_TRUE(look()->following);
  EXPECT_EQ(look()->lag, 0.0);

  primary.reset();
  EXPECT_TRUE(world.RunUntil([&] {
    const auto seen = look();
    return seen.ok() && !seen->following && seen->lag == -1.0;
  }));
  const base::MonotonicTime before = world.clock().Monotonic();
  Expect(Finish<base::Status>(world, standby->Promote()));
  EXPECT_LT(base::Seconds(world.clock().Monotonic() - before), 5.0);
  EXPECT_FALSE(standby->IsStandby());
  EXPECT_EQ(AskAsMaster(*standby, "INSERT INTO shop.t VALUES (44)"), "");
  // The number goes on from the source's; the server is another.
  EXPECT_EQ(Ask(*standby, "SELECT @@gtid_current_pos LIKE concat('0-', @@server_id, '-%')"), "1");
}

TEST_F(MariaDbTest, WhatWasReceivedIsAppliedBeforeAPromotionIsOver) {
  auto primary = Primary("a");
  ASSERT_EQ(AskAsMaster(*primary, "CREATE TABLE shop.t (x INT PRIMARY KEY)"), "");
  auto standby = Standby("b", *primary);
  // A reader's lock holds up what is applied, so that the standby has received more than it shows.
  MariaDbTarget target = standby->Target();
  auto holder = MariaDbConnection::Open(target);
  ASSERT_TRUE(holder.ok());
  ASSERT_TRUE((*holder)->Query("LOCK TABLES shop.t READ").ok());
  for (int x = 0; x < 50; ++x) {
    ASSERT_EQ(AskAsMaster(*primary, "INSERT INTO shop.t VALUES (" + std::to_string(x) + ")"), "");
  }
  const std::string written = Ask(*primary, "SELECT @@gtid_binlog_pos");
  EXPECT_TRUE(world.RunUntil([&] {
    const auto row = (*holder)->QueryRow("SHOW SLAVE STATUS");
    return row.ok() && row->at("Gtid_IO_Pos") == written;
  }));
  primary.reset();
  bool promoted = false;
  auto promote = [](std::shared_ptr<MariaDbEngine> engine, bool& done) -> Flow<> {
    const base::Status status = co_await engine->Promote();
    EXPECT_TRUE(status.ok());
    done = true;
  };
  promote(standby, promoted).Detach();
  EXPECT_TRUE(world.RunUntil([&] {
    const auto row = (*holder)->QueryRow("SHOW SLAVE STATUS");
    return row.ok() && row->at("Slave_IO_Running") == "No";
  }));
  EXPECT_FALSE(promoted);
  ASSERT_TRUE((*holder)->Query("UNLOCK TABLES").ok());
  EXPECT_TRUE(world.RunUntil([&] { return promoted; }));
  EXPECT_EQ(AskAsMaster(*standby, "SELECT count(*) FROM shop.t"), "50");
}

TEST_F(MariaDbTest, BackupIsRestoredWithWhatWasCommittedBeforeIt) {
  auto engine = Primary("a");
  ASSERT_EQ(AskAsMaster(*engine, "CREATE TABLE shop.t AS SELECT 7 AS x"), "");
  const auto backup = region.StateDirectory("rds") / "backup";
  Expect(Finish<base::Status>(world, engine->BackUpTo(backup)));
  const std::string position = Ask(*engine, "SELECT @@gtid_binlog_pos");
  ASSERT_EQ(AskAsMaster(*engine, "INSERT INTO shop.t VALUES (8)"), "");

  auto restored = Make("r");
  Expect(Finish<base::Status>(world, restored->RestoreFrom(backup)));
  Expect(restored->Configure(ConfigOf("r")));
  Expect(Finish<base::Status>(world, restored->Start()));
  EXPECT_EQ(AskAsMaster(*restored, "SELECT max(x) FROM shop.t"), "7");
  EXPECT_EQ(Ask(*restored, "SELECT @@gtid_current_pos"), position);
}

TEST_F(MariaDbTest, KilledServerComesBackWithItsData) {
  auto engine = Primary("a");
  ASSERT_EQ(AskAsMaster(*engine, "CREATE TABLE shop.t AS SELECT 7 AS x"), "");
  region.Kill();
  auto again = Make("a");
  Expect(again->Configure(ConfigOf("a")));
  Expect(Finish<base::Status>(world, again->Start()));
  EXPECT_EQ(AskAsMaster(*again, "SELECT x FROM shop.t"), "7");
  Expect(Finish<base::Status>(world, again->Stop()));
  EXPECT_FALSE(again->running());
}

// In a file of settings a # begins a comment, and a backslash an escape.
TEST_F(MariaDbTest, AnyNameIsGoodForAStateDirectory) {
  auto engine = Primary("a #1 \\t");
  EXPECT_EQ(AskAsMaster(*engine, "CREATE TABLE shop.t AS SELECT 7 AS x"), "");
  Expect(Finish<base::Status>(world, engine->BackUpTo(engine->directory() / "backup")));
}

TEST_F(MariaDbTest, ServerThatCannotBeMadeReadyIsNotLeftRunning) {
  auto engine = Primary("a");
  Expect(Finish<base::Status>(world, engine->Stop()));
  std::ofstream(engine->data() / "xtrabackup_binlog_info") << "mysql-bin-changelog.1 4 nonsense";
  const base::Status started = Finish<base::Status>(world, engine->Start());
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message(), HasSubstr("GTID"));
  EXPECT_FALSE(engine->running());
}

TEST_F(MariaDbTest, BackupDoesNotWaitForALockForEver) {
  auto engine = Primary("a");
  ASSERT_EQ(AskAsMaster(*engine, "CREATE TABLE shop.t AS SELECT 7 AS x"), "");
  auto holder = MariaDbConnection::Open(engine->Target());
  ASSERT_TRUE(holder.ok());
  ASSERT_TRUE((*holder)->Query("LOCK TABLES shop.t WRITE").ok());
  engine->limits.backup_lock = std::chrono::seconds(1);
  const auto backup = region.StateDirectory("rds") / "backup";
  const base::Status held = Finish<base::Status>(world, engine->BackUpTo(backup));
  ASSERT_FALSE(held.ok());
  EXPECT_THAT(held.error().message(), HasSubstr("Lock wait timeout exceeded"));
  ASSERT_TRUE((*holder)->Query("UNLOCK TABLES").ok());
  Expect(Finish<base::Status>(world, engine->BackUpTo(backup)));
}

TEST_F(MariaDbTest, CrashIsReported) {
  auto engine = Primary("a");
  bool crashed = false;
  engine->OnCrash([&] { crashed = true; });
  std::ifstream pid_file(engine->directory() / "mysqld.pid");
  int pid = 0;
  pid_file >> pid;
  ASSERT_GT(pid, 1);
  kill(pid, SIGKILL);
  EXPECT_TRUE(world.RunUntil([&] { return crashed; }));
}

TEST_F(MariaDbTest, ParametersTakeEffectUnderWay) {
  auto engine = Primary("a");
  EngineConfig config = ConfigOf("a");
  config.parameters = {{"long_query_time", "7"}, {"read_only", "1"}};
  Expect(engine->Configure(config));
  Expect(Finish<base::Status>(world, engine->Reload()));
  EXPECT_EQ(Ask(*engine, "SELECT cast(@@global.long_query_time AS INT)"), "7");
  EXPECT_THAT(AskAsMaster(*engine, "CREATE TABLE shop.t (x INT)"), HasSubstr("read-only"));
  config.parameters = {{"read_only", "{TrueIfReplica}"}};
  Expect(engine->Configure(config));
  Expect(Finish<base::Status>(world, engine->Reload()));
  EXPECT_EQ(AskAsMaster(*engine, "CREATE TABLE shop.t (x INT)"), "");
}

// A value that a parameter group takes must not keep a server from its next start.
TEST_F(MariaDbTest, EveryValueThatIsGoodForAParameterIsTaken) {
  auto engine = Primary("a");
  const EngineType& type = MySqlType();
  std::vector<std::vector<std::string>> values;
  std::size_t most = 0;
  for (const ParameterRow& row : type.parameters) {
    std::vector<std::string> good;
    for (const char* value : {"0", "1", "on", "off", "true", "false", "{TrueIfReplica}"}) {
      if (IsGoodValue(row, value)) good.emplace_back(value);
    }
    ASSERT_FALSE(good.empty()) << row.name;
    most = std::max(most, good.size());
    values.push_back(std::move(good));
  }
  for (std::size_t round = 0; round < most; ++round) {
    EngineConfig config = ConfigOf("a");
    std::string said;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string& value = values[i][round % values[i].size()];
      config.parameters.emplace_back(type.parameters[i].name, value);
      said += config.parameters.back().first + "=" + value + " ";
    }
    Expect(engine->Configure(config));
    const base::Status reloaded = Finish<base::Status>(world, engine->Reload());
    EXPECT_TRUE(reloaded.ok()) << said << reloaded.error().message();
    Expect(Finish<base::Status>(world, engine->Stop()));
    engine->limits.start_attempts = 1;
    const base::Status started = Finish<base::Status>(world, engine->Start());
    ASSERT_TRUE(started.ok()) << said << started.error().message();
  }
}

TEST_F(MariaDbTest, NobodyFromOutsideBecomesTheServersOwnUser) {
  auto engine = Primary("a");
  for (const char* user : {"root", "rdsadmin", "mariadb.sys", ""}) {
    EXPECT_THAT(AskAs(*engine, user, "", "SELECT 1"), HasSubstr("denied")) << user;
  }
  // The right password is not enough from outside.
  EXPECT_THAT(AskAs(*engine, "rdsadmin", kMariaDbSecrets.admin, "SELECT 1"), HasSubstr("denied"));
  for (const char* statement :
       {"GRANT SUPER ON *.* TO leeward@'%'", "GRANT ALL ON *.* TO leeward@'%'",
        "GRANT UPDATE ON mysql.* TO leeward@'%'", "SET GLOBAL read_only = 0", "SHUTDOWN",
        "UPDATE mysql.global_priv SET Priv = '{}'", "DELETE FROM mysql.global_priv",
        "CREATE DEFINER = rdsadmin@localhost PROCEDURE shop.p() DO 1",
        "INSERT INTO mysql.plugin VALUES ('x', 'y.so')", "INSTALL SONAME 'ha_archive'",
        "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", "SELECT 1 INTO OUTFILE '/tmp/x'",
        "STOP SLAVE", "CREATE PROCEDURE mysql.p() DO 1"}) {
    EXPECT_THAT(AskAsMaster(*engine, statement), HasSubstr("error")) << statement;
  }
  // Taking the lab's users over leads nowhere: one does not exist for who comes from outside, and
  // the other may write nothing.
  EXPECT_EQ(AskAsMaster(*engine, "ALTER USER rdsadmin@'192.0.2.1' IDENTIFIED BY 'mine'"), "");
  EXPECT_THAT(AskAs(*engine, "rdsadmin", "mine", "SELECT 1"), HasSubstr("denied"));
  EXPECT_EQ(AskAsMaster(*engine, "ALTER USER rdsbackup@localhost IDENTIFIED BY 'mine'"), "");
  EXPECT_EQ(AskAs(*engine, "rdsbackup", "mine", "SELECT 1"), "1");
  for (const char* statement : {"SET GLOBAL read_only = 0", "CREATE DATABASE x",
                                "DELETE FROM mysql.global_priv", "SHUTDOWN"}) {
    EXPECT_THAT(AskAs(*engine, "rdsbackup", "mine", statement), HasSubstr("error")) << statement;
  }
}

TEST_F(MariaDbTest, MasterUserDoesWhatRdsLetsItDo) {
  auto engine = Primary("a");
  EXPECT_EQ(AskAsMaster(*engine, "CREATE DATABASE more"), "");
  EXPECT_EQ(AskAsMaster(*engine, "CREATE TABLE more.t AS SELECT 1 AS x"), "");
  EXPECT_EQ(AskAsMaster(*engine, "CREATE USER app@'%' IDENTIFIED BY 'app-secret'"), "");
  EXPECT_EQ(AskAsMaster(*engine, "GRANT SELECT, INSERT ON more.* TO app@'%'"), "");
  EXPECT_EQ(AskAs(*engine, "app", "app-secret", "SELECT x FROM more.t"), "1");
  EXPECT_EQ(AskAsMaster(*engine, "SELECT current_user()"), "leeward@%");
  EXPECT_EQ(AskAsMaster(*engine, "SELECT current_role()"), "rds_superuser_role");
  EXPECT_EQ(AskAsMaster(*engine, "SELECT substring_index(user(), '@', -1)"), "127.71.9.9");
  EXPECT_EQ(AskAsMaster(*engine, "ALTER USER app@'%' ACCOUNT LOCK"), "");
  EXPECT_THAT(AskAs(*engine, "app", "app-secret", "SELECT 1"), HasSubstr("locked"));
}

TEST_F(MariaDbTest, OtherSessionsEndByRdsKillOnly) {
  auto engine = Primary("a");
  ASSERT_EQ(AskAsMaster(*engine, "CREATE USER app@'%' IDENTIFIED BY 'app-secret'"), "");
  MariaDbTarget target = engine->Target();
  target.user = "app";
  target.password = "app-secret";
  auto victim = MariaDbConnection::Open(target);
  ASSERT_TRUE(victim.ok());
  const std::string id = Text((*victim)->Query("SELECT connection_id()"));
  EXPECT_THAT(AskAsMaster(*engine, "KILL " + id), HasSubstr("not owner"));
  EXPECT_EQ(Text((*victim)->Query("SELECT 1")), "1");
  EXPECT_EQ(AskAsMaster(*engine, "CALL mysql.rds_kill(" + id + ")"), "");
  EXPECT_FALSE((*victim)->Query("SELECT 1").ok());
  EXPECT_THAT(AskAsMaster(*engine, "CALL mysql.rds_kill(" + id + ")"), HasSubstr("Unknown thread"));

  auto ours = MariaDbConnection::Open(engine->Target());
  ASSERT_TRUE(ours.ok());
  const std::string own = Text((*ours)->Query("SELECT connection_id()"));
  for (const char* procedure : {"rds_kill", "rds_kill_query"}) {
    EXPECT_THAT(AskAsMaster(*engine, std::string("CALL mysql.") + procedure + "(" + own + ")"),
                HasSubstr("CANNOT KILL RDSADMIN"));
  }
  EXPECT_EQ(Text((*ours)->Query("SELECT 1")), "1");
}

}  // namespace
}  // namespace leeward::lab::rds
