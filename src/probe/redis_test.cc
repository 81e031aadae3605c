#include "probe/redis.h"

#include <gtest/gtest.h>

#include "os/clock.h"
#include "os/random.h"
#include "probe/canary.h"
#include "probe/prober.h"
#include "probe/testing/redis_server.h"

namespace leeward::probe {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::RedisServer;

class RedisTest : public ::testing::Test {
 protected:
  base::MonotonicTime In(base::Duration time) { return clock_.Monotonic() + time; }
  base::Result<std::unique_ptr<RedisSession>> Open(const RedisAddress& address,
                                                   base::Duration limit = seconds(5)) {
    return RedisSession::Open(address, resolver_, In(limit), clock_);
  }

  os::SystemClock clock_;
  os::SystemRandom random_;
  Resolver resolver_{{.servers = {{"127.0.0.1", 9}}}, clock_, random_};
};

TEST_F(RedisTest, AnswersWhatItIsAskedAndSaysNoByName) {
  RedisServer server;
  const auto session = server.Session();
  ASSERT_TRUE(session->Command({"SET", "a", std::string("\0b", 2)}, In(seconds(5))).ok());
  EXPECT_EQ(session->Command({"GET", "a"}, In(seconds(5)))->text, std::string("\0b", 2));
  EXPECT_EQ(session->Command({"GET", "none"}, In(seconds(5)))->kind, RedisReply::Kind::kNothing);
  const auto wrong = session->Command({"INCR", "a"}, In(seconds(5)));
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(wrong.error().service_code(), "ERR");
  EXPECT_FALSE(session->broken()) << "a refusal is an answer";
  EXPECT_TRUE(ReadStanding(*session, In(seconds(5)))->primary);
}

TEST_F(RedisTest, AnAuthTokenIsSentAndNeverShown) {
  RedisServer server("s3cret-token");
  RedisAddress address = server.Address();
  EXPECT_TRUE(Open(address).ok());
  address.password = "wr0ng-token";
  const auto denied = Open(address);
  EXPECT_EQ(denied.error().code(), ErrorCode::kDenied);
  EXPECT_EQ(denied.error().message().find("wr0ng"), std::string::npos);
  address.password.clear();
  const auto open = Open(address);
  ASSERT_TRUE(open.ok());
  EXPECT_EQ((*open)->Command({"GET", "a"}, In(seconds(5))).error().code(), ErrorCode::kDenied);
}

TEST_F(RedisTest, NothingWaitsPastItsDeadline) {
  testing::BoundSocket silent(SOCK_STREAM, "127.0.0.1");
  const auto session = Open({.host = "127.0.0.1", .port = silent.port()});
  ASSERT_TRUE(session.ok()) << "a connection stands in the backlog";
  const base::MonotonicTime begin = clock_.Monotonic();
  const auto answer = (*session)->Command({"PING"}, In(milliseconds(150)));
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnreachable);
  EXPECT_LT(clock_.Monotonic() - begin, seconds(2));
  EXPECT_TRUE((*session)->broken());
  EXPECT_EQ((*session)->Command({"PING"}, In(seconds(5))).error().code(), ErrorCode::kUnreachable);
}

TEST_F(RedisTest, AKilledServerIsUnreachable) {
  RedisServer server;
  const auto session = server.Session();
  server.Stop();
  EXPECT_EQ(session->Command({"PING"}, In(seconds(2))).error().code(), ErrorCode::kUnreachable);
  EXPECT_EQ(Open(server.Address(), seconds(1)).error().code(), ErrorCode::kUnreachable);
}

