// What an application may rely on, whichever way its sessions are kept.
#include "sessions/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/random.h"
#include "session/base64url.h"
#include "session/claims.h"
#include "sessions/stored_sessions.h"
#include "sessions/testing/faulty_store.h"
#include "sessions/token_sessions.h"

namespace leeward::sessions {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FaultyStore;
using ::testing::IsEmpty;
using ::testing::Pair;
using Fault = FaultyStore::Fault;

class NoTransport : public ports::HttpTransport {
 public:
  base::Result<ports::HttpResponse> Send(const ports::HttpRequest&,
                                         const ports::HttpLimits&) override {
    return base::Unreachable("there is nobody");
  }
};

template <typename T>
std::string ReasonOf(const base::Result<T>& result) {
  if (result.ok()) return "ok";
  return result.error().service_code().empty() ? std::string(base::Name(result.error().code()))
                                               : result.error().service_code();
}

const Terms kTerms{.idle = 30min, .life = 2h};

// One Region's service without its process. Region B shares A's store, or has its own.
struct Region {
  explicit Region(const std::string& name, ports::ManualClock& at, FaultyStore& in)
      : clock(at), store(in), peers({}, {}, transport, store, clock) {
    place.region = name;
    place.node = name + "/1";
  }
  Surroundings around() { return {clock, random, store, peers}; }

  ports::ManualClock& clock;
  FaultyStore& store;
  NoTransport transport;
  os::SystemRandom random;
  Peers peers;
  Place place;
};

class Common : public ::testing::Test {
 protected:
  ports::ManualClock clock_{base::ParseIso8601("2026-11-23T08:00:00Z").value()};
  FaultyStore store_{clock_}, other_store_{clock_};
  Region a_{"us-east-1", clock_, store_};
  Region b_{"us-west-2", clock_, store_};
  Region c_{"us-west-2", clock_, other_store_};

  TokenTerms Tokens(const std::string& region) {
    TokenTerms tokens;
    tokens.issuer = "leeward/shop";
    tokens.audience = "shop";
    tokens.keys.region = region;
    tokens.keys.seal_key = std::string(32, 's');
    tokens.keys.rotation = {.every = 10h, .lead = 5min, .longest_token = 1h};
    return tokens;
  }
};

class StoredTest : public Common {
 protected:
  static constexpr auto kStore = StoredSessions::Replication::kByTheStore;
  static constexpr auto kServices = StoredSessions::Replication::kByTheServices;
  StoredSessions sessions_{kTerms, a_.place, a_.around(), kStore};
};

TEST_F(StoredTest, ASessionIsMadeReadTouchedChangedAndRevoked) {
  const View made = sessions_.Create({"ann", {{"cart", "7"}}, {}}).value();
  EXPECT_EQ(made.subject, "ann");
  EXPECT_EQ(made.expires - made.created, 30min);
  EXPECT_EQ(made.ends - made.created, 2h);
  clock_.Advance(20min);
  const View read = sessions_.Read(made.credential).value();
  EXPECT_THAT(read.credential, IsEmpty());
  EXPECT_THAT(read.data, ElementsAre(Pair("cart", "7")));
  EXPECT_EQ(sessions_.Touch(made.credential)->expires, clock_.Now() + 30min);
  const Change change{{"cart", std::nullopt}, {"theme", "dark"}, {"never-there", std::nullopt}};
  EXPECT_THAT(sessions_.ChangeData(made.credential, change)->data,
              ElementsAre(Pair("theme", "dark")));
  EXPECT_THAT(sessions_.Read(made.credential)->data, ElementsAre(Pair("theme", "dark")));
  EXPECT_EQ(sessions_.Revoke(made.credential)->reach, Reach::kLocal);
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "revoked");
  EXPECT_EQ(ReasonOf(sessions_.Touch(made.credential)), "revoked");
  EXPECT_EQ(ReasonOf(sessions_.ChangeData(made.credential, change)), "revoked");
}

TEST_F(StoredTest, ItIsOverWithoutATouchAndAtItsEndWithAny) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  clock_.Advance(29min);
  ASSERT_TRUE(sessions_.Touch(made.credential).ok());
  clock_.Advance(31min);
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "expired");
  EXPECT_EQ(ReasonOf(sessions_.Touch(made.credential)), "expired");
  const View longer = sessions_.Create({"ann", {}, {}}).value();
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(20min);
    ASSERT_TRUE(sessions_.Touch(longer.credential).ok());
  }
  clock_.Advance(20min);
  EXPECT_EQ(ReasonOf(sessions_.Touch(longer.credential)), "expired");
  EXPECT_EQ(sessions_.Create({"ann", {}, 10min})->ends, clock_.Now() + 10min);
  EXPECT_EQ(sessions_.Create({"ann", {}, 100h})->ends, clock_.Now() + 2h);
}

