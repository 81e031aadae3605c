#include "lab/services/rds_postgres.h"

#include <gtest/gtest.h>

#include <fstream>

#include "lab/services/rds_template.h"
#include "lab/services/rds_test_world.h"

namespace leeward::lab::rds {
namespace {

const Secrets kSecrets{"admin-secret", "replication-secret"};

class PostgresTest : public testing::Test {
 protected:
  std::shared_ptr<PostgresEngine> Make(const std::string& name) {
    return std::make_shared<PostgresEngine>(region, region.StateDirectory("rds") / name, kSecrets);
  }
  std::shared_ptr<PostgresEngine> Primary(const std::string& name) {
    auto engine = Make(name);
    const auto ready = Finish<base::Result<std::filesystem::path>>(world, cluster.Ready());
    EXPECT_TRUE(ready.ok()) << ready.error().message();
    Expect(Finish<base::Status>(world, engine->CopyFrom(*ready)));
    Expect(engine->Configure({}));
    Expect(Finish<base::Status>(world, engine->Start()));
    return engine;
  }
  void Expect(const base::Status& status) { EXPECT_TRUE(status.ok()) << status.error().message(); }
  std::string Ask(PostgresEngine& engine, const std::string& sql) {
    const auto rows = Finish<base::Result<Rows>>(world, engine.Sql({sql}));
    if (!rows.ok()) return "error: " + rows.error().message();
    return rows->empty() || rows->front().empty() ? "" : rows->front().front();
  }

  TestWorld world;
  TestRegion region{world, "us-east-1", 71};
  Template cluster{region, PostgresType(), SharedTemplateDirectory(), kSecrets};
};

TEST_F(PostgresTest, StandbyFollowsAndIsPromotedWhileItsSourceIsDead) {
  auto primary = Primary("a");
  ASSERT_EQ(Ask(*primary, "SELECT 1 FROM pg_create_physical_replication_slot('b', true)"), "1");
  ASSERT_EQ(Ask(*primary, "CREATE TABLE t AS SELECT 42 AS x"), "");

  auto standby = Make("b");
  const Upstream upstream{primary->directory().string(), 5432, "b"};
  Expect(Finish<base::Status>(world, standby->CloneFrom(upstream, {})));
  EngineConfig config;
  config.upstream = upstream;
  Expect(standby->Configure(config));
  Expect(Finish<base::Status>(world, standby->Start()));
  EXPECT_EQ(Ask(*standby, "SELECT pg_is_in_recovery()"), "t");
  EXPECT_EQ(Ask(*standby, "SELECT x FROM t"), "42");

  ASSERT_EQ(Ask(*primary, "INSERT INTO t VALUES (43)"), "");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(*standby, "SELECT max(x) FROM t") == "43"; }));

  primary.reset();
  region.services.clear();
  const base::MonotonicTime before = world.clock().Monotonic();
  Expect(Finish<base::Status>(world, standby->Promote()));
  EXPECT_LT(base::Seconds(world.clock().Monotonic() - before), 2.0);
  EXPECT_EQ(Ask(*standby, "INSERT INTO t VALUES (44) RETURNING x"), "44");
  EXPECT_EQ(Ask(*standby, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"),
            "00000002");
}

TEST_F(PostgresTest, BackupIsRestoredWithWhatWasCommittedBeforeIt) {
  auto engine = Primary("a");
  ASSERT_EQ(Ask(*engine, "CREATE TABLE t AS SELECT 7 AS x"), "");
  const auto backup = region.StateDirectory("rds") / "backup";
  Expect(Finish<base::Status>(world, engine->BackUpTo(backup)));
  ASSERT_EQ(Ask(*engine, "INSERT INTO t VALUES (8)"), "");

  auto restored = Make("r");
  Expect(Finish<base::Status>(world, restored->RestoreFrom(backup)));
  Expect(restored->Configure({}));
  Expect(Finish<base::Status>(world, restored->Start()));
  EXPECT_EQ(Ask(*restored, "SELECT max(x) FROM t"), "7");
}

TEST_F(PostgresTest, KilledServerComesBackWithItsData) {
  auto engine = Primary("a");
  ASSERT_EQ(Ask(*engine, "CREATE TABLE t AS SELECT 7 AS x"), "");
  region.Kill();
  auto again = Make("a");
  Expect(Finish<base::Status>(world, again->Start()));
  EXPECT_EQ(Ask(*again, "SELECT x FROM t"), "7");
  Expect(Finish<base::Status>(world, again->Stop()));
  EXPECT_FALSE(again->running());
}

TEST_F(PostgresTest, CrashIsReported) {
  auto engine = Primary("a");
  bool crashed = false;
  engine->OnCrash([&] { crashed = true; });
  // The postmaster's own pid is the parent of every backend.
  Ask(*engine, "SELECT 1");
  std::ifstream pid_file(engine->data() / "postmaster.pid");
  int pid = 0;
  pid_file >> pid;
  ASSERT_GT(pid, 1);
  kill(pid, SIGQUIT);
  EXPECT_TRUE(world.RunUntil([&] { return crashed; }));
}

TEST(PostgresLimits, DirectoryTooLongForASocketIsRefused) {
  EXPECT_TRUE(CheckSocketRoom("/tmp/lab/us-east-1/rds").ok());
  const auto status = CheckSocketRoom("/tmp/" + std::string(90, 'x'));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), base::ErrorCode::kInvalid);
}

TEST(Quoting, DoublesQuotes) {
  EXPECT_EQ(QuoteLiteral("o'clock"), "'o''clock'");
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
}

}  // namespace
}  // namespace leeward::lab::rds
