#include "steps/rds.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <charconv>
#include <functional>
#include <optional>
#include <thread>

#include "probe/testing/postgres_server.h"
#include "probe/testing/small_servers.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using probe::testing::PostgresServer;
using testing::SeenCall;
using testing::Shop;

constexpr char kSourceArn[] = "arn:aws:rds:us-east-1:123456789012:db:orders";

Value InstanceValue(const PostgresServer& server, const std::string& status,
                    const std::string& source = "") {
  Value instance =
      Value::Struct({{"DBInstanceIdentifier", "orders"},
                     {"DBInstanceArn", kSourceArn},
                     {"DBInstanceStatus", status},
                     {"Engine", "postgres"},
                     {"DBInstanceClass", "db.t4g.medium"},
                     {"BackupRetentionPeriod", 1},
                     {"Endpoint", Value::Struct({{"Address", server.socket()}, {"Port", 5432}})}});
  if (!source.empty()) {
    instance.Set("ReadReplicaSourceDBInstanceIdentifier", source);
    instance.Set("StatusInfos", Value::List{Value::Struct({{"StatusType", "read replication"},
                                                           {"Status", "replicating"}})});
  }
  return instance;
}

Value Answer(Value instance) {
  return Value::Struct({{"DBInstances", Value::List{std::move(instance)}}});
}

base::Error WrongInstanceState() {
  return base::WrongState("not in a state for this").WithServiceCode("InvalidDBInstanceState");
}

// A process of the server that stands still while this lives.
class Still {
 public:
  explicit Still(const std::string& pid) {
    std::from_chars(pid.data(), pid.data() + pid.size(), pid_);
    CHECK(pid_ > 1 && ::kill(pid_, SIGSTOP) == 0);
  }
  ~Still() { CHECK(::kill(pid_, SIGCONT) == 0); }
  Still(const Still&) = delete;
  Still& operator=(const Still&) = delete;

 private:
  pid_t pid_ = 0;
};

class RdsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { home_ = PostgresServer::Primary(); }
  static void TearDownTestSuite() { home_.reset(); }
  void SetUp() override {
    home_->Sql("postgres", "alter database shop with allow_connections true");
    shop_.Know("orders", shop_.home, "endpoint.address", home_->socket());
  }

  PostgresServer& Replica() {
    if (!replica_) {
      replica_ = PostgresServer::Replica(*home_);
      shop_.Know("orders", shop_.recovery, "endpoint.address", replica_->socket());
    }
    return *replica_;
  }
  // RDS in the recovery Region: a replica that is promoted when it is told to, in AWS's steps.
  void ServePromotion() {
    shop_.aws.On("rds:PromoteReadReplica", [this](const SeenCall&) -> Result<Value> {
      if (promoted_.exchange(true)) return WrongInstanceState();
      Replica().Sql("postgres", "select pg_promote(false)");
      return Value::Struct();
    });
    shop_.aws.On("rds:DescribeDBInstances", [this](const SeenCall&) -> Result<Value> {
      // As AWS: for a while after the call nothing of it can be seen.
      const int look = promoted_ ? looks_++ : 0;
      const std::string status = look == 2 ? "modifying" : "available";
      return Answer(InstanceValue(Replica(), status, look < 4 ? kSourceArn : ""));
    });
  }
  void AwaitReplayed(const std::string& sql_on_replica, const std::string& expected) {
    const base::MonotonicTime until = shop_.clock.Monotonic() + std::chrono::seconds(20);
    while (Replica().Sql("postgres", sql_on_replica) != expected) {
      ASSERT_LT(shop_.clock.Monotonic(), until) << sql_on_replica;
    }
  }

  // A session at home, in the database.
  std::unique_ptr<probe::PostgresSession> Session(const std::string& database,
                                                  const std::string& user) {
    probe::PostgresAddress address = home_->Address(database);
    address.user = user;
    auto session = probe::PostgresSession::Open(address, home_->resolver(), Soon(), shop_.clock);
    CHECK_MSG(session.ok(), session.ok() ? "" : session.error().message().c_str());
    return std::move(*session);
  }
  std::string Ask(probe::PostgresSession& session, const std::string& statement) {
    const auto rows = session.Query(statement, {}, Soon());
    CHECK_MSG(rows.ok(), rows.ok() ? "" : rows.error().message().c_str());
    return rows->empty() ? "" : (*rows)[0][0].value_or("");
  }
  base::MonotonicTime Soon() const { return shop_.clock.Monotonic() + std::chrono::seconds(20); }
  // Begins a record of which the server writes out whole pages, and whose rest waits for a commit:
  // it is larger than the buffers it goes through, and the log's writer is woken for the others.
  struct HalfWritten {
    std::string to, end;  // what is written, and where the record ends
  };
  HalfWritten LeaveARecordHalfWritten(probe::PostgresSession& session) {
    Ask(session, "begin");
    Ask(session, "select pg_logical_emit_message(false, 'test', repeat('x', 1000000))");
    Ask(session, "select pg_reload_conf()");
    HalfWritten half{Ask(session, "select pg_current_wal_lsn()"),
                     Ask(session, "select pg_current_wal_insert_lsn()")};
    CHECK(*probe::LogOffset(half.to) < *probe::LogOffset(half.end));
    return half;
  }

  static inline std::unique_ptr<PostgresServer> home_;
  std::unique_ptr<PostgresServer> replica_;
  std::atomic<bool> promoted_{false};
  std::atomic<int> looks_{0};
  Shop shop_;
};

