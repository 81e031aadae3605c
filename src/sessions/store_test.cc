// What every store promises, held against the one in memory and a real Redis; and what Redis does
// across Regions.
#include "sessions/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "os/clock.h"
#include "sessions/memory_store.h"
#include "sessions/redis_store.h"
#include "sessions/testing/redis_process.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::RedisProcess;

const os::SystemClock kClock;

base::MonotonicTime Soon() { return kClock.Monotonic() + 5s; }
base::WallTime Now() { return session::WholeMillis(kClock.Now()); }

session::Handle HandleNumber(int number) {
  std::string bytes(32, 'h');
  bytes.replace(0, 4, std::to_string(1000 + number));
  return session::HandleOf(session::IdFromBytes(bytes)->str()).value();
}

session::Session SessionNumber(int number) {
  session::Session one;
  one.handle = HandleNumber(number);
  one.subject = "ann";
  one.created = Now();
  one.expires = one.created + 1h;
  one.ends = one.created + 2h;
  one.fields["cart"] = {{5, 0, "n"}, "7"};
  return one;
}

session::Revocation RevocationNumber(int number, base::Duration ago = 0s) {
  return {HandleNumber(number), Now() - ago, Now() + 2h, "us-east-1"};
}

enum class Kind { kMemory, kRedis };

class StoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      store_ = std::make_unique<MemoryStore>(MemoryStoreOptions{}, kClock);
      return;
    }
    redis_ = std::make_unique<RedisProcess>();
    RedisStoreOptions options;
    options.own = redis_->options();
    store_ = std::make_unique<RedisStore>(options, kClock);
  }

  std::unique_ptr<RedisProcess> redis_;
  std::unique_ptr<SessionStore> store_;
};

TEST_P(StoreTest, WhatWasWrittenIsReadAndWhatWasNotIsUnknown) {
  EXPECT_FALSE(store_->Read(HandleNumber(1), ReadFor::kLook, Soon())->held.session);
  const session::Session one = SessionNumber(1);
  const auto version = store_->Write(one, kNoVersion, Soon());
  ASSERT_TRUE(version.ok()) << version.error().message();
  const auto stored = store_->Read(one.handle, ReadFor::kLook, Soon());
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->held.session, one);
  EXPECT_EQ(stored->version, *version);
  EXPECT_FALSE(store_->Read(HandleNumber(2), ReadFor::kChange, Soon())->held.session);
}

TEST_P(StoreTest, AWriteOverAnotherVersionIsRefusedAndChangesNothing) {
  session::Session one = SessionNumber(1);
  const std::uint64_t first = store_->Write(one, kNoVersion, Soon()).value();
  EXPECT_EQ(store_->Write(one, kNoVersion, Soon()).error().code(), base::ErrorCode::kWrongState);
  session::Session changed = one;
  changed.subject = "bob";
  const std::uint64_t second = store_->Write(changed, first, Soon()).value();
  EXPECT_NE(first, second);
  EXPECT_EQ(store_->Write(one, first, Soon()).error().code(), base::ErrorCode::kWrongState);
  EXPECT_EQ(store_->Read(one.handle, ReadFor::kLook, Soon())->held.session->subject, "bob");
  EXPECT_EQ(store_->Write(SessionNumber(2), 7, Soon()).error().code(),
            base::ErrorCode::kWrongState);
}

TEST_P(StoreTest, OfManyAtOnceOneWrites) {
  const session::Session one = SessionNumber(1);
  const std::uint64_t first = store_->Write(one, kNoVersion, Soon()).value();
  std::atomic<int> done{0}, refused{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto written = store_->Write(one, first, Soon());
      ++(written.ok() ? done : refused);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(refused, 7);
}

TEST_P(StoreTest, ARevocationStaysWhateverIsWrittenAfterIt) {
  const session::Session one = SessionNumber(1);
  ASSERT_TRUE(store_->Write(one, kNoVersion, Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(1), Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(1), Soon()).ok());
  EXPECT_EQ(store_->Settle(RevocationNumber(1), Soon()).value(), true);
  const Stored after = store_->Read(one.handle, ReadFor::kLook, Soon()).value();
  EXPECT_TRUE(after.held.revocation.has_value());
  (void)store_->Write(one, after.version, Soon()).ok();
  const session::Held held = store_->Read(one.handle, ReadFor::kLook, Soon())->held;
  EXPECT_EQ(StandingOf(held, Now()), session::Standing::kRevoked);
}

TEST_P(StoreTest, RevocationsAreListedByTheirTimeEachOnce) {
  ASSERT_TRUE(store_->Revoke(RevocationNumber(1, 60s), Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(2, 5s), Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(3, 1s), Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(3, 0s), Soon()).ok());
  const auto recent = store_->RevokedSince(Now() - 30s, 10, Soon());
  ASSERT_TRUE(recent.ok()) << recent.error().message();
  ASSERT_EQ(recent->size(), 2u);
  EXPECT_EQ(recent->at(0).handle, HandleNumber(2));
  EXPECT_EQ(recent->at(1).handle, HandleNumber(3));
  EXPECT_EQ(store_->RevokedSince(Now() - 300s, 3, Soon())->size(), 3u);
  EXPECT_EQ(store_->RevokedSince(Now() - 300s, 2, Soon()).error().code(),
            base::ErrorCode::kExhausted);
}

TEST_P(StoreTest, EverythingIsListedInPages) {
  constexpr int kMany = 230;
  for (int i = 0; i < kMany; ++i)
    ASSERT_TRUE(store_->Write(SessionNumber(i), kNoVersion, Soon()).ok());
  ASSERT_TRUE(store_->Revoke(RevocationNumber(5), Soon()).ok());
  std::map<session::Handle, session::Held> all;
  std::string cursor;
  int pages = 0;
  do {
    const auto page = store_->List(cursor, 50, Soon());
    ASSERT_TRUE(page.ok()) << page.error().message();
    for (const session::Held& held : page->entries) {
      const session::Handle& handle = held.session ? held.session->handle : held.revocation->handle;
      all[handle] = Merge(all[handle], held);
    }
    cursor = page->next;
    ++pages;
  } while (!cursor.empty());
  EXPECT_GT(pages, 2);
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kMany));
  EXPECT_TRUE(all[HandleNumber(5)].revocation.has_value());
}