TEST_F(RedisTest, AReplicaShowsItsPrimarysCanaryAndTakesNoWrites) {
  RedisServer primary, replica;
  replica.Follow(primary);
  replica.AwaitLinked();
  const auto there = primary.Session(), here = replica.Session();
  EXPECT_FALSE(ReadStanding(*here, In(seconds(5)))->primary);
  EXPECT_EQ(*GetStamp(*here, "canary:us-east-1", In(seconds(5))), std::nullopt);
  {
    CanaryWriter writer(IntoRedis(primary.Address(), "us-east-1", resolver_, clock_), "test",
                        {.every = milliseconds(20), .timeout = seconds(1)}, clock_);
    std::optional<base::WallTime> seen;
    const base::MonotonicTime until = In(seconds(20));
    while (!seen && clock_.Monotonic() < until)
      seen = *GetStamp(*here, "canary:us-east-1", In(seconds(5)));
    ASSERT_TRUE(seen);
    EXPECT_LT(clock_.Now() - *seen, seconds(20));
    writer.Stop();
    EXPECT_GE(writer.counts().written, 1u);
    EXPECT_EQ(writer.counts().last_error, "");
  }
  const auto refused = PutStamp(*here, "probe", clock_.Now(), In(seconds(5)));
  EXPECT_EQ(refused.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(refused.error().service_code(), "READONLY");
}

TEST_F(RedisTest, HeldWritesWaitUntilTheyAreReleased) {
  RedisServer server;
  const auto session = server.Session(), client = server.Session();
  const base::WallTime stamp = clock_.Now();
  ASSERT_TRUE(HoldWrites(*session, {"hold:us-east-1", stamp, seconds(60)}, In(seconds(5))).ok());
  EXPECT_EQ(*GetStamp(*session, "hold:us-east-1", In(seconds(5))), stamp) << "reads go on";
  EXPECT_EQ(client->Command({"SET", "a", "1"}, In(milliseconds(200))).error().code(),
            ErrorCode::kUnreachable)
      << "it waits";
  ASSERT_TRUE(ReleaseWrites(*session, In(seconds(5))).ok());
  EXPECT_TRUE(server.Session()->Command({"SET", "b", "1"}, In(seconds(5))).ok());
}

TEST_F(RedisTest, KeysThatOneAloneHasAreFound) {
  RedisServer old, fresh;
  for (RedisServer* server : {&old, &fresh}) {
    server->Do({"SET", "same", "1"});
    server->Do({"RPUSH", "list", "1", "2"});
  }
  old.Do({"SET", "leeward:canary:us-east-1", "1"});
  old.Do({"SET", "only-old", "1"});
  old.Do({"RPUSH", "list", "3"});
  fresh.Do({"SET", "only-fresh", "1"});
  const auto one = old.Session(), other = fresh.Session();
  const auto found = CompareKeys(*one, *other, 1000, In(seconds(10)), {});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->looked_at, 3u);
  EXPECT_EQ(found->missing, 1u);
  EXPECT_EQ(found->other, 1u);
  EXPECT_TRUE(found->complete);
  for (int i = 0; i < 3000; ++i) old.Do({"SET", "k" + std::to_string(i), "1"});
  EXPECT_FALSE(CompareKeys(*one, *other, 1000, In(seconds(10)), {})->complete);
}

TEST_F(RedisTest, AProbeKeepsItsSessionAndOpensAnotherWhenTheServerIsGone) {
  RedisServer primary, replica;
  replica.Follow(primary);
  Prober prober(
      {{model::Region("us-east-1"), model::Signal::kStore, {}}, RedisProbe{replica.Address()}},
      {model::ObserverId("o"), model::Region("us-west-2"), ""}, resolver_, clock_);
  EXPECT_EQ(prober.Probe(seconds(5)).detail, "answers, replica");
  replica.FollowNobody();
  replica.Do({"CLIENT", "KILL", "TYPE", "normal"});
  const model::Observation seen = prober.Probe(seconds(5));
  EXPECT_EQ(seen.seen, model::Seen::kGood) << seen.detail;
  EXPECT_EQ(seen.detail, "answers, primary");
  replica.Stop();
  EXPECT_EQ(prober.Probe(seconds(1)).seen, model::Seen::kBad);
}

TEST_F(RedisTest, AStampThatIsNoneIsCorrupt) {
  RedisServer server;
  server.Do({"SET", "leeward:probe", "yesterday"});
  EXPECT_EQ(GetStamp(*server.Session(), "probe", In(seconds(5))).error().code(),
            ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace leeward::probe
