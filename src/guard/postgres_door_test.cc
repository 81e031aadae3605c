#include "guard/postgres_door.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "probe/testing/postgres_server.h"

namespace leeward::guard {
namespace {

using namespace std::chrono_literals;
using probe::testing::PostgresServer;

class PostgresDoorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = PostgresServer::Primary().release(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override { door_ = Make(); }
  static std::unique_ptr<PostgresDoor> Make() {
    return std::make_unique<PostgresDoor>(server_->Address(), 2s, server_->resolver(),
                                          server_->clock());
  }
  static base::MonotonicTime In(base::Duration span) { return server_->clock().Monotonic() + span; }
  static bool IsOpen() {
    return server_->Sql("postgres",
                        "select datallowconn::int from pg_database where datname = "
                        "'shop'") == "1";
  }
  static base::Result<std::unique_ptr<probe::PostgresSession>> Application() {
    return probe::PostgresSession::Open(server_->Address(), server_->resolver(), In(5s),
                                        server_->clock());
  }
  static std::string Watchdogs() {
    return server_->Sql("postgres",
                        "select count(*) from pg_stat_activity where application_name "
                        "like 'leeward-watchdog/%'");
  }
  // Waits until the door is shut; how long after `from`.
  static base::Duration ShutAfter(base::MonotonicTime from) {
    while (IsOpen() && server_->clock().Monotonic() < from + 20s) ::poll(nullptr, 0, 5);
    return server_->clock().Monotonic() - from;
  }

  // Another transaction, which makes that change and keeps the entry for so many seconds.
  static std::thread Keeper(const std::string& change, int seconds) {
    std::thread keeper([=] {
      server_->Sql("postgres", "do $$ begin " + change + "; perform pg_sleep(" +
                                   std::to_string(seconds) + "); end $$");
    });
    const base::MonotonicTime until = In(10s);
    while (!IsKept()) CHECK(server_->clock().Monotonic() < until);
    return keeper;
  }
  static bool IsKept() {
    return server_->Sql("postgres",
                        "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
                        " and usename = 'root_of_test'") == "1";
  }

  // The application has a login of its own, which the guard is to hold.
  static void GiveApplicationALogin() {
    if (server_->Sql("postgres", "select count(*) from pg_roles where rolname = 'web'") == "1")
      return;
    for (const char* statement :
         {"create role web login password 'of the web'", "create role leeward_held nologin",
          "grant leeward_held to web", "alter role owner createrole"}) {
      server_->Sql("postgres", statement);
    }
    server_->AskForPassword("web");
    // A reload takes its time: until it counts, any password is good.
    const base::MonotonicTime until = In(10s);
    while (WebSession("not it").ok()) CHECK(server_->clock().Monotonic() < until);
  }
  static base::Result<std::unique_ptr<probe::PostgresSession>> WebSession(
      const std::string& password = "of the web", const std::string& database = "shop") {
    probe::PostgresAddress address = server_->Address(database);
    address.user = "web";
    address.password = password;
    return probe::PostgresSession::Open(address, server_->resolver(), In(5s), server_->clock());
  }

  static PostgresServer* server_;
  std::unique_ptr<PostgresDoor> door_;
};
PostgresServer* PostgresDoorTest::server_ = nullptr;

TEST_F(PostgresDoorTest, OpensAndShutsByItselfAndEndsWhoIsInside) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  EXPECT_FALSE(IsOpen());
  const base::MonotonicTime until = In(1500ms);
  const base::Status opened = door_->Open(until, {});
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  auto session = Application();
  ASSERT_TRUE(session.ok()) << session.error().message();
  ASSERT_TRUE((*session)->Query("select 1", {}, In(5s)).ok());
  const base::Duration after = ShutAfter(until);
  EXPECT_GE(after, -100ms);
  EXPECT_LT(after, 3s);
  // A statement that waits inside learns that its session is over.
  EXPECT_FALSE((*session)->Query("select pg_sleep(2)", {}, In(5s)).ok());
  EXPECT_EQ(Application().error().code(), base::ErrorCode::kWrongState);
}

TEST_F(PostgresDoorTest, StaysOpenAsLongAsItIsExtended) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(1s), {}).ok());
  base::MonotonicTime until = In(1s);
  for (int i = 0; i < 15; ++i) {
    until = In(1s);
    const base::Status extended = door_->Extend(until, {});
    ASSERT_TRUE(extended.ok()) << extended.error().message();
    ::poll(nullptr, 0, 100);
    ASSERT_TRUE(IsOpen()) << i;
  }
  EXPECT_GE(ShutAfter(until), -100ms);
}