TEST_F(RdsTest, MeasureIsUnknownUntilSomethingWasVisibleAndThenBoundsIt) {
  home_->Sql("shop", "drop schema if exists leeward cascade");
  Replica();
  const auto unknown = shop_.AddAndRun("rds.measure/orders", shop_.recovery);
  ASSERT_TRUE(unknown.ok()) << unknown.error().message();
  EXPECT_EQ(unknown->outputs.count("bound_ns"), 0u) << unknown->detail;

  ASSERT_TRUE(shop_.AddAndRun("rds.check-source/orders", shop_.home).error().code() ==
              ErrorCode::kInvalid)
      << "AWS has no answer yet";
  shop_.aws.On("rds:DescribeDBInstances", [&](const SeenCall&) -> Result<Value> {
    return Answer(InstanceValue(*home_, "available"));
  });
  ASSERT_TRUE(shop_.Run("rds.check-source/orders").ok());
  const std::string written = home_->Sql("postgres", "select pg_current_wal_lsn()");
  AwaitReplayed("select pg_last_wal_replay_lsn() >= '" + written + "'", "t");
  const base::MonotonicTime until = shop_.clock.Monotonic() + std::chrono::seconds(20);
  auto known = shop_.Run("rds.measure/orders");
  while (known.ok() && known->outputs.count("bound_ns") == 0 && shop_.clock.Monotonic() < until) {
    known = shop_.Run("rds.measure/orders");
  }
  ASSERT_TRUE(known.ok()) << known.error().message();
  ASSERT_EQ(known->outputs.count("bound_ns"), 1u) << known->detail;
  const std::int64_t bound = std::stoll(known->outputs.at("bound_ns"));
  EXPECT_GE(bound, Limits().clock_margin.count()) << "never zero";
  EXPECT_LT(bound, std::chrono::nanoseconds(std::chrono::seconds(30)).count());
  EXPECT_FALSE(known->outputs.at("replayed_lsn").empty());

  const auto drained = shop_.AddAndRun("rds.drain/orders", shop_.recovery);
  ASSERT_TRUE(drained.ok()) << drained.error().message();
  ASSERT_EQ(drained->outputs.count("bound_ns"), 1u)
      << "the old Region may have taken writes after the first measurement";
  // What the replica has may have moved on, never back; where it stood still, the bound has grown.
  const std::string before = known->outputs.at("newest_visible");
  const std::string after = drained->outputs.at("newest_visible");
  EXPECT_GE(after, before);
  if (after == before) {
    EXPECT_GE(std::stoll(drained->outputs.at("bound_ns")), bound);
  }
}

