#include "probe/sql_session.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <vector>

#include "probe/mysql_door.h"
#include "probe/mysql_late.h"
#include "probe/testing/sql_addresses.h"

namespace leeward::probe {
namespace {

using base::ErrorCode;
using model::Engine;
using testing::MariaDbServer;
using testing::SqlAddressOf;

constexpr base::Duration kSoon = std::chrono::seconds(20);

// A writer with an application's login, tables and rows, and sessions of all kinds in it.
class MariaDbSqlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = MariaDbServer::Primary();
    for (const char* statement :
         {"GRANT CONNECTION ADMIN, BINLOG MONITOR ON *.* TO owner@'%'",
          "CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)",
          "CREATE USER web@'%' IDENTIFIED BY 'web'",  // A question mark would be a parameter here.
          R"x(EXECUTE IMMEDIATE concat("CREATE USER 'o''d", char(63), "d'@'10.%'"))x",
          "CREATE USER off@'%' ACCOUNT LOCK", "CREATE ROLE clerks",
          "GRANT SELECT, INSERT, UPDATE ON shop.* TO web@'%'"}) {
      server_->Sql(statement);
    }
  }
  base::MonotonicTime Soon() const { return server_->clock().Monotonic() + kSoon; }
  std::unique_ptr<SqlSession> Session(const SqlAddress& address) const {
    auto session = SqlSession::Open(address, server_->resolver(), Soon(), server_->clock());
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    return std::move(*session);
  }
  std::unique_ptr<SqlSession> Session() const { return Session(SqlAddressOf(*server_)); }
  base::Result<std::unique_ptr<MySqlSession>> LogIn(const std::string& user,
                                                    const std::string& password) const {
    MySqlAddress address = server_->Address();
    address.user = user;
    address.password = password;
    return MySqlSession::Open(address, server_->resolver(), Soon(), server_->clock());
  }
  std::string Locked(const std::string& user) const {
    return server_->Sql(
        "SELECT ifnull(json_value(Priv, '$.account_locked'), '0') FROM mysql.global_priv"
        " WHERE user LIKE '" +
        user + "'");
  }
  std::unique_ptr<MariaDbServer> server_;
};

TEST_F(MariaDbSqlTest, ClosingLocksOtherLoginsAndEndsTheirSessionsOpeningUnlocksThose) {
  auto leeward = Session();
  ASSERT_TRUE(leeward->EnsureTables(Soon()).ok());
  auto web = LogIn("web", "web");
  ASSERT_TRUE(web.ok()) << web.error().message();
  ASSERT_TRUE((*web)->Query("BEGIN", {}, Soon()).ok());
  ASSERT_TRUE((*web)->Query("INSERT INTO orders VALUES (1, 'never committed')", {}, Soon()).ok());
  auto door = leeward->LookAtDoor("shop", Soon());
  ASSERT_TRUE(door.ok()) << door.error().message();
  EXPECT_TRUE(door->open);
  EXPECT_TRUE(door->may_close);
  EXPECT_EQ(door->sessions, 1);

  for (int twice = 0; twice < 2; ++twice) {
    const auto closed = leeward->CloseDoor("shop", Soon(), {});
    ASSERT_TRUE(closed.ok()) << closed.error().message();
    EXPECT_FALSE(*leeward->IsDoorOpen("shop", Soon()));
    EXPECT_EQ(LogIn("web", "web").error().code(), ErrorCode::kDenied);
  }
  EXPECT_FALSE((*web)->Query("COMMIT", {}, Soon()).ok());
  EXPECT_EQ(server_->Sql("SELECT count(*) FROM shop.orders"), "0");
  EXPECT_NE(Locked("web"), "0");
  EXPECT_NE(Locked("o\\'d_d"), "0");
  EXPECT_EQ(Locked("follower"), "0") << "a replica has to get the last write";
  // Leeward itself stays, and writes its canaries.
  EXPECT_TRUE(Session()->WriteCanary({"one", 1, {}}, Soon()).ok());

  const auto opened = leeward->OpenDoor("shop", Soon());
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_TRUE(*leeward->IsDoorOpen("shop", Soon()));
  EXPECT_TRUE(LogIn("web", "web").ok());
  EXPECT_EQ(Locked("o\\'d_d"), "0");
  EXPECT_NE(Locked("off"), "0") << "locked by somebody else before";
}

TEST_F(MariaDbSqlTest, AnApplicationWithLeewardsOwnLoginCannotBeKeptOut) {
  auto leeward = Session();
  auto stranger = LogIn("owner", "secret");  // in the application's database
  ASSERT_TRUE(stranger.ok());
  for (const base::Status& refused :
       {leeward->CheckCanClose(Soon()), leeward->CloseDoor("shop", Soon(), {})}) {
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
    EXPECT_NE(refused.error().message().find("give the application another than owner"),
              std::string::npos)
        << refused.error().message();
  }
  EXPECT_EQ(Locked("web"), "0") << "nothing is half closed";
  EXPECT_TRUE((*stranger)->Query("SELECT 1", {}, Soon()).ok());
}

