#include "probe/postgres.h"

#include <gtest/gtest.h>

#include "probe/canary.h"
#include "probe/database.h"
#include "probe/testing/postgres_server.h"
#include "probe/testing/small_servers.h"

namespace leeward::probe {
namespace {

using base::ErrorCode;
using testing::BoundSocket;
using testing::PostgresServer;

class PostgresTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = PostgresServer::Primary(); }
  static void TearDownTestSuite() { server_.reset(); }

  base::MonotonicTime In(base::Duration time) const { return server_->clock().Monotonic() + time; }
  base::Result<std::unique_ptr<PostgresSession>> Open(const PostgresAddress& address,
                                                      base::Duration patience) const {
    return PostgresSession::Open(address, server_->resolver(), In(patience), server_->clock());
  }
  std::unique_ptr<PostgresSession> Session(const std::string& database = "shop") const {
    auto session = Open(server_->Address(database), std::chrono::seconds(10));
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    return std::move(*session);
  }

  static inline std::unique_ptr<PostgresServer> server_;
};

TEST_F(PostgresTest, AnswersWithParametersAndNulls) {
  auto session = Session();
  const auto rows =
      session->Query("select $1::int + 1, null, $2", {"41", "it's"}, In(std::chrono::seconds(5)));
  ASSERT_TRUE(rows.ok()) << rows.error().message();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0], (Row{"42", std::nullopt, "it's"}));
}

TEST_F(PostgresTest, AQueryEndsAtItsDeadlineAndBreaksTheSession) {
  auto session = Session();
  const base::MonotonicTime begin = server_->clock().Monotonic();
  const auto rows = session->Query("select pg_sleep(10)", {}, In(std::chrono::milliseconds(150)));
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(server_->clock().Monotonic() - begin, std::chrono::seconds(2));
  EXPECT_TRUE(session->broken());
  EXPECT_EQ(session->Query("select 1", {}, In(std::chrono::seconds(1))).error().code(),
            ErrorCode::kUnreachable);
}

TEST_F(PostgresTest, ASilentHostIsUnreachableByTheDeadline) {
  const BoundSocket silent(SOCK_STREAM, "127.0.0.1");
  PostgresAddress address = server_->Address();
  address.host = "127.0.0.1";
  address.port = silent.port();
  const base::MonotonicTime begin = server_->clock().Monotonic();
  const auto session = Open(address, std::chrono::milliseconds(150));
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(server_->clock().Monotonic() - begin, std::chrono::seconds(2));
}