// A server that answers every start of a session with one refusal, as PostgreSQL writes it.
class RefusingServer {
 public:
  struct Refusal {
    std::string state, words;
  };
  explicit RefusingServer(std::function<Refusal(int session)> says)
      : says_(std::move(says)), thread_([this] { Serve(); }) {}
  ~RefusingServer() {
    over_ = true;
    thread_.join();
  }
  int port() const { return socket_.port(); }
  int sessions() const { return sessions_; }

 private:
  void Serve() {
    constexpr int kLook = 20;  // ms
    while (!over_) {
      pollfd one{socket_.fd(), POLLIN, 0};
      if (::poll(&one, 1, kLook) <= 0) continue;
      const int session = ::accept(socket_.fd(), nullptr, nullptr);
      if (session < 0) continue;
      Refuse(session);
      ::close(session);
    }
  }
  void Refuse(int session) {
    std::array<char, 1024> asked{};
    constexpr ssize_t kOnlyAskingForTls = 8;
    ssize_t size = ::recv(session, asked.data(), asked.size(), 0);
    if (size == kOnlyAskingForTls) {
      (void)::send(session, "N", 1, MSG_NOSIGNAL);
      size = ::recv(session, asked.data(), asked.size(), 0);
    }
    if (size <= 0) return;
    const Refusal refusal = says_(++sessions_);
    const auto field = [](char kind, const std::string& text) {
      return kind + text + std::string(1, '\0');
    };
    const std::string body = field('S', "FATAL") + field('V', "FATAL") + field('C', refusal.state) +
                             field('M', refusal.words) + std::string(1, '\0');
    const auto length = static_cast<std::uint32_t>(body.size() + 4);
    std::string message = "E";
    for (int shift = 24; shift >= 0; shift -= 8)
      message += static_cast<char>((length >> static_cast<unsigned>(shift)) & 0xffU);
    message += body;
    (void)::send(session, message.data(), message.size(), MSG_NOSIGNAL);
  }

  probe::testing::BoundSocket socket_{SOCK_STREAM, "127.0.0.1"};
  const std::function<Refusal(int)> says_;
  std::atomic<bool> over_{false};
  std::atomic<int> sessions_{0};
  std::thread thread_;  // the last member: it uses the others
};

TEST_F(RdsTest, ADatabaseThatIsStartingIsWaitedForAndOneThatRefusesIsNot) {
  constexpr int kStarting = 12;  // sessions: longer than a step's few quick attempts take
  RefusingServer server([](int session) -> RefusingServer::Refusal {
    if (session <= kStarting) return {"57P03", "the database system is starting up"};
    return {"28P01", "password authentication failed for user \"owner\""};
  });
  shop_.Know("orders", shop_.home, "endpoint.address", "127.0.0.1");
  shop_.Know("orders", shop_.home, "endpoint.port", std::to_string(server.port()));
  const auto refused = shop_.AddAndRun("rds.quiesce/orders", shop_.home);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kDenied) << refused.error().message();
  EXPECT_EQ(server.sessions(), kStarting + 1) << "a wrong password is final";
}

TEST_F(RdsTest, WaitingForADatabaseToStartEndsWithTheStepAndSaysWhatItSaid) {
  RefusingServer server([](int) -> RefusingServer::Refusal {
    return {"57P03", "the database system is starting up"};
  });
  shop_.Know("orders", shop_.home, "endpoint.address", "127.0.0.1");
  shop_.Know("orders", shop_.home, "endpoint.port", std::to_string(server.port()));
  // Long enough that a busy machine hears the server at least once.
  shop_.patience = std::chrono::seconds(2);
  const base::MonotonicTime began = shop_.clock.Monotonic();
  const auto refused = shop_.AddAndRun("rds.quiesce/orders", shop_.home);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(shop_.clock.Monotonic() - began, std::chrono::seconds(10));
  for (const char* word : {"orders in us-east-1 to come up", "the database system is starting up"})
    EXPECT_NE(refused.error().message().find(word), std::string::npos) << refused.error().message();
}