TEST_F(MariaDbSqlTest, AServerWithNoOtherLoginIsClosedToo) {
  for (const char* user : {"web'@'%", "off'@'%", "follower'@'%"})
    server_->Sql(std::string("DROP USER '") + user + "'");
  server_->Sql(R"x(EXECUTE IMMEDIATE concat("DROP USER 'o''d", char(63), "d'@'10.%'"))x");
  auto leeward = Session();
  ASSERT_TRUE(leeward->CloseDoor("shop", Soon(), {}).ok());
  EXPECT_FALSE(*leeward->IsDoorOpen("shop", Soon()));
  ASSERT_TRUE(leeward->OpenDoor("shop", Soon()).ok());
  EXPECT_TRUE(*leeward->IsDoorOpen("shop", Soon()));
}

TEST_F(MariaDbSqlTest, ALoginThatMayNotCloseIsToldSo) {
  server_->Sql("CREATE USER small@'%' IDENTIFIED BY 'small'");
  server_->Sql("GRANT SELECT ON `%`.* TO small@'%'");
  SqlAddress address = SqlAddressOf(*server_);
  address.user = address.password = "small";
  const auto door = Session(address)->LookAtDoor("shop", Soon());
  ASSERT_TRUE(door.ok()) << door.error().message();
  EXPECT_FALSE(door->may_close);
  EXPECT_NE(MayNotClose(address).message().find("grant it CREATE USER and PROCESS"),
            std::string::npos);
  address.user = "owner";
  address.password = "secret";
  EXPECT_EQ(Session(address)->LookAtDoor("nowhere", Soon()).error().code(), ErrorCode::kNotFound);
}

