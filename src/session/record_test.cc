#include "session/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "session/record_json.h"

namespace leeward::session {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;

const Handle kHandle = HandleOf(IdFromBytes(std::string(32, 'a'))->str()).value();

base::WallTime At(std::int64_t millis) { return FromMillis(1'800'000'000'000 + millis); }

Session Some() {
  Session session;
  session.handle = kHandle;
  session.subject = "ann";
  session.created = At(0);
  session.ends = At(100'000);
  session.expires = At(10'000);
  return session;
}

// A change that any node may have made, few enough apart that they meet.
Held RandomHeld(std::mt19937& chance) {
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(chance() % bound); };
  Held held;
  if (below(4) != 0) {
    held.session = Some();
    held.session->expires = At(10'000 + 1000 * below(50));
    for (unsigned i = below(4); i > 0; --i) {
      Field field{{static_cast<std::int64_t>(below(3)), static_cast<std::uint32_t>(below(2)),
                   below(2) ? "a" : "b"},
                  {}};
      if (below(3) != 0) field.value = std::string(1, static_cast<char>('0' + below(3)));
      held.session->fields[std::string(1, static_cast<char>('x' + below(2)))] = field;
    }
  }
  if (below(5) == 0)
    held.revocation =
        Revocation{kHandle, At(below(3)), At(100'000 + below(2)), below(2) ? "A" : "B"};
  return held;
}

TEST(RecordTest, MergingIsCommutativeAssociativeAndIdempotent) {
  std::mt19937 chance(7);
  int revoked = 0, merged = 0;
  for (int i = 0; i < 20'000; ++i) {
    // What a place holds is always something merged.
    const Held a = Merge(RandomHeld(chance), {}), b = Merge(RandomHeld(chance), {}),
               c = Merge(RandomHeld(chance), {});
    EXPECT_EQ(Merge(a, b), Merge(b, a));
    EXPECT_EQ(Merge(Merge(a, b), c), Merge(a, Merge(b, c)));
    EXPECT_EQ(Merge(a, a), a);
    EXPECT_EQ(Merge(Merge(a, b), b), Merge(a, b));
    revoked += Merge(a, b).revocation.has_value();
    merged += a.session && b.session && !(a == b);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(revoked, 1000);
  EXPECT_GT(merged, 1000);
}

TEST(RecordTest, ReplicasThatExchangeInAnyOrderConverge) {
  std::mt19937 chance(11);
  for (int round = 0; round < 300; ++round) {
    constexpr std::size_t kReplicas = 3;
    std::vector<Held> replicas(kReplicas), changes;
    for (int i = 0; i < 12; ++i) changes.push_back(RandomHeld(chance));
    Held all;
    for (const Held& change : changes) {
      all = Merge(all, change);
      Held& at = replicas[chance() % kReplicas];
      at = Merge(at, change);
      if (chance() % 2 == 0) {
        Held& to = replicas[chance() % kReplicas];
        to = Merge(to, replicas[chance() % kReplicas]);
      }
    }
    for (std::size_t pass = 0; pass < 2; ++pass) {
      for (std::size_t i = 0; i < kReplicas; ++i) {
        Held& to = replicas[(i + 1) % kReplicas];
        to = Merge(to, replicas[i]);
      }
    }
    for (const Held& replica : replicas) ASSERT_EQ(replica, all) << "round " << round;
  }
}

TEST(RecordTest, OfEachFieldTheLaterChangeStaysAndARemovalIsAChange) {
  Session a = Some(), b = Some();
  a.fields["cart"] = {{5, 0, "a"}, "one"};
  b.fields["cart"] = {{5, 1, "b"}, "two"};
  a.fields["theme"] = {{9, 0, "a"}, {}};
  b.fields["theme"] = {{8, 0, "b"}, "dark"};
  a.fields["only-a"] = {{1, 0, "a"}, "kept"};
  EXPECT_THAT(DataOf(Merge(a, b)), ElementsAre(Pair("cart", "two"), Pair("only-a", "kept")));
}

TEST(RecordTest, ARevocationWinsOverEveryChangeAndDropsTheData) {
  Session touched = Some();
  touched.expires = At(90'000);
  touched.fields["cart"] = {{999'999, 0, "b"}, "late"};
  const Held merged =
      Merge(Held{touched, {}}, Held{{}, Revocation{kHandle, At(1), At(100'000), "A"}});
  EXPECT_EQ(StandingOf(merged, At(2)), Standing::kRevoked);
  EXPECT_FALSE(merged.session.has_value());
}

TEST(RecordTest, ASessionIsOverAtItsExpiryAndNeverLivesPastItsEnd) {
  Session session = Some();
  EXPECT_EQ(StandingOf({session, {}}, At(9'999)), Standing::kLive);
  EXPECT_EQ(StandingOf({session, {}}, At(10'000)), Standing::kExpired);
  Session longer = session;
  longer.expires = At(500'000);
  const Session merged = Merge(session, longer);
  EXPECT_EQ(merged.expires, session.ends);
  EXPECT_EQ(StandingOf({}, At(0)), Standing::kUnknown);
}

TEST(RecordTest, AHandleSaysNothingOfItsId) {
  const SessionId id = IdFromBytes(std::string(32, '\x7f')).value();
  const Handle handle = HandleOf(id.str()).value();
  EXPECT_NE(handle.str(), id.str());
  EXPECT_TRUE(IsHandle(handle.str()));
  EXPECT_FALSE(IdFromBytes("short").ok());
  for (const char* wrong : {"", "abc", "../../etc/passwd"}) EXPECT_FALSE(HandleOf(wrong).ok());
  EXPECT_FALSE(HandleOf(id.str() + "A").ok());
  EXPECT_FALSE(HandleOf(std::string(42, 'A') + "=").ok());
}

TEST(RecordTest, DataThatDoesNotFitIsRefusedAndSaysWhat) {
  const DataLimits limits{.fields = 2, .name = 4, .value = 8, .total = 16, .subject = 3};
  EXPECT_TRUE(CheckData({{"a", "12345678"}}, limits).ok());
  EXPECT_EQ(CheckData({{"a", ""}, {"b", ""}, {"c", ""}}, limits).error().code(),
            base::ErrorCode::kExhausted);
  EXPECT_EQ(CheckData({{"", "x"}}, limits).error().code(), base::ErrorCode::kInvalid);
  EXPECT_EQ(CheckData({{"abcde", "x"}}, limits).error().code(), base::ErrorCode::kInvalid);
  EXPECT_EQ(CheckData({{"a", "123456789"}}, limits).error().message(),
            "the value of 'a' is longer than 8 bytes");
  EXPECT_FALSE(CheckData({{"a", "12345678"}, {"b", "12345678"}}, limits).ok());
  Session session = Some();
  EXPECT_TRUE(CheckSession(session, limits).ok());
  session.subject = "anna";
  EXPECT_FALSE(CheckSession(session, limits).ok());
}

TEST(RecordTest, RecordsComeBackFromJsonAsTheyWere) {
  Session session = Some();
  session.fields["cart"] = {{5, 7, "us-east-1/ab"}, "one \"two\" \n three"};
  session.fields["gone"] = {{6, 0, "b"}, {}};
  EXPECT_EQ(SessionFromJson(ToJson(session), {}).value(), session);
  const Revocation revocation{kHandle, At(5), At(99), "us-east-1"};
  EXPECT_EQ(RevocationFromJson(ToJson(revocation)).value(), revocation);
  for (const Held& held : {Held{session, {}}, Held{{}, revocation}, Held{session, revocation}})
    EXPECT_EQ(HeldFromJson(ToJson(held), {}).value(), held);
}

TEST(RecordTest, WhatIsNoRecordIsCorrupt) {
  Session session = Some();
  session.fields["a"] = {{5, 7, "n"}, "v"};
  const std::string good = ToJson(session);
  const auto with = [&](const std::string& old, const std::string& fresh) {
    std::string text = good;
    text.replace(text.find(old), old.size(), fresh);
    return SessionFromJson(text, {});
  };
  EXPECT_TRUE(with("\"ann\"", "\"bob\"").ok());
  EXPECT_FALSE(with("\"ann\"", "7").ok());
  EXPECT_FALSE(with("\"ann\"", "\"" + std::string(300, 'x') + "\"").ok());
  EXPECT_FALSE(with("[5,7,\"n\",\"v\"]", "[5,-7,\"n\",\"v\"]").ok());
  EXPECT_FALSE(with("[5,7,\"n\",\"v\"]", "[5,7,\"n\",1]").ok());
  EXPECT_FALSE(with("[5,7,\"n\",\"v\"]", "[99999999999999999999,7,\"n\"]").ok());
  EXPECT_FALSE(with(std::to_string(MillisOf(session.ends)), "9300000000000").ok());
  EXPECT_FALSE(with(kHandle.str(), "x").ok());
  for (const char* text : {"", "{}", "[]", "null", "{\"session\":{}}"}) {
    EXPECT_FALSE(SessionFromJson(text, {}).ok()) << text;
    EXPECT_FALSE(HeldFromJson(text, {}).ok()) << text;
    EXPECT_FALSE(RevocationFromJson(text).ok()) << text;
  }
}

TEST(HybridClockTest, StampsGrowAlsoWhenTheWallClockStandsOrGoesBack) {
  HybridClock clock("a");
  Stamp last = clock.Next(At(5));
  for (const std::int64_t wall : {5, 5, 3, 9, 9, 1}) {
    const Stamp next = clock.Next(At(wall));
    EXPECT_LT(last, next);
    last = next;
  }
}

TEST(HybridClockTest, AStampIsLaterThanWhatWasSeenButTheFarFutureIsNotTakenIn) {
  HybridClock clock("a");
  const std::int64_t now = MillisOf(At(0));
  ASSERT_TRUE(clock.Observe({now + 400, 3, "b"}, At(0), 500ms).ok());
  EXPECT_GT(clock.Next(At(0)), (Stamp{now + 400, 3, "zzz"}));
  EXPECT_FALSE(clock.Observe({now + 501, 0, "b"}, At(0), 500ms).ok());
  EXPECT_LT(clock.Next(At(0)), (Stamp{now + 501, 0, "b"}));
}

}  // namespace
}  // namespace leeward::session