TEST_F(RdsTest, PromotesOnceAndFindsItDoneTheSecondTime) {
  Replica();
  ServePromotion();
  const auto first = shop_.AddAndRun("rds.promote/orders", shop_.recovery);
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(first->outputs.at("timeline"), "2");
  EXPECT_GE(looks_, 5) << "not done while the source link is there";
  EXPECT_EQ(Replica().Sql("shop", "select count(*) from leeward.probe"), "1");
  const auto second = shop_.Run("rds.promote/orders");
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_NE(second->detail.find("already"), std::string::npos) << second->detail;
  EXPECT_EQ(shop_.aws.Calls("rds:PromoteReadReplica").size(), 1u);
}

TEST_F(RdsTest, ARefusalAfterACrashIsSuccessOnlyWhenTheLookProvesIt) {
  Replica();
  ServePromotion();
  // The first run was cut off right after the call: the engine is on its way, the API still shows a
  // replica.
  Replica().Sql("postgres", "select pg_promote(false)");
  shop_.aws.On("rds:PromoteReadReplica",
               [](const SeenCall&) -> Result<Value> { return WrongInstanceState(); });
  promoted_ = true;
  looks_ = 2;
  const auto resumed = shop_.AddAndRun("rds.promote/orders", shop_.recovery);
  ASSERT_TRUE(resumed.ok()) << resumed.error().message();
}

TEST_F(RdsTest, ARefusalByAnAvailableReplicaIsAnError) {
  Replica();
  shop_.aws.On("rds:PromoteReadReplica",
               [](const SeenCall&) -> Result<Value> { return WrongInstanceState(); });
  shop_.aws.On("rds:DescribeDBInstances", [this](const SeenCall&) -> Result<Value> {
    return Answer(InstanceValue(Replica(), "available", kSourceArn));
  });
  const auto refused = shop_.AddAndRun("rds.promote/orders", shop_.recovery);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
}

TEST_F(RdsTest, APromotedReplicaOfAClosedSourceIsOpened) {
  Replica();
  ServePromotion();
  const auto fenced = shop_.AddAndRun("rds.fence/orders", shop_.home);
  ASSERT_TRUE(fenced.ok()) << fenced.error().message();
  EXPECT_EQ(fenced->outputs.at("proof"), "closed");
  AwaitReplayed("select datallowconn::int from pg_database where datname = 'shop'", "0");
  const auto promoted = shop_.AddAndRun("rds.promote/orders", shop_.recovery);
  ASSERT_TRUE(promoted.ok()) << promoted.error().message();
  EXPECT_EQ(
      Replica().Sql("postgres", "select datallowconn::int from pg_database where datname = 'shop'"),
      "1");
}

TEST_F(RdsTest, FencingARegionThatDoesNotAnswerEndsInTimeAndProvesNothing) {
  const probe::testing::BoundSocket silent(SOCK_STREAM, "127.0.0.1");
  Limits limits;
  limits.old_region = std::chrono::milliseconds(200);
  Shop shop(limits);
  shop.Know("orders", shop.home, "endpoint.address", "127.0.0.1");
  shop.Know("orders", shop.home, "endpoint.port", std::to_string(silent.port()));
  const base::MonotonicTime begin = shop.clock.Monotonic();
  const auto fenced = shop.AddAndRun("rds.fence/orders", shop.home);
  ASSERT_TRUE(fenced.ok()) << fenced.error().message();
  EXPECT_EQ(fenced->outputs.at("proof"), "unreachable");
  EXPECT_LT(shop.clock.Monotonic() - begin, std::chrono::seconds(1));
  EXPECT_TRUE(shop.aws.Calls().empty()) << "the lost Region's control plane is not asked";
}