TEST_F(PostgresDoorTest, ShutsAlsoWhileAnotherChangesTheDatabase) {
  GiveApplicationALogin();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  const base::MonotonicTime until = In(1s);
  ASSERT_TRUE(door_->Open(until, {}).ok());
  auto inside = WebSession();
  ASSERT_TRUE(inside.ok()) << inside.error().message();
  door_.reset();  // its guard is gone
  // Keeps the database's entry beyond the door's time; who waited for it is refused then.
  std::thread other = Keeper("grant connect on database shop to owner", 4);
  EXPECT_FALSE((*inside)->Query("select pg_sleep(3)", {}, In(5s)).ok());
  EXPECT_LT(server_->clock().Monotonic() - until, 1500ms) << "ended only when it slept enough";
  EXPECT_TRUE(IsOpen()) << "else this shows nothing";
  EXPECT_EQ(WebSession().error().code(), base::ErrorCode::kDenied);
  other.join();
  EXPECT_LT(ShutAfter(server_->clock().Monotonic()), 1500ms);
  EXPECT_FALSE(IsOpen());
}

TEST_F(PostgresDoorTest, AGuardThatIsGoneTakesNothingWithIt) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  const base::MonotonicTime until = In(1500ms);
  ASSERT_TRUE(door_->Open(until, {}).ok());
  door_.reset();  // both sessions' clients are gone
  EXPECT_TRUE(IsOpen());
  EXPECT_LT(ShutAfter(until), 3s);
  EXPECT_FALSE(IsOpen());
}

TEST_F(PostgresDoorTest, ShutsByItselfWhateverLimitsItsLoginHas) {
  for (const std::string limit :
       {"statement_timeout = '200ms'", "client_connection_check_interval = '200ms'",
        "idle_session_timeout = '200ms'", "client_min_messages = 'debug5'"}) {
    ASSERT_TRUE(door_->Close(In(5s)).ok());
    server_->Sql("postgres", "alter role owner set " + limit);
    std::unique_ptr<PostgresDoor> limited = Make();
    const base::MonotonicTime until = In(1500ms);
    const base::Status opened = limited->Open(until, {});
    limited.reset();  // its guard is gone
    const base::Duration after = ShutAfter(until);
    server_->Sql("postgres", "alter role owner reset all");
    ASSERT_TRUE(opened.ok()) << limit << ": " << opened.error().message();
    EXPECT_GE(after, -100ms) << limit;
    EXPECT_LT(after, 3s) << limit;
  }
}

TEST_F(PostgresDoorTest, ShutsInTimeWhileAnotherChangesAHeldLogin) {
  GiveApplicationALogin();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(1s), {}).ok());
  std::thread other = Keeper("alter role web connection limit 9", 6);
  const base::MonotonicTime until = In(2s);
  EXPECT_TRUE(door_->Extend(until, {}).ok());  // so the login's time is to be moved on
  EXPECT_LT(ShutAfter(until), 2s);
  EXPECT_TRUE(IsKept()) << "else this shows nothing";
  other.join();
}

TEST_F(PostgresDoorTest, ANewGuardEndsTheWatchdogOfAnOldOne) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(2s), {}).ok());
  const auto newer = Make();
  ASSERT_TRUE(newer->Close(In(5s)).ok());
  EXPECT_EQ(Watchdogs(), "0");
  EXPECT_FALSE(IsOpen());
  ASSERT_TRUE(newer->Open(In(10s), {}).ok());
  ::poll(nullptr, 0, 2500);  // the old one's time is over by now
  EXPECT_TRUE(IsOpen());
  ASSERT_TRUE(newer->Close(In(5s)).ok());
}

TEST_F(PostgresDoorTest, AGuardThatIsLostWhileItClosesLeavesNoOpenDoorBehind) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(60s), {}).ok());
  std::thread other = Keeper("grant connect on database shop to owner", 3);
  EXPECT_FALSE(door_->Close(In(1s)).ok());
  EXPECT_TRUE(IsOpen()) << "else this shows nothing";
  door_.reset();
  other.join();
  EXPECT_LT(ShutAfter(server_->clock().Monotonic()), 5s);
}

TEST_F(PostgresDoorTest, OpensAlsoWhileAnotherChangesTheDatabase) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  std::thread other = Keeper("grant connect on database shop to owner", 1);
  const base::Status opened = door_->Open(In(10s), {});
  EXPECT_TRUE(opened.ok()) << opened.error().message();
  other.join();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
}

TEST_F(PostgresDoorTest, DoesNotOpenBeforeTheHeldLoginsAreHeld) {
  GiveApplicationALogin();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  std::thread other = Keeper("alter role web connection limit 9", 4);
  EXPECT_FALSE(door_->Open(In(10s), {}).ok());
  EXPECT_FALSE(IsOpen());
  EXPECT_TRUE(IsKept()) << "else this shows nothing";
  EXPECT_TRUE(door_->Close(In(2s)).ok()) << "and closing waits for nobody";
  other.join();
}

TEST_F(PostgresDoorTest, OpeningTooLateHasNoEffect) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  EXPECT_FALSE(door_->Open(In(-10ms), {}).ok());
  EXPECT_FALSE(IsOpen());
}

