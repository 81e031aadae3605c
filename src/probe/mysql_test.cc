#include "probe/mysql.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "probe/canary.h"
#include "probe/mysql_database.h"
#include "probe/testing/mariadb_server.h"
#include "probe/testing/small_servers.h"

namespace leeward::probe {
namespace {

using base::ErrorCode;
using testing::BoundSocket;
using testing::MariaDbServer;

// Greets who comes as a MySQL that wants passwords in clear text; all that is answered.
std::string AskForPassword(int listening) {
  using namespace std::string_literals;
  constexpr int kPatienceMillis = 10'000;
  pollfd wait{listening, POLLIN, 0};
  if (::poll(&wait, 1, kPatienceMillis) != 1) return "nobody came";
  const int client = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
  // Protocol 10, 8.0.30, session 7, what it can, how to prove who one is.
  const std::string body = "\x0a"s + "8.0.30\0"s + "\7\0\0\0"s + "12345678\0"s +
                           "\x09\xa2\x21\2\0\x08\0\x15"s + std::string(10, '\0') +
                           "123456789012\0"s + "mysql_clear_password\0"s;
  const std::string greeting = std::string(1, static_cast<char>(body.size())) + "\0\0\0"s + body;
  CHECK(::send(client, greeting.data(), greeting.size(), MSG_NOSIGNAL) > 0);
  std::string heard;
  std::array<char, 4096> bytes;
  wait.fd = client;
  while (::poll(&wait, 1, kPatienceMillis) == 1) {
    const ssize_t got = ::recv(client, bytes.data(), bytes.size(), 0);
    if (got <= 0) break;
    heard.append(bytes.data(), static_cast<std::size_t>(got));
    // Once it has answered, everything has been said.
    ::shutdown(client, SHUT_WR);
  }
  ::close(client);
  return heard;
}

class MySqlTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = MariaDbServer::Primary(); }
  static void TearDownTestSuite() { server_.reset(); }

  base::MonotonicTime In(base::Duration time) const { return server_->clock().Monotonic() + time; }
  base::Result<std::unique_ptr<MySqlSession>> Open(const MySqlAddress& address,
                                                   base::Duration patience) const {
    return MySqlSession::Open(address, server_->resolver(), In(patience), server_->clock());
  }
  std::unique_ptr<MySqlSession> Session(const std::string& database = "shop") const {
    auto session = Open(server_->Address(database), std::chrono::seconds(10));
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    return std::move(*session);
  }
  // Waits on a condition of the servers, with a bound.
  template <typename Condition>
  bool Becomes(const Condition& condition) const {
    const base::MonotonicTime until = In(std::chrono::seconds(30));
    while (!condition()) {
      if (server_->clock().Monotonic() > until) return false;
      ::poll(nullptr, 0, 10);
    }
    return true;
  }

  static constexpr base::Duration kSoon = std::chrono::seconds(10);
  static inline std::unique_ptr<MariaDbServer> server_;
};

TEST_F(MySqlTest, AnswersWithParametersAndNulls) {
  auto session = Session();
  const auto rows = session->Query("SELECT ? + 1 AS sum, NULL AS nothing, ? AS text",
                                   {"41", "it's \\ \"so\""}, In(kSoon));
  ASSERT_TRUE(rows.ok()) << rows.error().message();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0],
            (NamedRow{{"sum", "42"}, {"nothing", std::nullopt}, {"text", "it's \\ \"so\""}}));
  EXPECT_EQ(session->Query("SELECT ?", {}, In(kSoon)).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(session->Query("SELECT 1", {"x"}, In(kSoon)).error().code(), ErrorCode::kInvalid);
}

TEST_F(MySqlTest, AQueryEndsAtItsDeadlineAndBreaksTheSession) {
  auto session = Session();
  const base::MonotonicTime begin = server_->clock().Monotonic();
  const auto rows = session->Query("SELECT sleep(20)", {}, In(std::chrono::milliseconds(150)));
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code(), ErrorCode::kUnreachable);
  EXPECT_TRUE(session->broken());
  EXPECT_EQ(session->Query("SELECT 1", {}, In(kSoon)).error().code(), ErrorCode::kUnreachable);
  session.reset();
  EXPECT_LT(server_->clock().Monotonic() - begin, std::chrono::seconds(5));
}