TEST_F(RdsTest, APlannedMoveClosesReplaysAndOpens) {
  Replica();
  ServePromotion();
  const auto quiesced = shop_.AddAndRun("rds.quiesce/orders", shop_.home);
  ASSERT_TRUE(quiesced.ok()) << quiesced.error().message();
  const auto drained = shop_.AddAndRun("rds.drain-to/orders", shop_.recovery);
  ASSERT_TRUE(drained.ok()) << drained.error().message();
  EXPECT_GE(*probe::LogOffset(drained->outputs.at("replayed_lsn")),
            *probe::LogOffset(quiesced->outputs.at("final_lsn")));
  ASSERT_TRUE(shop_.AddAndRun("rds.promote/orders", shop_.recovery).ok());
  const auto opened = shop_.AddAndRun("rds.open/orders", shop_.recovery);
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_TRUE(shop_.Run("rds.open/orders").ok()) << "twice is fine";
}

// What other sessions of the server log while the application's are being ended (here one that
// takes its time to go) may be on disk by its first pages only, and nothing may come after it.
TEST_F(RdsTest, TheLastWriteOfAClosedWriterIsWhereARecordEnds) {
  Replica();
  ServePromotion();
  const auto other = Session("postgres", "root_of_test");
  const auto slow = Session("shop", "owner");
  std::optional<Still> goes_slowly(Ask(*slow, "select pg_backend_pid()"));
  base::Result<ports::StepOutcome> quiesced = base::Invalid("has not run");
  std::thread quiesce([&] { quiesced = shop_.AddAndRun("rds.quiesce/orders", shop_.home); });
  const base::MonotonicTime until = Soon();
  while (Ask(*other, "select datallowconn::int from pg_database where datname = 'shop'") == "1" &&
         shop_.clock.Monotonic() < until) {
  }
  const HalfWritten half = LeaveARecordHalfWritten(*other);
  goes_slowly.reset();
  quiesce.join();
  ASSERT_TRUE(quiesced.ok()) << quiesced.error().message();
  EXPECT_GE(*probe::LogOffset(quiesced->outputs.at("final_lsn")), *probe::LogOffset(half.end));
  const auto drained = shop_.AddAndRun("rds.drain-to/orders", shop_.recovery);
  ASSERT_TRUE(drained.ok()) << drained.error().message();
}

TEST_F(RdsTest, ADrainThatEndsInsideARecordStillSaysWhereTheNumbersPart) {
  Replica();
  const auto other = Session("postgres", "root_of_test");
  // Every so often this one logs something, with which the record's rest would leave.
  const Still background(
      Ask(*other, "select pid from pg_stat_activity where backend_type = 'background writer'"));
  const HalfWritten half = LeaveARecordHalfWritten(*other);
  AwaitReplayed("select pg_last_wal_receive_lsn() >= '" + half.to + "'", "t");
  const auto drained = shop_.AddAndRun("rds.drain/orders", shop_.recovery);
  ASSERT_TRUE(drained.ok()) << drained.error().message();
  EXPECT_NE(drained->detail.find("no whole record"), std::string::npos) << drained->detail;
  EXPECT_EQ(drained->outputs.count("parted"), 1u) << "late writes could not be listed";
}

TEST_F(RdsTest, OfAReplicaThatSomebodyPromotedItIsNotKnownWhatItLacks) {
  Replica().Sql("postgres", "select pg_promote(true)");
  for (const char* step : {"rds.measure/orders", "rds.drain/orders"}) {
    const auto hand = shop_.AddAndRun(step, shop_.recovery);
    ASSERT_TRUE(hand.ok()) << hand.error().message();
    EXPECT_FALSE(hand->outputs.contains("already_promoted")) << hand->detail;
    EXPECT_FALSE(hand->outputs.contains("bound_ns")) << hand->detail;
    EXPECT_EQ(hand->outputs.at("unknown_because"),
              "takes writes in us-west-2 already, and who promoted it is not known here: what it "
              "lacks cannot be told");
    shop_.plan.steps.back().parameters["promoted-by"] = "switchover-1";
    const auto known = shop_.Run(step);
    ASSERT_TRUE(known.ok()) << known.error().message();
    EXPECT_EQ(known->outputs.at("already_promoted"), "yes");
  }
}