TEST_P(StoreTest, ADocumentIsAddedOnceAndGoesWhenItsTimeIsOver) {
  ASSERT_TRUE(store_->AddDocument({"key/a", "one"}, Now() + 1h, Soon()).ok());
  EXPECT_EQ(store_->AddDocument({"key/a", "two"}, Now() + 1h, Soon()).error().code(),
            base::ErrorCode::kAlready);
  ASSERT_TRUE(store_->AddDocument({"old", "x"}, Now() - 1s, Soon()).ok());
  ASSERT_TRUE(store_->AddDocument({"key/b", "three:3"}, Now() + 1h, Soon()).ok());
  std::map<std::string, std::string> found;
  const auto documents = store_->Documents(Soon());
  ASSERT_TRUE(documents.ok()) << documents.error().message();
  for (const Document& document : *documents) found[document.name] = document.text;
  EXPECT_EQ(found, (std::map<std::string, std::string>{{"key/a", "one"}, {"key/b", "three:3"}}));
}

TEST_P(StoreTest, ItSaysWhatItIs) { EXPECT_FALSE(store_->Ping(Soon())->empty()); }

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, ::testing::Values(Kind::kMemory, Kind::kRedis),
                         [](const auto& each) {
                           return each.param == Kind::kMemory ? "Memory" : "Redis";
                         });

TEST(MemoryStoreTest, WhenItIsFullWhatIsOverMakesRoomAndElseItSaysSo) {
  ports::ManualClock clock(Now());
  MemoryStore store({.most = 2}, clock);
  ASSERT_TRUE(store.Write(SessionNumber(1), kNoVersion, {}).ok());
  ASSERT_TRUE(store.Write(SessionNumber(2), kNoVersion, {}).ok());
  EXPECT_EQ(store.Write(SessionNumber(3), kNoVersion, {}).error().service_code(), "full");
  EXPECT_EQ(store.Revoke(RevocationNumber(4), {}).error().service_code(), "full");
  EXPECT_TRUE(store.Revoke(RevocationNumber(1), {}).ok());
  clock.Advance(3h);
  EXPECT_TRUE(store.Write(SessionNumber(3), kNoVersion, {}).ok());
}

// A Region that follows, and the one that it follows.
class TwoRegions : public ::testing::Test {
 protected:
  RedisProcess primary_;
  RedisProcess replica_{&primary_};
  RedisStore home_{Options(primary_, replica_), kClock};
  RedisStore away_{Options(replica_, primary_), kClock};

  static RedisStoreOptions Options(const RedisProcess& own, const RedisProcess& other) {
    RedisStoreOptions options;
    options.own = own.options();
    options.others = {other.address()};
    return options;
  }
  // Until the replica has it, or the time is over.
  static bool Arrives(const std::function<bool()>& there) {
    const base::MonotonicTime until = kClock.Monotonic() + 10s;
    while (kClock.Monotonic() < until) {
      if (there()) return true;
      ::poll(nullptr, 0, 5);
    }
    return false;
  }
};

TEST_F(TwoRegions, ChangesOfTheFollowingRegionGoToTheOtherAndComeBack) {
  EXPECT_THAT(*home_.Ping(Soon()), HasSubstr("primary"));
  EXPECT_THAT(*away_.Ping(Soon()), HasSubstr("follows"));
  const session::Session one = SessionNumber(1);
  const auto version = away_.Write(one, kNoVersion, Soon());
  ASSERT_TRUE(version.ok()) << version.error().message();
  // Its own writes are read at once, also those that have not come back yet.
  EXPECT_TRUE(away_.Read(one.handle, ReadFor::kLook, Soon())->held.session);
  EXPECT_TRUE(home_.Read(one.handle, ReadFor::kLook, Soon())->held.session);
  session::Session changed = one;
  changed.subject = "bob";
  ASSERT_TRUE(home_.Write(changed, *version, Soon()).ok());
  EXPECT_EQ(away_.Read(one.handle, ReadFor::kChange, Soon())->held.session->subject, "bob");
}