TEST_F(PostgresTest, RefusalsAreToldApart) {
  PostgresAddress nobody = server_->Address();
  nobody.port = 1;
  EXPECT_EQ(Open(nobody, std::chrono::seconds(1)).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(Open(server_->Address("nowhere"), std::chrono::seconds(5)).error().code(),
            ErrorCode::kNotFound);
  auto session = Session();
  const auto soon = std::chrono::seconds(5);
  EXPECT_EQ(session->Query("selekt", {}, In(soon)).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(session->Query("select * from nothing", {}, In(soon)).error().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(session->Query("create role other superuser", {}, In(soon)).error().code(),
            ErrorCode::kDenied);
  EXPECT_TRUE(session->Query("select 1", {}, In(soon)).ok())
      << "a refusal does not break a session";
}

TEST_F(PostgresTest, AClosedDatabaseEndsAndRefusesSessionsUntilOpened) {
  const auto soon = std::chrono::seconds(5);
  auto application = Session();
  auto controller = Session("postgres");
  ASSERT_TRUE(*IsDatabaseOpen(*controller, "shop", In(soon)));
  const base::Status closed = CloseDatabase(*controller, "shop", In(soon));
  ASSERT_TRUE(closed.ok()) << closed.error().message();
  ASSERT_TRUE(CloseDatabase(*controller, "shop", In(soon)).ok()) << "closing twice is fine";
  EXPECT_FALSE(*IsDatabaseOpen(*controller, "shop", In(soon)));
  EXPECT_EQ(application->Query("select 1", {}, In(soon)).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(Open(server_->Address(), soon).error().code(), ErrorCode::kWrongState);
  ASSERT_TRUE(OpenDatabase(*controller, "shop", In(soon)).ok());
  EXPECT_TRUE(Open(server_->Address(), soon).ok());
  EXPECT_EQ(IsDatabaseOpen(*controller, "nowhere", In(soon)).error().code(), ErrorCode::kNotFound);
}

TEST_F(PostgresTest, NoCanaryIsUnknownAndTheNewestWins) {
  const auto soon = std::chrono::seconds(5);
  auto session = Session();
  ASSERT_TRUE(session->Query("drop schema if exists leeward cascade", {}, In(soon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(soon)), std::nullopt) << "no table yet";
  ASSERT_TRUE(EnsureTables(*session, In(soon)).ok());
  ASSERT_TRUE(EnsureTables(*session, In(soon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(soon)), std::nullopt);
  const base::WallTime early{std::chrono::milliseconds(1'700'000'000'001)};
  const base::WallTime late = early + std::chrono::seconds(3);
  ASSERT_TRUE(WriteCanary(*session, {"b", 1, late}, In(soon)).ok());
  ASSERT_TRUE(WriteCanary(*session, {"c", 1, early}, In(soon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(soon)), late);
  ASSERT_TRUE(WriteCanary(*session, {"b", 2, early}, In(soon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(soon)), early) << "one row an observer";
}

TEST_F(PostgresTest, CanaryWriterWritesAndComesBackAfterItsSessionIsEnded) {
  const auto soon = std::chrono::seconds(5);
  auto session = Session();
  ASSERT_TRUE(EnsureTables(*session, In(soon)).ok());
  CanaryWriter writer(IntoPostgres(server_->Address(), server_->resolver(), server_->clock()),
                      "test",
                      {.every = std::chrono::milliseconds(20), .timeout = std::chrono::seconds(2)},
                      server_->clock());
  const auto await = [&](std::uint64_t written) {
    const base::MonotonicTime until = In(std::chrono::seconds(10));
    while (writer.counts().written < written && server_->clock().Monotonic() < until) {
      ASSERT_TRUE(session->Query("select pg_sleep(0.01)", {}, In(soon)).ok());
    }
    ASSERT_GE(writer.counts().written, written);
  };
  await(3);
  server_->Sql("postgres",
               "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like "
               "'%leeward.canary%' and pid <> pg_backend_pid()");
  const std::uint64_t before = writer.counts().written;
  await(before + 3);
  EXPECT_GE(writer.counts().failed, 1u);
}

TEST_F(PostgresTest, ReplicaShowsPositionsAndPromotes) {
  const auto soon = std::chrono::seconds(20);
  auto primary = Session();
  ASSERT_TRUE(EnsureTables(*primary, In(soon)).ok());
  auto replica_server = PostgresServer::Replica(*server_);
  auto replica = Open(replica_server->Address(), soon);
  ASSERT_TRUE(replica.ok()) << replica.error().message();
  const base::WallTime stamp = server_->clock().Now();
  const base::WallTime rounded{
      std::chrono::duration_cast<std::chrono::microseconds>(stamp.since_epoch)};
  ASSERT_TRUE(WriteCanary(*primary, {"b", 9, stamp}, In(soon)).ok());
  const base::MonotonicTime until = In(soon);
  while (*NewestCanary(**replica, In(soon)) != rounded) {
    ASSERT_LT(server_->clock().Monotonic(), until) << "the canary never arrived";
  }
  const auto writer = ReadLogPosition(*primary, In(soon));
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  EXPECT_FALSE(writer->in_recovery);
  EXPECT_EQ(writer->last_replayed, std::nullopt);
  const auto follower = ReadLogPosition(**replica, In(soon));
  ASSERT_TRUE(follower.ok()) << follower.error().message();
  EXPECT_TRUE(follower->in_recovery);
  ASSERT_TRUE(follower->last_replayed.has_value());
  EXPECT_GE(*LogOffset(follower->received), *LogOffset(follower->replayed));
  const auto marked = MarkLog(*primary, In(soon));
  ASSERT_TRUE(marked.ok()) << marked.error().message();
  EXPECT_GT(*LogOffset(*marked), *LogOffset(writer->replayed));
  while (*LogOffset(ReadLogPosition(**replica, In(soon))->replayed) < *LogOffset(*marked)) {
    ASSERT_LT(server_->clock().Monotonic(), until) << "the mark never arrived";
  }
  EXPECT_FALSE(MarkLog(**replica, In(soon)).ok()) << "a replica has no log of its own";
  EXPECT_EQ(WriterTimeline(**replica, In(soon)).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(ProbeWrite(**replica, "k", In(soon)).error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(*WriterTimeline(*primary, In(soon)), 1u);

  replica_server->Sql("postgres", "select pg_promote(true, 20)");
  EXPECT_TRUE(ProbeWrite(**replica, "k", In(soon)).ok());
  EXPECT_EQ(*WriterTimeline(**replica, In(soon)), 2u);
}

TEST_F(PostgresTest, WhichLoginsItMayHoldIsSeen) {
  for (const char* statement :
       {"create role leeward_held nologin", "create role web login", "create role jobs login",
        "create role sleeper nologin", "grant leeward_held to web, jobs, sleeper",
        "grant web to owner with admin option"})
    server_->Sql("postgres", statement);
  const auto session = Session("postgres");
  HeldLogins held = LookAtHeldLogins(*session, In(std::chrono::seconds(5))).value();
  EXPECT_EQ(held.count, 2);
  EXPECT_EQ(held.administered, 1);
  EXPECT_FALSE(held.create_role);
  EXPECT_FALSE(held.superuser);
  EXPECT_GE(held.server_version, 100000);
  server_->Sql("postgres", "alter role owner createrole");
  server_->Sql("postgres", "grant jobs to owner with admin option");
  held = LookAtHeldLogins(*session, In(std::chrono::seconds(5))).value();
  EXPECT_EQ(held.administered, 2);
  EXPECT_TRUE(held.create_role);
  EXPECT_TRUE(MayHold(held));
  server_->Sql("postgres", "alter role owner nocreaterole");
  server_->Sql("postgres", "drop role web, jobs, sleeper, leeward_held");
}

TEST(MayHoldTest, CreateRoleIsEnoughBeforePostgres16AndAdminOptionIsNeededFromThenOn) {
  const HeldLogins before{.count = 2, .create_role = true, .server_version = 150014};
  EXPECT_TRUE(MayHold(before));
  HeldLogins after = before;
  after.server_version = 160000;
  EXPECT_FALSE(MayHold(after));
  after.administered = 1;
  EXPECT_FALSE(MayHold(after)) << "none is held unless all are";
  after.administered = 2;
  EXPECT_TRUE(MayHold(after));
  after.create_role = false;
  EXPECT_FALSE(MayHold(after));
  const HeldLogins superuser{.count = 2, .superuser = true, .server_version = 170002};
  EXPECT_TRUE(MayHold(superuser));
}

TEST(LogOffsetTest, OrdersPositionsAndRefusesOthers) {
  EXPECT_EQ(*LogOffset("16/B374D848"), 0x16B374D848u);
  EXPECT_GT(*LogOffset("1/0"), *LogOffset("0/FFFFFFFF"));
  for (const char* wrong : {"", "16", "16/", "/1", "g/1", "1/2x", "1/2/3", "100000000/0"}) {
    EXPECT_FALSE(LogOffset(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace leeward::probe