TEST_F(StoredTest, IdsAreLongFromChanceAndNotInTheStore) {
  const View one = sessions_.Create({"ann", {}, {}}).value();
  const View two = sessions_.Create({"ann", {}, {}}).value();
  EXPECT_EQ(session::Base64UrlDecode(one.credential)->size(), 32u);
  EXPECT_NE(one.credential, two.credential);
  EXPECT_NE(one.credential, one.handle.str());
  EXPECT_EQ(ReasonOf(sessions_.Read(one.handle.str())), "unknown");
  EXPECT_EQ(ReasonOf(sessions_.Read("x")), "malformed");
}

TEST_F(StoredTest, TwoChangesAtOnceBothStay) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  StoredSessions other(kTerms, b_.place, b_.around(), kStore);
  store_.before_write = [&] {
    ASSERT_TRUE(other.ChangeData(made.credential, {{"theirs", "1"}}).ok());
  };
  ASSERT_TRUE(sessions_.ChangeData(made.credential, {{"mine", "1"}}).ok());
  EXPECT_THAT(sessions_.Read(made.credential)->data,
              ElementsAre(Pair("mine", "1"), Pair("theirs", "1")));
}

TEST_F(StoredTest, ARevocationBetweenAReadAndItsWriteWins) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  store_.before_write = [&] { ASSERT_TRUE(sessions_.Revoke(made.credential).ok()); };
  EXPECT_EQ(ReasonOf(sessions_.Touch(made.credential)), "revoked");
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "revoked");
}

TEST_F(StoredTest, WhatDoesNotFitIsRefusedAndTheSessionStaysAsItWas) {
  const View made = sessions_.Create({"ann", {{"a", "1"}}, {}}).value();
  EXPECT_EQ(sessions_.ChangeData(made.credential, {{"b", std::string(5000, 'x')}}).error().code(),
            base::ErrorCode::kExhausted);
  EXPECT_FALSE(sessions_.Create({std::string(300, 'x'), {}, {}}).ok());
  EXPECT_THAT(sessions_.Read(made.credential)->data, ElementsAre(Pair("a", "1")));
}

TEST_F(StoredTest, AStoreThatDoesNotAnswerIsNeverHealthyAndNothingIsAnsweredForIt) {
  EXPECT_NE(sessions_.Sickness(), "");
  sessions_.Tick();
  EXPECT_EQ(sessions_.Sickness(), "");
  const View made = sessions_.Create({"ann", {}, {}}).value();
  store_.fault = Fault::kUnreachable;
  sessions_.Tick();
  EXPECT_NE(sessions_.Sickness(), "");
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "unreachable");
  EXPECT_EQ(ReasonOf(sessions_.Create({"ann", {}, {}})), "unreachable");
  EXPECT_EQ(ReasonOf(sessions_.Revoke(made.credential)), "unreachable");
  store_.fault = Fault::kNone;
  sessions_.Tick();
  EXPECT_EQ(sessions_.Sickness(), "");
}

TEST_F(StoredTest, ARevocationWhoseAnswerWasLostIsInForceAndGetsIntoTheStore) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  store_.fault = Fault::kUnreachable;
  EXPECT_FALSE(sessions_.Revoke(made.credential).ok());
  store_.fault = Fault::kNone;
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "revoked");
  EXPECT_FALSE(store_.real().Read(made.handle, ReadFor::kLook, {})->held.revocation);
  sessions_.Tick();
  EXPECT_EQ(sessions_.held(), 0u);
  EXPECT_TRUE(store_.real().Read(made.handle, ReadFor::kLook, {})->held.revocation);
}