TEST_F(TwoRegions, ARevocationIsSettledInTheFollowingRegionOnceItHasArrived) {
  EXPECT_EQ(away_.Settle(RevocationNumber(2), Soon()).value(), false);
  ASSERT_TRUE(home_.Revoke(RevocationNumber(2), Soon()).ok());
  EXPECT_TRUE(Arrives([&] { return away_.Settle(RevocationNumber(2), Soon()).value(); }));
}

TEST_F(TwoRegions, WithoutThePrimaryReadsGoOnAndChangesFailQuicklyUntilThePromotion) {
  ASSERT_TRUE(home_.Write(SessionNumber(1), kNoVersion, Soon()).ok());
  ASSERT_TRUE(Arrives([&] {
    return away_.Read(HandleNumber(1), ReadFor::kLook, Soon())->held.session.has_value();
  }));
  ASSERT_TRUE(away_.Ping(Soon()).ok());
  primary_.Kill();
  EXPECT_TRUE(away_.Read(HandleNumber(1), ReadFor::kLook, Soon())->held.session);
  EXPECT_FALSE(away_.Read(HandleNumber(9), ReadFor::kLook, Soon())->held.session);
  for (int i = 0; i < 20; ++i) {
    const base::MonotonicTime began = kClock.Monotonic();
    EXPECT_EQ(away_.Write(SessionNumber(2), kNoVersion, Soon()).error().code(),
              base::ErrorCode::kUnreachable);
    EXPECT_LT(kClock.Monotonic() - began, 2s);
  }
  EXPECT_EQ(home_.Read(HandleNumber(1), ReadFor::kLook, Soon()).error().code(),
            base::ErrorCode::kUnreachable);
  EXPECT_EQ(home_.Ping(Soon()).error().code(), base::ErrorCode::kUnreachable);

  replica_.Promote();
  const Stored kept = away_.Read(HandleNumber(1), ReadFor::kChange, Soon()).value();
  ASSERT_TRUE(kept.held.session);
  EXPECT_TRUE(away_.Write(*kept.held.session, kept.version, Soon()).ok());
  EXPECT_TRUE(away_.Settle(RevocationNumber(1), Soon()).value());
}

TEST(RedisStoreTest, AServerThatSaysNothingIsUnreachableWithinItsTime) {
  os::Address any;
  any.host = "127.0.0.1";
  const auto silent = os::Listen(any);
  ASSERT_TRUE(silent.ok());
  RedisStoreOptions options;
  options.own.address = {"127.0.0.1", os::LocalAddress(*silent).port};
  options.attempt = 200ms;
  RedisStore store(options, kClock);
  const base::MonotonicTime began = kClock.Monotonic();
  EXPECT_EQ(store.Ping(Soon()).error().code(), base::ErrorCode::kUnreachable);
  EXPECT_LT(kClock.Monotonic() - began, 3s);
  ::close(*silent);
}

TEST(RedisStoreTest, AWrongPasswordIsDeniedAndNotRepeated) {
  RedisProcess redis;
  redis.Do({"CONFIG", "SET", "requirepass", "right-password"});
  RedisStoreOptions options;
  options.own = redis.options();
  EXPECT_EQ(RedisStore(options, kClock).Ping(Soon()).error().code(), base::ErrorCode::kDenied);
  options.own.password = "wrong-password";
  const base::Error wrong = RedisStore(options, kClock).Ping(Soon()).error();
  EXPECT_EQ(wrong.code(), base::ErrorCode::kDenied);
  EXPECT_THAT(wrong.message(), ::testing::Not(HasSubstr("wrong-password")));
  options.own.password = "right-password";
  EXPECT_TRUE(RedisStore(options, kClock).Ping(Soon()).ok());
}

TEST(RedisStoreTest, AServerThatWasRestartedIsAskedOverANewConnection) {
  RedisProcess redis;
  RedisStoreOptions options;
  options.own = redis.options();
  RedisStore store(options, kClock);
  ASSERT_TRUE(store.Ping(Soon()).ok());
  redis.Do({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_TRUE(store.Ping(Soon()).ok());
}

TEST(RedisAddressTest, OnlyAHostAndAPort) {
  EXPECT_EQ(ParseRedisAddress("10.0.1.5:6379")->ToString(), "10.0.1.5:6379");
  for (const char* wrong : {"", "host", ":6379", "host:", "host:0", "host:70000", "host:1x"})
    EXPECT_FALSE(ParseRedisAddress(wrong).ok()) << wrong;
}

}  // namespace
}  // namespace leeward::sessions
