#include "probe/late_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "probe/testing/postgres_server.h"

namespace leeward::probe {
namespace {

using ::testing::ElementsAre;
using testing::PostgresServer;
using ::testing::UnorderedElementsAre;

// A writer and its replica, parted: the source goes on alone after the replica was promoted.
class LateWritesTest : public ::testing::Test {
 protected:
  static constexpr base::Duration kSoon = std::chrono::seconds(20);

  LateWritesTest() : old_(PostgresServer::Primary()) {
    Old("create table orders(id text primary key, cents int)");
    Old("create table lines(\"Order\" text, place int, what text, primary key (place, \"Order\"))");
    Old("create table notes(text text)");
    Old("create schema leeward");
    Old("create table leeward.canary(id int primary key)");
    Old("grant all on all tables in schema public, leeward to owner");
    Old("grant usage on schema leeward to owner");
    Old("insert into orders select 'o' || n, n from generate_series(1, 1200) n");
    Old("insert into lines select 'o' || n, 1, 'x' from generate_series(1, 10) n");
    new_ = PostgresServer::Replica(*old_);
  }

  void Old(const std::string& statement) { old_->Sql("shop", statement); }
  void New(const std::string& statement) { new_->Sql("shop", statement); }
  base::MonotonicTime Soon() { return old_->clock().Monotonic() + kSoon; }

  std::unique_ptr<PostgresSession> Session(PostgresServer& server) {
    auto session =
        PostgresSession::Open(server.Address(), server.resolver(), Soon(), server.clock());
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    return std::move(*session);
  }

  // Cuts the replica off where the source is now, and promotes it.
  void Part() {
    const std::string goal = old_->Sql("postgres", "select pg_current_wal_lsn()");
    while (new_->Sql("postgres", "select pg_last_wal_replay_lsn() >= '" + goal + "'") != "t") {
    }
    const auto divergence = ReadDivergence(*Session(*new_), Soon());
    ASSERT_TRUE(divergence.ok()) << divergence.error().message();
    divergence_ = *divergence;
    ASSERT_EQ(new_->Sql("postgres", "select pg_promote()"), "t");
  }

  // "inserted public.orders {"id": "x"}", in the order found.
  std::vector<std::string> Find() {
    rows_.clear();
    const auto tables = FindLateWrites(
        *Session(*old_), *Session(*new_), divergence_,
        [&](const LateRow& row) {
          rows_.push_back(std::string(Name(row.kind)) + " " + row.table + " " + row.key);
          olds_[row.key] = row.old_row;
          return base::Ok();
        },
        Soon());
    CHECK_MSG(tables.ok(), tables.ok() ? "" : tables.error().message().c_str());
    tables_ = *tables;
    return rows_;
  }

  std::unique_ptr<PostgresServer> old_, new_;
  Divergence divergence_;
  std::vector<std::string> rows_;
  std::map<std::string, std::string> olds_;
  std::vector<LateTable> tables_;
};

TEST_F(LateWritesTest, OnlyWhatTheNewWriterNeverGotIsListed) {
  Part();
  EXPECT_TRUE(Find().empty()) << rows_.front();

  Old("insert into orders values ('late', 7)");
  Old("update orders set cents = 70 where id = 'o7'");
  Old("update orders set cents = cents where id = 'o8'");  // a new version that says the same
  Old("delete from lines where \"Order\" = 'o3'");
  Old("insert into notes values ('who knows')");
  Old("insert into leeward.canary values (1)");
  // The new writer lives on, with the same numbers.
  New("insert into orders select 'new' || n, n from generate_series(1, 50) n");
  New("update orders set cents = 90 where id = 'o9'");

  EXPECT_THAT(Find(), UnorderedElementsAre("inserted public.orders {\"id\": \"late\"}",
                                           "changed public.orders {\"id\": \"o7\"}",
                                           "deleted public.lines {\"Order\": \"o3\", \"place\": 1}",
                                           "unkeyed public.notes "));
  EXPECT_EQ(olds_["{\"id\": \"o7\"}"], "{\"id\": \"o7\", \"cents\": 70}");
  ASSERT_EQ(tables_.size(), 3u);
  EXPECT_EQ(tables_[2].table, "public.orders");
  EXPECT_EQ(tables_[2].inserted, 1u);
  EXPECT_EQ(tables_[2].changed, 1u);
}

TEST_F(LateWritesTest, ATransactionThatWasOpenAtThePartingIsLate) {
  auto open = Session(*old_);
  ASSERT_TRUE(open->Query("begin", {}, Soon()).ok());
  ASSERT_TRUE(open->Query("insert into orders values ('slow', 1)", {}, Soon()).ok());
  Old("insert into orders values ('quick', 1)");  // numbered later, ended before
  Part();
  ASSERT_TRUE(open->Query("commit", {}, Soon()).ok());
  EXPECT_THAT(Find(), ElementsAre("inserted public.orders {\"id\": \"slow\"}"));
}

TEST_F(LateWritesTest, MoreThanAPageAndATableThatTheNewWriterLacks) {
  Part();
  Old("insert into orders select 'l' || n, n from generate_series(1, 1234) n");
  Old("create table coupons(code text primary key)");
  Old("grant all on coupons to owner");
  Old("insert into coupons values ('ten')");
  const std::vector<std::string> rows = Find();
  EXPECT_EQ(rows.size(), 1235u);
  EXPECT_EQ(rows.front(), "inserted public.coupons {\"code\": \"ten\"}");
}

TEST_F(LateWritesTest, AWriterHasNoDivergence) {
  const auto divergence = ReadDivergence(*Session(*old_), Soon());
  ASSERT_FALSE(divergence.ok());
  EXPECT_EQ(divergence.error().code(), base::ErrorCode::kWrongState);
}

TEST(DivergenceTest, TextComesBack) {
  const auto read = ParseDivergence(Divergence{746, 751}.Text());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, (Divergence{746, 751}));
  for (const char* wrong : {"", ":", "7", "9:7", "a:b", "1:2:3", "-1:4"})
    EXPECT_FALSE(ParseDivergence(wrong).ok()) << wrong;
}

}  // namespace
}  // namespace leeward::probe