TEST_F(StoredTest, ARegionThatCannotWriteHoldsARevocationUntilItCan) {
  StoredSessions away(kTerms, c_.place, c_.around(), kStore);
  const View made = sessions_.Create({"ann", {}, {}}).value();
  ASSERT_TRUE(
      other_store_.real()
          .Write(*store_.real().Read(made.handle, ReadFor::kLook, {})->held.session, kNoVersion, {})
          .ok());
  other_store_.settles = false;
  const session::Revocation revocation{made.handle, clock_.Now(), clock_.Now() + 2h, "us-east-1"};
  const PeerAnswer held = away.Take({"us-east-1", "n", {}, {revocation}}).value();
  EXPECT_THAT(held.held, ElementsAre(made.handle));
  EXPECT_THAT(held.stored, IsEmpty());
  EXPECT_EQ(ReasonOf(away.Read(made.credential)), "revoked");
  away.Tick();
  EXPECT_EQ(away.held(), 1u);
  other_store_.settles = true;  // promoted
  away.Tick();
  EXPECT_EQ(away.held(), 0u);
  EXPECT_EQ(ReasonOf(away.Read(made.credential)), "revoked");
}

TEST_F(StoredTest, RegionsThatExchangeKeepEachFieldsLaterChange) {
  StoredSessions here(kTerms, a_.place, a_.around(), kServices);
  StoredSessions there(kTerms, c_.place, c_.around(), kServices);
  const View made = here.Create({"ann", {{"both", "0"}}, {}}).value();
  const auto exchange = [&](StoredSessions& to, FaultyStore& from) {
    const session::Held held = from.real().Read(made.handle, ReadFor::kLook, {})->held;
    EXPECT_THAT(to.Take({"r", "n", {held}, {}})->refused, IsEmpty());
  };
  exchange(there, store_);
  clock_.Advance(1s);
  ASSERT_TRUE(here.ChangeData(made.credential, {{"both", "first"}, {"here", "1"}}).ok());
  clock_.Advance(1s);
  ASSERT_TRUE(there.ChangeData(made.credential, {{"both", "second"}, {"there", "1"}}).ok());
  exchange(here, other_store_);
  exchange(there, store_);
  const auto merged = ElementsAre(Pair("both", "second"), Pair("here", "1"), Pair("there", "1"));
  EXPECT_THAT(here.Read(made.credential)->data, merged);
  EXPECT_THAT(there.Read(made.credential)->data, merged);
  // Revoked in one while touched in the other.
  ASSERT_TRUE(here.Revoke(made.credential).ok());
  ASSERT_TRUE(there.Touch(made.credential).ok());
  exchange(here, other_store_);
  exchange(there, store_);
  EXPECT_EQ(ReasonOf(here.Read(made.credential)), "revoked");
  EXPECT_EQ(ReasonOf(there.Read(made.credential)), "revoked");
}

TEST_F(StoredTest, AnEntryStampedFarAheadIsToBeSentAgain) {
  StoredSessions there(kTerms, c_.place, c_.around(), kServices);
  session::Session ahead;
  ahead.handle = session::HandleOf(session::IdFromBytes(std::string(32, 'q'))->str()).value();
  ahead.created = clock_.Now();
  ahead.expires = ahead.ends = clock_.Now() + 1h;
  ahead.fields["x"] = {{session::MillisOf(clock_.Now()) + 60'000, 0, "n"}, "v"};
  EXPECT_THAT(there.Take({"r", "n", {{ahead, {}}}, {}})->refused, ElementsAre(ahead.handle));
  clock_.Advance(58s);
  EXPECT_THAT(there.Take({"r", "n", {{ahead, {}}}, {}})->refused, IsEmpty());
}

class TokenTest : public Common {
 protected:
  TokenSessions sessions_{kTerms, a_.place, a_.around(), Tokens("us-east-1")};
  TokenSessions away_{kTerms, b_.place, b_.around(), Tokens("us-west-2")};

  void SetUp() override {
    sessions_.Tick();
    away_.Tick();
  }
};

TEST_F(TokenTest, ATokenOfOneRegionIsGoodInTheOtherWithoutAskingTheStore) {
  const View made = sessions_.Create({"ann", {{"cart", "7"}}, {}}).value();
  ASSERT_TRUE(away_.Read(made.credential).ok());
  store_.fault = Fault::kUnreachable;
  const View read = away_.Read(made.credential).value();
  EXPECT_EQ(read.subject, "ann");
  EXPECT_EQ(read.handle, made.handle);
  EXPECT_THAT(read.data, ElementsAre(Pair("cart", "7")));
}

TEST_F(TokenTest, ATouchOrChangeIsANewTokenOfTheSameSession) {
  const View made = sessions_.Create({"ann", {{"a", "1"}}, {}}).value();
  clock_.Advance(20min);
  sessions_.Tick();
  const View touched = sessions_.Touch(made.credential).value();
  EXPECT_NE(touched.credential, made.credential);
  EXPECT_EQ(touched.handle, made.handle);
  EXPECT_EQ(touched.expires, clock_.Now() + 30min);
  const View changed =
      sessions_.ChangeData(touched.credential, {{"a", std::nullopt}, {"b", "2"}}).value();
  EXPECT_THAT(sessions_.Read(changed.credential)->data, ElementsAre(Pair("b", "2")));
  EXPECT_EQ(changed.ends, made.ends);
}

TEST_F(TokenTest, RevokedInOneRegionEveryTokenOfTheSessionIsRevokedInTheOther) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  const View touched = sessions_.Touch(made.credential).value();
  ASSERT_TRUE(away_.Read(made.credential).ok());
  ASSERT_TRUE(sessions_.Revoke(touched.credential).ok());
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "revoked");
  away_.Tick();
  EXPECT_EQ(ReasonOf(away_.Read(made.credential)), "revoked");
  EXPECT_EQ(ReasonOf(away_.Read(touched.credential)), "revoked");
  // A service that begins anew knows it too.
  TokenSessions fresh(kTerms, b_.place, b_.around(), Tokens("us-west-2"));
  EXPECT_EQ(ReasonOf(fresh.Read(made.credential)), "unreachable");
  fresh.Tick();
  EXPECT_EQ(ReasonOf(fresh.Read(made.credential)), "revoked");
}