TEST_F(RdsTest, DrainEndsWhenAllThatWasReceivedIsReplayed) {
  Replica();
  home_->Sql("shop", "create table if not exists filler as select generate_series(1, 20000) n");
  const auto drained = shop_.AddAndRun("rds.drain/orders", shop_.recovery);
  ASSERT_TRUE(drained.ok()) << drained.error().message();
  EXPECT_FALSE(drained->outputs.at("replayed_lsn").empty());
}

TEST_F(RdsTest, ReplicateAdoptsItsReplicaAndRefusesAnythingElse) {
  Replica();
  shop_.Add("rds.replicate/orders", shop_.recovery, {{"source-region", "us-east-1"}});
  std::string source = kSourceArn;
  shop_.aws.On("rds:DescribeDBInstances", [&](const SeenCall& call) -> Result<Value> {
    if (call.options.region == "us-east-1") return Answer(InstanceValue(*home_, "available"));
    return Answer(InstanceValue(Replica(), "available", source));
  });
  const auto adopted = shop_.Run("rds.replicate/orders");
  ASSERT_TRUE(adopted.ok()) << adopted.error().message();
  EXPECT_TRUE(shop_.aws.Calls("rds:CreateDBInstanceReadReplica").empty());
  source = "";
  const auto refused = shop_.Run("rds.replicate/orders");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
}

// Pooled sessions outlive the time until which their login is let in: the application seems well.
TEST_F(RdsTest, AnApplicationThatNoGuardLetsInIsNotVerified) {
  Limits limits;
  limits.guard_opens = std::chrono::milliseconds(300);
  Shop shop(limits);
  home_->Sql("postgres", "create role leeward_held nologin");
  home_->Sql("postgres", "create role web login");
  home_->Sql("postgres", "grant leeward_held to web");
  home_->Sql("postgres", "alter role web valid until '2020-01-01'");
  shop.aws.On("rds:DescribeDBInstances", [this](const SeenCall&) -> Result<Value> {
    return Answer(InstanceValue(*home_, "available"));
  });
  shop.application.failover.store = model::SharedStorePlace{};
  shop.application.failover.lease = std::chrono::milliseconds(50);
  const auto shut_out = shop.AddAndRun("app.verify", shop.home);
  home_->Sql("postgres", "alter role web valid until 'infinity'");
  const auto let_in = shop.Run("app.verify");
  home_->Sql("postgres", "drop role web");
  home_->Sql("postgres", "drop role leeward_held");
  ASSERT_FALSE(shut_out.ok());
  EXPECT_EQ(shut_out.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(shut_out.error().message(),
            "web may not log in to orders in us-east-1: no guard has opened there; start "
            "`leeward guard SPEC --region us-east-1` and go on");
  EXPECT_TRUE(let_in.ok()) << let_in.error().message();
}

TEST_F(RdsTest, AnInstanceThatIsNotThereIsNamed) {
  shop_.aws.On("rds:DescribeDBInstances", [](const SeenCall&) -> Result<Value> {
    return base::NotFound("DBInstance not found").WithServiceCode("DBInstanceNotFound");
  });
  const auto missing = shop_.AddAndRun("rds.check-source/orders", shop_.home);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message().find("orders"), std::string::npos);
}