TEST_F(MySqlTest, ASilentHostIsUnreachableByTheDeadline) {
  const BoundSocket silent(SOCK_STREAM, "127.0.0.1");
  MySqlAddress address = server_->Address();
  address.port = silent.port();
  const base::MonotonicTime begin = server_->clock().Monotonic();
  const auto session = Open(address, std::chrono::milliseconds(150));
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(server_->clock().Monotonic() - begin, std::chrono::seconds(5));
}

TEST_F(MySqlTest, RefusalsAreToldApart) {
  MySqlAddress nobody = server_->Address();
  nobody.port = 1;
  EXPECT_EQ(Open(nobody, kSoon).error().code(), ErrorCode::kUnreachable);
  MySqlAddress stranger = server_->Address();
  stranger.password = "wrong";
  EXPECT_EQ(Open(stranger, kSoon).error().code(), ErrorCode::kDenied);
  EXPECT_EQ(Open(server_->Address("nowhere"), kSoon).error().code(), ErrorCode::kNotFound);
  auto session = Session();
  EXPECT_EQ(session->Query("SELEKT", {}, In(kSoon)).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(session->Query("SELECT * FROM shop.nothing", {}, In(kSoon)).error().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(session->Query("SET GLOBAL read_only = 1", {}, In(kSoon)).error().code(),
            ErrorCode::kDenied);
  EXPECT_TRUE(session->Query("SELECT 1", {}, In(kSoon)).ok())
      << "a refusal does not break a session";
}

TEST_F(MySqlTest, AReadOnlySessionChangesNothing) {
  auto writer = Session();
  ASSERT_TRUE(EnsureTables(*writer, In(kSoon)).ok());
  MySqlAddress reading = server_->Address();
  reading.access = Access::kReadOnly;
  auto session = Open(reading, kSoon);
  ASSERT_TRUE(session.ok()) << session.error().message();
  EXPECT_EQ(ProbeWrite(**session, "x", In(kSoon)).error().code(), ErrorCode::kWrongState);
  EXPECT_TRUE(NewestCanary(**session, In(kSoon)).ok());
}

// A server may answer any statement with a wish for a file of its client's.
TEST_F(MySqlTest, AServerGetsNoFileOfOurs) {
  auto session = Session();
  ASSERT_TRUE(session->Query("CREATE TABLE shop.taken (line TEXT)", {}, In(kSoon)).ok());
  const auto taken =
      session->Query("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE shop.taken", {}, In(kSoon));
  EXPECT_FALSE(taken.ok());
  auto other = Session();
  const auto lines = other->Query("SELECT count(*) AS got FROM shop.taken", {}, In(kSoon));
  ASSERT_TRUE(lines.ok()) << lines.error().message();
  EXPECT_EQ(lines->front().at("got"), "0");
}

TEST_F(MySqlTest, APasswordIsNotGivenToWhoAsksForItAsItIs) {
  const BoundSocket curious(SOCK_STREAM, "127.0.0.1");
  std::string heard;
  std::thread asking([&] { heard = AskForPassword(curious.fd()); });
  MySqlAddress address = server_->Address();
  address.port = curious.port();
  EXPECT_FALSE(Open(address, kSoon).ok());
  asking.join();
  EXPECT_NE(heard, "nobody came");
  EXPECT_EQ(heard.find(address.password), std::string::npos);
}

TEST_F(MySqlTest, NoCanaryIsUnknownAndTheNewestWins) {
  auto session = Session();
  ASSERT_TRUE(session->Query("DROP DATABASE IF EXISTS leeward", {}, In(kSoon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(kSoon)), std::nullopt) << "no table yet";
  ASSERT_TRUE(EnsureTables(*session, In(kSoon)).ok());
  ASSERT_TRUE(EnsureTables(*session, In(kSoon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(kSoon)), std::nullopt);
  const base::WallTime early{std::chrono::milliseconds(1'700'000'000'001)};
  const base::WallTime late = early + std::chrono::seconds(3);
  ASSERT_TRUE(WriteCanary(*session, {"b", 1, late}, In(kSoon)).ok());
  ASSERT_TRUE(WriteCanary(*session, {"c", 1, early}, In(kSoon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(kSoon)), late);
  ASSERT_TRUE(WriteCanary(*session, {"b", 2, early}, In(kSoon)).ok());
  EXPECT_EQ(*NewestCanary(*session, In(kSoon)), early) << "one row an observer";
}

TEST_F(MySqlTest, CanaryWriterWritesAndComesBackAfterItsSessionIsEnded) {
  auto session = Session();
  ASSERT_TRUE(EnsureTables(*session, In(kSoon)).ok());
  CanaryWriter writer(IntoMySql(server_->Address(), server_->resolver(), server_->clock()), "test",
                      {.every = std::chrono::milliseconds(20), .timeout = std::chrono::seconds(5)},
                      server_->clock());
  ASSERT_TRUE(Becomes([&] { return writer.counts().written >= 3; }));
  // Ends every other session of the owner, the writer's among them.
  server_->Sql("KILL USER owner");
  ASSERT_TRUE(Becomes([&] { return writer.counts().failed >= 1; })) << "nothing was ended";
  const std::uint64_t before = writer.counts().written;
  EXPECT_TRUE(Becomes([&] { return writer.counts().written >= before + 3; }));
}

TEST_F(MySqlTest, ReplicaShowsWhatItHasAndPromotes) {
  auto replica_server = MariaDbServer::Replica(*server_);
  auto primary = Session();
  const auto writer = ReadReplicaPosition(*primary, In(kSoon));
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  EXPECT_FALSE(writer->replica);
  EXPECT_FALSE(writer->read_only);
  auto replica = Open(replica_server->Address(), kSoon);
  ASSERT_TRUE(replica.ok()) << replica.error().message();
  ASSERT_TRUE(EnsureTables(*primary, In(kSoon)).ok());
  const base::WallTime stamp{std::chrono::milliseconds(1'800'000'000'000)};
  ASSERT_TRUE(WriteCanary(*primary, {"a", 7, stamp}, In(kSoon)).ok());
  EXPECT_TRUE(Becomes([&] {
    const auto newest = NewestCanary(**replica, In(kSoon));
    return newest.ok() && *newest == stamp;
  }));
  EXPECT_TRUE(Becomes([&] {
    const auto seen = ReadReplicaPosition(**replica, In(kSoon));
    return seen.ok() && seen->replica && seen->read_only && seen->receiving && seen->applying &&
           seen->to_apply == 0u && seen->lag.has_value() && seen->received == seen->applied;
  }));
  EXPECT_EQ(ProbeWrite(**replica, "x", In(kSoon)).error().code(), ErrorCode::kWrongState);

  replica_server->Sql("STOP SLAVE SQL_THREAD");
  ASSERT_TRUE(WriteCanary(*primary, {"a", 8, stamp}, In(kSoon)).ok());
  ASSERT_TRUE(WriteCanary(*primary, {"a", 9, stamp}, In(kSoon)).ok());
  EXPECT_TRUE(Becomes([&] {
    const auto seen = ReadReplicaPosition(**replica, In(kSoon));
    return seen.ok() && !seen->applying && seen->to_apply == 2u && !seen->lag;
  }));

  replica_server->Sql("STOP SLAVE");
  replica_server->Sql("RESET SLAVE ALL");
  replica_server->Sql("SET GLOBAL read_only = 0");
  EXPECT_TRUE(ProbeWrite(**replica, "x", In(kSoon)).ok());
  const auto promoted = ReadReplicaPosition(**replica, In(kSoon));
  ASSERT_TRUE(promoted.ok());
  EXPECT_FALSE(promoted->replica);
  EXPECT_FALSE(promoted->read_only);
}

TEST(ReplicaPositionTest, WhatAServerSaysIsJudgedTogether) {
  const NamedRow status = {{"Slave_IO_Running", "Yes"},
                           {"Slave_SQL_Running", "Yes"},
                           {"Gtid_IO_Pos", "0-1-9"},
                           {"Seconds_Behind_Master", "3"}};
  const NamedRow variables = {{"read_only", "1"}, {"applied", "0-1-5"}, {"written", "0-1-5"}};
  const auto position = ToReplicaPosition(status, variables);
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(position->to_apply, 4u);
  EXPECT_EQ(position->lag, std::chrono::seconds(3));

  NamedRow broken = status;
  broken["Gtid_IO_Pos"] = "";
  broken["Seconds_Behind_Master"] = std::nullopt;
  broken["Slave_IO_Running"] = "Connecting";
  const auto unknown = ToReplicaPosition(broken, variables);
  ASSERT_TRUE(unknown.ok());
  EXPECT_FALSE(unknown->receiving);
  EXPECT_EQ(unknown->to_apply, std::nullopt) << "it has not said what it has received";
  EXPECT_EQ(unknown->lag, std::nullopt);

  broken["Gtid_IO_Pos"] = "nonsense";
  EXPECT_EQ(ToReplicaPosition(broken, variables).error().code(), ErrorCode::kService);
}

}  // namespace
}  // namespace leeward::probe