TEST_F(TokenTest, WhoDoesNotKnowWhoWasRevokedAcceptsNothing) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  store_.fault = Fault::kUnreachable;
  clock_.Advance(29s);
  sessions_.Tick();
  EXPECT_TRUE(sessions_.Read(made.credential).ok());
  EXPECT_NE(sessions_.Sickness(), "");
  clock_.Advance(2s);
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "unreachable");
  store_.fault = Fault::kNone;
  sessions_.Tick();
  EXPECT_TRUE(sessions_.Read(made.credential).ok());
  EXPECT_EQ(sessions_.Sickness(), "");
}

TEST_F(TokenTest, ARevocationThatComesLateFromACutIsSeenByTheWholeLook) {
  const View made = sessions_.Create({"ann", {}, 2h}).value();
  const session::Revocation late{made.handle, clock_.Now(), clock_.Now() + 2h, "us-east-1"};
  clock_.Advance(5min);
  away_.Tick();
  ASSERT_TRUE(store_.real().Revoke(late, {}).ok());
  clock_.Advance(31s);
  away_.Tick();
  EXPECT_EQ(ReasonOf(away_.Read(made.credential)), "revoked");
}

TEST_F(TokenTest, AnothersTokensAndForgeriesAreRefusedByName) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  TokenTerms admin = Tokens("us-east-1");
  admin.audience = "admin";
  TokenSessions other(kTerms, a_.place, a_.around(), admin);
  other.Tick();
  EXPECT_EQ(ReasonOf(other.Read(made.credential)), "audience");
  const std::string payload = made.credential.substr(made.credential.find('.') + 1);
  const std::string none =
      session::Base64Url(R"({"alg":"none"})") + "." + payload.substr(0, payload.find('.')) + ".";
  EXPECT_EQ(ReasonOf(sessions_.Read(none)), "algorithm");
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential + "A")), "signature");
  const auto stranger =
      session::SigningKey::FromSecret(session::Algorithm::kEdDsa, std::string(32, 'x'));
  EXPECT_EQ(ReasonOf(sessions_.Read(session::SignCompact(*stranger, "{}"))), "key");
  clock_.Advance(3h);
  sessions_.Tick();
  EXPECT_EQ(ReasonOf(sessions_.Read(made.credential)), "expired");
}

TEST_F(TokenTest, KeysRotateWithAnOverlapAndOldTokensLiveOn) {
  const std::string before = sessions_.Jwks();
  const View old = sessions_.Create({"ann", {}, {}}).value();
  const std::string kid = sessions_.RotateKeys().value();
  away_.Tick();
  EXPECT_NE(sessions_.Jwks(), before);
  EXPECT_EQ(sessions_.Jwks(), away_.Jwks());
  clock_.Advance(6min);
  sessions_.Tick();
  away_.Tick();
  const View fresh = sessions_.Create({"ann", {}, {}}).value();
  EXPECT_THAT(
      session::Base64UrlDecode(fresh.credential.substr(0, fresh.credential.find('.'))).value(),
      ::testing::HasSubstr(kid));
  EXPECT_TRUE(away_.Read(fresh.credential).ok());
  EXPECT_TRUE(away_.Read(old.credential).ok());
  // A key that got into wrong hands: its tokens are void in both Regions.
  ASSERT_TRUE(sessions_.WithdrawKey(kid).ok());
  away_.Tick();
  EXPECT_EQ(ReasonOf(sessions_.Read(fresh.credential)), "key");
  EXPECT_EQ(ReasonOf(away_.Read(fresh.credential)), "key");
  EXPECT_TRUE(away_.Read(old.credential).ok());
  EXPECT_TRUE(sessions_.Create({"ann", {}, {}}).ok());
}