// Instances of one Region by name, renamed and stopped at once.
class AsideTest : public RdsTest {
 protected:
  AsideTest() {
    instances_["orders"] = InstanceValue(*home_, "available");
    shop_.aws.On("rds:DescribeDBInstances", [this](const SeenCall& call) -> Result<Value> {
      const auto found = instances_.find(std::string(call.input.String("DBInstanceIdentifier")));
      if (found == instances_.end()) return base::NotFound("no such instance");
      return Answer(found->second);
    });
    shop_.aws.On("rds:ModifyDBInstance", [this](const SeenCall& call) -> Result<Value> {
      auto node = instances_.extract(std::string(call.input.String("DBInstanceIdentifier")));
      node.key() = std::string(call.input.String("NewDBInstanceIdentifier"));
      instances_.insert(std::move(node));
      return Value::Struct();
    });
    shop_.aws.On("rds:StopDBInstance", [this](const SeenCall& call) -> Result<Value> {
      instances_.at(std::string(call.input.String("DBInstanceIdentifier")))
          .Set("DBInstanceStatus", "stopped");
      return Value::Struct();
    });
  }
  std::map<std::string, Value> instances_;
};

TEST_F(AsideTest, PreserveClosesAndRenamesOnceAndNeverTouchesWhatCameAfter) {
  const auto kept =
      shop_.AddAndRun("rds.preserve-old/orders", shop_.home, {{"writer-region", "us-west-2"}});
  ASSERT_TRUE(kept.ok()) << kept.error().message();
  const std::string name = kept->outputs.at("old_instance");
  EXPECT_EQ(name, "orders-before-20251123t085413z");
  EXPECT_EQ(
      home_->Sql("postgres", "select datallowconn::int from pg_database where datname = 'shop'"),
      "0");
  // A new replica has taken the name when the step is run again.
  instances_["orders"] = InstanceValue(*home_, "available", "arn:aws:rds:us-west-2:1:db:orders");
  shop_.aws.ForgetCalls();
  const auto again = shop_.Run("rds.preserve-old/orders");
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_TRUE(shop_.aws.Calls("rds:ModifyDBInstance").empty());
  EXPECT_EQ(instances_.count("orders"), 1u);
}

// The run that asked for the renaming was cut off before it could say so.
TEST_F(AsideTest, ARenamingThatWasBegunIsWaitedOutUnderTheNewName) {
  instances_["orders"] = InstanceValue(*home_, "renaming");
  int looks = 0;
  shop_.aws.On("rds:DescribeDBInstances", [&](const SeenCall& call) -> Result<Value> {
    if (++looks == 8) {
      instances_.erase("orders");
      instances_["orders-before-20251123t085413z"] = InstanceValue(*home_, "available");
    }
    const auto found = instances_.find(std::string(call.input.String("DBInstanceIdentifier")));
    if (found == instances_.end()) return base::NotFound("no such instance");
    return Answer(found->second);
  });
  const auto kept =
      shop_.AddAndRun("rds.preserve-old/orders", shop_.home, {{"writer-region", "us-west-2"}});
  ASSERT_TRUE(kept.ok()) << kept.error().message();
  EXPECT_EQ(kept->outputs.at("old_instance"), "orders-before-20251123t085413z");
  EXPECT_TRUE(shop_.aws.Calls("rds:ModifyDBInstance").empty());
}

TEST_F(AsideTest, RetireRefusesWithoutProofAndStopsWithIt) {
  shop_.Add("rds.quiesce/orders", shop_.home);
  shop_.Add("rds.drain-to/orders", shop_.recovery);
  shop_.Add("rds.retire-old/orders", shop_.home, {{"writer-region", "us-west-2"}});
  shop_.outputs = {{"rds.quiesce/orders.final_lsn", "0/5000"},
                   {"rds.drain-to/orders.replayed_lsn", "0/4FFF"}};
  EXPECT_EQ(shop_.Run("rds.retire-old/orders").error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(instances_.count("orders"), 1u);
  shop_.outputs["rds.drain-to/orders.replayed_lsn"] = "0/5000";
  const auto retired = shop_.Run("rds.retire-old/orders");
  ASSERT_TRUE(retired.ok()) << retired.error().message();
  EXPECT_EQ(instances_.at(retired->outputs.at("old_instance")).String("DBInstanceStatus"),
            "stopped");
  EXPECT_TRUE(shop_.Run("rds.retire-old/orders").ok()) << "twice is fine";
}

}  // namespace
}  // namespace leeward::steps