TEST_F(PostgresDoorTest, ALostWatchdogIsReplacedByTheNextRenewal) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(5s), {}).ok());
  server_->Sql("postgres",
               "select pg_terminate_backend(pid) from pg_stat_activity where "
               "application_name like 'leeward-watchdog/%'");
  const base::MonotonicTime until = In(10s);
  while (Watchdogs() != "0" && server_->clock().Monotonic() < until) ::poll(nullptr, 0, 5);
  while (Watchdogs() == "0" && server_->clock().Monotonic() < until) {
    ASSERT_TRUE(door_->Extend(In(2s), {}).ok());
  }
  EXPECT_EQ(Watchdogs(), "1");
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  EXPECT_EQ(Watchdogs(), "0");
}

TEST_F(PostgresDoorTest, AnOpenDoorIsWatchedAllAlongWhenItsGuardBeginsAnew) {
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(20s), {}).ok());
  server_->Sql("postgres", "create table unwatched (at timestamptz)");
  server_->Sql("postgres", "create table looked_enough ()");
  std::thread looker([] {
    server_->Sql("postgres",
                 "do $$ begin loop insert into unwatched select clock_timestamp()"
                 " where not exists (select from pg_stat_activity"
                 "   where application_name like 'leeward-watchdog/%');"
                 " exit when exists (select from looked_enough);"
                 " commit; perform pg_sleep(0.001); end loop; end $$");
  });
  const base::MonotonicTime until = In(15s);
  while (!IsKept()) CHECK(server_->clock().Monotonic() < until);  // it looks
  for (int i = 0; i < 10; ++i) {
    server_->Sql("postgres",
                 "select pg_terminate_backend(pid, 5000) from pg_stat_activity where "
                 "application_name like 'leeward-door/%'");
    EXPECT_FALSE(door_->Extend(In(20s), {}).ok()) << "finds out that its session is gone";
    const base::Status extended = door_->Extend(In(20s), {});
    EXPECT_TRUE(extended.ok()) << extended.error().message();
  }
  server_->Sql("postgres", "insert into looked_enough default values");
  looker.join();
  EXPECT_EQ(server_->Sql("postgres", "select count(*) from unwatched"), "0");
  EXPECT_EQ(Watchdogs(), "1");
  server_->Sql("postgres", "drop table unwatched, looked_enough");
  ASSERT_TRUE(door_->Close(In(5s)).ok());
}

TEST_F(PostgresDoorTest, AHeldLoginIsLetInWhileTheDoorIsExtended) {
  GiveApplicationALogin();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(1s), {}).ok());
  for (int i = 0; i < 15; ++i) {
    ASSERT_TRUE(door_->Extend(In(1s), {}).ok());
    const auto session = WebSession();
    ASSERT_TRUE(session.ok()) << i << ": " << session.error().message();
    ::poll(nullptr, 0, 100);
  }
  ASSERT_TRUE(door_->Close(In(5s)).ok());
}

TEST_F(PostgresDoorTest, AServerThatWasKilledComesBackWithItsHeldLoginsShutOut) {
  GiveApplicationALogin();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  const base::MonotonicTime until = In(2s);
  ASSERT_TRUE(door_->Open(until, {}).ok());
  ASSERT_TRUE(WebSession().ok());
  server_->Stop();
  while (server_->clock().Monotonic() < until) ::poll(nullptr, 0, 20);
  server_->Start();  // and no guard: it was killed, too
  EXPECT_TRUE(IsOpen()) << "else this shows nothing";
  EXPECT_EQ(WebSession().error().code(), base::ErrorCode::kDenied);
  EXPECT_EQ(WebSession("of the web", "postgres").error().code(), base::ErrorCode::kDenied);
  // The next to hold the lease lets it in again.
  door_ = Make();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  ASSERT_TRUE(door_->Open(In(2s), {}).ok());
  EXPECT_TRUE(WebSession().ok());
  ASSERT_TRUE(door_->Close(In(5s)).ok());
}

TEST_F(PostgresDoorTest, ALoginThatMayNotHoldOthersIsToldOf) {
  GiveApplicationALogin();
  ASSERT_TRUE(door_->Close(In(5s)).ok());
  server_->Sql("postgres", "alter role owner nocreaterole");
  const base::Status opened = door_->Open(In(2s), {});
  server_->Sql("postgres", "alter role owner createrole");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), base::ErrorCode::kDenied);
  EXPECT_NE(opened.error().message().find("CREATEROLE"), std::string::npos);
  EXPECT_FALSE(IsOpen());
}

TEST_F(PostgresDoorTest, AHoldIsLiftedWhereNobodyHoldsAnyMore) {
  GiveApplicationALogin();
  server_->Sql("postgres", "alter role web valid until '2020-01-01'");
  server_->Sql("postgres", "alter database shop with allow_connections true");
  ASSERT_EQ(WebSession().error().code(), base::ErrorCode::kDenied);
  const auto session = probe::PostgresSession::Open(server_->Address("postgres"),
                                                    server_->resolver(), In(5s), server_->clock());
  ASSERT_TRUE(session.ok());
  ASSERT_TRUE(probe::LiftHold(**session, In(5s)).ok());
  EXPECT_TRUE(WebSession().ok());
}

}  // namespace
}  // namespace leeward::guard