TEST_F(TokenTest, ANewKeyIsMadeWhenItIsDueByOneOfARegionsProcesses) {
  TokenSessions twin(kTerms, a_.place, a_.around(), Tokens("us-east-1"));
  clock_.Advance(10h);
  sessions_.Tick();
  twin.Tick();
  away_.Tick();
  std::size_t keys = 0;
  const std::string jwks = sessions_.Jwks();
  for (std::size_t at = jwks.find("kid"); at != jwks.npos; at = jwks.find("kid", at + 1)) ++keys;
  EXPECT_EQ(keys, 2u);
  EXPECT_EQ(jwks, twin.Jwks());
}

TEST_F(TokenTest, KeysInTheStoreAreSealed) {
  const auto documents = store_.real().Documents({}).value();
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_THAT(documents.front().text, ::testing::HasSubstr("\"sealed\""));
  TokenTerms wrong = Tokens("us-east-1");
  wrong.keys.seal_key = std::string(32, 'w');
  TokenSessions other(kTerms, a_.place, a_.around(), wrong);
  other.Tick();
  EXPECT_THAT(other.Sickness(), ::testing::HasSubstr("another secret"));
  EXPECT_FALSE(other.Create({"ann", {}, {}}).ok());
}

TEST_F(TokenTest, ARecordThatIsNoneIsToldOfAndKeepsNoWithdrawalBack) {
  const View made = sessions_.Create({"ann", {}, {}}).value();
  ASSERT_TRUE(away_.Read(made.credential).ok());
  const std::string kid = sessions_.RotateKeys().value();
  away_.Tick();
  ASSERT_TRUE(store_.real().AddDocument({"key/a-stranger", "{}"}, clock_.Now() + 24h, {}).ok());
  ASSERT_THAT(away_.Jwks(), ::testing::HasSubstr(kid));
  ASSERT_TRUE(sessions_.WithdrawKey(kid).ok());
  away_.Tick();
  EXPECT_THAT(away_.Jwks(), ::testing::Not(::testing::HasSubstr(kid)));
  EXPECT_THAT(away_.Sickness(), ::testing::HasSubstr("key/a-stranger"));
  EXPECT_TRUE(away_.Read(made.credential).ok()) << "the others are as good as before";
}

TEST_F(TokenTest, ANewKeyIsFoundWhenItIsNeededAlsoBesideARecordThatIsNone) {
  ASSERT_TRUE(store_.real().AddDocument({"key/a-stranger", "{}"}, clock_.Now() + 24h, {}).ok());
  const std::string jwks = sessions_.Jwks();
  const std::size_t kid = jwks.find("\"kid\":\"") + 7;
  // The only one: its successor signs at once.
  ASSERT_TRUE(sessions_.WithdrawKey(jwks.substr(kid, jwks.find('"', kid) - kid)).ok());
  const View fresh = sessions_.Create({"ann", {}, {}}).value();
  EXPECT_TRUE(away_.Read(fresh.credential).ok());
}

TEST_F(TokenTest, KeysOfAnEarlierSecretThatAreOverAreInNobodysWay) {
  clock_.Advance(24h * 365);
  TokenTerms anew = Tokens("us-east-1");
  anew.keys.seal_key = std::string(32, 'w');
  TokenSessions later(kTerms, a_.place, a_.around(), anew);
  later.Tick();
  EXPECT_EQ(later.Sickness(), "");
  EXPECT_TRUE(later.Create({"ann", {}, {}}).ok());
}

TEST_F(TokenTest, ATokenThatNoCookieHoldsIsNotMade) {
  EXPECT_EQ(sessions_.Create({"ann", {{"a", std::string(3000, 'x')}}, {}}).error().code(),
            base::ErrorCode::kExhausted);
}

}  // namespace
}  // namespace leeward::sessions