TEST_F(MariaDbSqlTest, AVerdictIsGivenInTheApplicationsDatabaseAndLeavesNoSessionThere) {
  auto leeward = Session();
  server_->Sql("INSERT INTO shop.orders VALUES (1, concat('a', char(63)))");
  const auto verdict = [&](const std::string& sql) { return leeward->Verdict(sql, Soon(), {}); };
  EXPECT_EQ(*verdict("SELECT count(*) = 1 FROM orders WHERE note = 'a?'"), "true");
  EXPECT_EQ(*verdict("SELECT count(*) = 2 FROM orders"), "false");
  EXPECT_EQ(*verdict("SELECT NULL"), "null");
  EXPECT_EQ(*verdict("SELECT 5"), "5");
  EXPECT_EQ(verdict("SELECT * FROM orders").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(verdict("SELECT 1 FROM orders WHERE id > 1").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(verdict("SELECT 1 FROM nowhere").error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(Session()->CheckCanClose(Soon()).ok());
}

TEST_F(MariaDbSqlTest, RowsAreReadByTheirColumnsWithTheTimeOfEach) {
  auto leeward = Session();
  server_->Sql("INSERT INTO shop.orders VALUES (1, concat('a', char(63))), (2, NULL), (3, 'c')");
  const auto rows = leeward->Rows(
      {"SELECT *, FROM_UNIXTIME(id + 0.5) AS at FROM orders WHERE id < 3 ORDER BY id; ", "at", 10},
      Soon(), {});
  ASSERT_TRUE(rows.ok()) << rows.error().message();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).columns.at("note"), "a?");
  EXPECT_EQ(rows->at(1).columns.at("note"), std::nullopt);
  EXPECT_EQ(rows->at(1).at, base::WallTime{std::chrono::milliseconds(2500)});
  const auto after = leeward->Rows(
      {"SELECT id FROM (SELECT id, FROM_UNIXTIME(id) AS at FROM orders) o WHERE at > " +
           leeward->Literal(base::WallTime{std::chrono::seconds(1)}),
       "", 1},
      Soon(), {});
  ASSERT_TRUE(after.ok()) << after.error().message();
  EXPECT_EQ(after->size(), 1u) << "no more than was asked for";
  EXPECT_EQ(after->at(0).at, std::nullopt);
  EXPECT_FALSE(leeward->Rows({"SELECT * FROM orders", "nothing", 10}, Soon(), {}).ok());
}

TEST_F(MariaDbSqlTest, AReplicaIsFollowedAndPromotedByItsPosition) {
  auto home = Session();
  ASSERT_TRUE(home->EnsureTables(Soon()).ok());
  EXPECT_TRUE(*home->HasTables(Soon()));
  auto replica_server = MariaDbServer::Replica(*server_);
  home = Session();  // the source was started anew
  auto replica = Session(SqlAddressOf(*replica_server));
  server_->Sql("INSERT INTO shop.orders VALUES (1, 'a')");
  const auto mark = home->Mark(Soon());
  ASSERT_TRUE(mark.ok()) << mark.error().message();
  const auto gap = [&] {
    const auto at = replica->Position(Soon());
    CHECK(at.ok() && at->replica);
    return *GapBetween(Engine::kMariadb, at->replayed, *mark);
  };
  const base::MonotonicTime until = Soon();
  while (gap().size > 0) {
    ASSERT_LT(server_->clock().Monotonic(), until);
    ::poll(nullptr, 0, 10);
  }
  EXPECT_EQ(replica->ReadWriterMark(Soon()).error().code(), ErrorCode::kWrongState);
  EXPECT_FALSE(*replica->TakesWrites(Soon()));
  EXPECT_EQ(replica->ProbeWrite("x", Soon()).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(*replica->Parting(Soon()), *mark);
  EXPECT_EQ(home->Parting(Soon()).error().code(), ErrorCode::kWrongState);

  replica_server->Sql("STOP SLAVE");
  EXPECT_EQ(replica->Position(Soon())->rest, SqlPosition::Rest::kStopped);
  replica_server->Sql("RESET SLAVE ALL");
  EXPECT_TRUE(replica->Position(Soon())->replica) << "it refuses writes still";
  replica_server->Sql("SET GLOBAL read_only = 0");
  EXPECT_EQ(replica->ReadWriterMark(Soon())->name, "position");
  EXPECT_TRUE(replica->ProbeWrite("x", Soon()).ok());
}

TEST_F(MariaDbSqlTest, LateWritesAreTheTransactionsAfterTheParting) {
  auto leeward = Session();
  ASSERT_TRUE(leeward->EnsureTables(Soon()).ok());
  server_->Sql("INSERT INTO shop.orders VALUES (1, 'in both')");
  const std::string parted = *leeward->Mark(Soon());
  ASSERT_TRUE(leeward->WriteCanary({"one", 1, {}}, Soon()).ok());
  auto web = LogIn("web", "web");
  for (const char* statement : {"BEGIN", "INSERT INTO orders VALUES (2, 'it''s late?')",
                                "UPDATE orders SET note = 'later' WHERE id = 1", "COMMIT"}) {
    ASSERT_TRUE((*web)->Query("EXECUTE IMMEDIATE ?", {statement}, Soon()).ok());
  }
  server_->Sql("FLUSH BINARY LOGS");
  ASSERT_TRUE((*web)->Query("INSERT INTO orders SELECT 3, uuid()", {}, Soon()).ok());
  server_->Sql("CREATE USER late@'%' IDENTIFIED BY 'no secret in a list'");
  (*web).reset();
  ASSERT_TRUE(leeward->CloseDoor("shop", Soon(), {}).ok());

  std::vector<LateRow> rows;
  const auto find = [&](const std::string& from) {
    rows.clear();
    const SqlAddress at = SqlAddressOf(*server_);
    return FindLateWritesIn(at, at, from,
                            [&](const LateRow& row) {
                              rows.push_back(row);
                              return base::Ok();
                            },
                            {server_->resolver(), server_->clock(), Soon(), {}});
  };
  const auto found = find(parted);
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(Summary(*found), "3 transactions: (no database) 1; shop 1; shop.orders 1");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].kind, LateKind::kTransaction);
  EXPECT_EQ(rows[0].old_row, R"x({"statements":["INSERT INTO orders VALUES (2, 'it''s late?')",)x"
                             R"x("UPDATE orders SET note = 'later' WHERE id = 1"]})x");
  EXPECT_EQ(rows[1].old_row, R"x({"statements":["INSERT INTO orders SELECT 3, uuid()"]})x");
  EXPECT_EQ(rows[2].old_row, R"x({"statements":["CREATE USER late@'%' IDENTIFIED ..."]})x");
  EXPECT_EQ(Summary(*find(*leeward->Mark(Soon()))), "none");
  server_->Sql("PURGE BINARY LOGS BEFORE now(6) + INTERVAL 1 DAY");
  EXPECT_EQ(find("0-1-1").error().code(), ErrorCode::kNotFound);
}

TEST(LateTransactionsTest, WhatIsNoLogIsRefused) {
  LateTransactions late({});
  const auto take = [](const LateRow&) { return base::Ok(); };
  EXPECT_EQ(late.Add({"Gtid", "BEGIN GTID x-y"}, take).error().code(), ErrorCode::kService);
  EXPECT_EQ(late.Add({"Gtid", ""}, take).error().code(), ErrorCode::kService);
}

TEST(SqlSessionTest, AGapIsInTheEnginesOwnUnit) {
  EXPECT_EQ(GapBetween(Engine::kPostgres, "0/10", "0/90")->Text(), "128 B");
  EXPECT_EQ(GapBetween(Engine::kPostgres, "0/90", "0/10")->Text(), "0 B");
  EXPECT_EQ(GapBetween(Engine::kMariadb, "0-1-6", "0-1-7")->Text(), "1 transaction");
  EXPECT_EQ(GapBetween(Engine::kMariadb, "0-1-6", "0-2-9,1-1-1")->Text(), "4 transactions");
  const std::string server = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  EXPECT_EQ(GapBetween(Engine::kMysql, server + ":1-5", server + ":1-9")->Text(), "4 transactions");
  EXPECT_EQ(GapBetween(Engine::kMysql, "", server + ":1-9")->size, 9u);
  EXPECT_EQ(GapBetween(Engine::kPostgres, "0-1-6", "0/10").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(GapBetween(Engine::kMariadb, "0/10", "0-1-6").error().code(), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace leeward::probe
