#include "session/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/claims.h"
#include "session/revocations.h"

namespace leeward::session {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const base::WallTime kNow = base::ParseIso8601("2026-11-23T08:00:00Z").value();
const RotationTerms kTerms{.every = 10h, .lead = 5min, .longest_token = 1h};
const std::string kSealKey(32, 's');
const std::string kNonce(12, 'n');

SigningKey KeyOf(char seed, Algorithm algorithm = Algorithm::kEdDsa) {
  return SigningKey::FromSecret(algorithm, std::string(32, seed)).value();
}
std::string Kid(char seed) { return KeyOf(seed).verifying().thumbprint(); }
std::string SignerOf(const KeyRing& ring, base::WallTime now) {
  const SigningKey* key = ring.Signer(now, 1h);
  return key == nullptr ? "" : key->verifying().thumbprint();
}

TEST(KeyRingTest, ANewKeyVerifiesAtOnceAndSignsOnlyAfterTheLead) {
  KeyRing ring;
  EXPECT_TRUE(ring.RotationDue(kNow, kTerms));
  ASSERT_TRUE(ring.Add(MakeRingKey(KeyOf('a'), kNow, kTerms, Place::kFirst)).ok());
  EXPECT_EQ(SignerOf(ring, kNow), Kid('a'));
  EXPECT_FALSE(ring.RotationDue(kNow + 9h, kTerms));
  EXPECT_TRUE(ring.RotationDue(kNow + 10h, kTerms));

  ASSERT_TRUE(ring.Add(MakeRingKey(KeyOf('b'), kNow + 10h, kTerms, Place::kLater)).ok());
  EXPECT_NE(ring.Find(Kid('b'), kNow + 10h), nullptr);
  EXPECT_EQ(SignerOf(ring, kNow + 10h), Kid('a'));
  EXPECT_EQ(SignerOf(ring, kNow + 10h + 5min), Kid('b'));
  // Tokens of the old key live on.
  EXPECT_NE(ring.Find(Kid('a'), kNow + 20h), nullptr);
  EXPECT_EQ(ring.Find(Kid('a'), kNow + 21h), nullptr);
}

TEST(KeyRingTest, NoTokenOutlivesTheKeyThatVerifiesIt) {
  KeyRing ring;
  ASSERT_TRUE(ring.Add(MakeRingKey(KeyOf('a'), kNow, kTerms, Place::kFirst)).ok());
  for (base::Duration age = 0h; age < 30h; age += 10min) {
    const SigningKey* signer = ring.Signer(kNow + age, 1h);
    if (signer == nullptr) {
      EXPECT_GT(age, 20h);  // rotation failed for one whole round before anything stopped
      continue;
    }
    EXPECT_NE(ring.Find(Kid('a'), kNow + age + 1h - 1ns), nullptr) << base::HumanDuration(age);
  }
}

TEST(KeyRingTest, TwoRegionsThatRotateAtOnceSignWithTheSameKeyOnceTheyHaveMet) {
  KeyRing one, two;
  const RingKey first = MakeRingKey(KeyOf('a'), kNow, kTerms, Place::kLater);
  const RingKey second = MakeRingKey(KeyOf('b'), kNow, kTerms, Place::kLater);
  ASSERT_TRUE(one.Add(first).ok() && one.Add(second).ok());
  ASSERT_TRUE(two.Add(second).ok() && two.Add(first).ok());
  EXPECT_EQ(SignerOf(one, kNow + 1h), SignerOf(two, kNow + 1h));
  EXPECT_EQ(one.Jwks(kNow), two.Jwks(kNow));
  EXPECT_NE(one.Find(Kid('a'), kNow + 1h), nullptr);
  EXPECT_NE(one.Find(Kid('b'), kNow + 1h), nullptr);
}

TEST(KeyRingTest, AWithdrawnKeyIsGoneAlsoWhenItComesAgain) {
  KeyRing ring;
  ring.Withdraw(Kid('a'));
  ASSERT_TRUE(ring.Add(MakeRingKey(KeyOf('a'), kNow, kTerms, Place::kFirst)).ok());
  EXPECT_EQ(ring.Find(Kid('a'), kNow), nullptr);
  EXPECT_EQ(SignerOf(ring, kNow), "");
  EXPECT_TRUE(ring.RotationDue(kNow, kTerms));
  EXPECT_EQ(ring.Jwks(kNow), "{\"keys\":[]}");
}

TEST(KeyRingTest, TheJwksHasWhatVerifiesAndNoSecret) {
  KeyRing ring;
  ASSERT_TRUE(ring.Add(MakeRingKey(KeyOf('a'), kNow, kTerms, Place::kFirst)).ok());
  ASSERT_TRUE(
      ring.Add(MakeRingKey(KeyOf('e', Algorithm::kEs256), kNow, kTerms, Place::kLater)).ok());
  const std::string jwks = ring.Jwks(kNow);
  EXPECT_THAT(jwks, HasSubstr(Kid('a')));
  EXPECT_THAT(jwks, HasSubstr("\"crv\":\"P-256\""));
  EXPECT_THAT(jwks, Not(HasSubstr("\"d\"")));
  ring.Prune(kNow + 1000h);
  EXPECT_TRUE(ring.empty());
}

TEST(KeyRingTest, AKeysRecordIsSealedAndItsTimesCannotBeChanged) {
  for (const Algorithm algorithm : {Algorithm::kEdDsa, Algorithm::kEs256}) {
    const RingKey key = MakeRingKey(KeyOf('a', algorithm), kNow, kTerms, Place::kLater);
    const std::string text = ToJson(key, kSealKey, kNonce);
    const auto back = RingKeyFromJson(text, kSealKey);
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(back->kid(), key.kid());
    EXPECT_EQ(back->signs_from, key.signs_from);
    EXPECT_EQ(back->verifies_until, key.verifies_until);
    EXPECT_EQ(back->key.secret(), key.key.secret());
    EXPECT_EQ(RingKeyFromJson(text, std::string(32, 'x')).error().code(), base::ErrorCode::kDenied);
    std::string longer = text;
    const std::string until = std::to_string(MillisOf(key.verifies_until));
    longer.replace(longer.find(until), 1, "9");
    EXPECT_FALSE(RingKeyFromJson(longer, kSealKey).ok());
    std::string beyond = text;
    beyond.replace(beyond.find(until), until.size(), "9300000000000");
    EXPECT_EQ(RingKeyFromJson(beyond, kSealKey).error().code(), base::ErrorCode::kCorrupt);
  }
  for (const char* wrong : {"", "[]", "{}", "{\"kid\":\"x\",\"alg\":\"HS256\",\"sealed\":\"\"}"})
    EXPECT_EQ(RingKeyFromJson(wrong, kSealKey).error().code(), base::ErrorCode::kCorrupt) << wrong;
}

TEST(KeyRingTest, ItsSizeIsBoundedAndTermsAreChecked) {
  KeyRing ring;
  for (std::size_t i = 0; i < KeyRing::kMost; ++i)
    ASSERT_TRUE(
        ring.Add(MakeRingKey(KeyOf(static_cast<char>(i + 1)), kNow, kTerms, Place::kLater)).ok());
  EXPECT_TRUE(ring.Add(MakeRingKey(KeyOf(1), kNow, kTerms, Place::kLater)).ok());
  EXPECT_EQ(ring.Add(MakeRingKey(KeyOf('z'), kNow, kTerms, Place::kLater)).error().code(),
            base::ErrorCode::kExhausted);
  EXPECT_TRUE(Validate(kTerms).ok());
  EXPECT_TRUE(Validate({}).ok());
  EXPECT_FALSE(Validate({.every = 1s}).ok());
  EXPECT_FALSE(Validate({.every = 1min, .lead = 1min}).ok());
}

Claims Good() {
  return {.issuer = "leeward/shop",
          .audience = "shop",
          .subject = "ann",
          .session = HandleOf(IdFromBytes(std::string(32, 'a'))->str()).value(),
          .issued = kNow,
          .not_before = kNow,
          .expires = kNow + 15min,
          .began = kNow,
          .ends = kNow + 1h,
          .data = {{"cart", "7"}}};
}

std::string Verdict(const Claims& claims, base::WallTime now) {
  const base::Status checked = CheckClaims(claims, {"leeward/shop", "shop", now, 5s});
  return checked.ok() ? "ok" : checked.error().service_code();
}

TEST(ClaimsTest, TheyComeBackFromJson) {
  EXPECT_EQ(ClaimsFromJson(ToJson(Good()), {}).value(), Good());
}

TEST(ClaimsTest, TimesAreHeldWithinTheSkewAndNotBeyond) {
  EXPECT_EQ(Verdict(Good(), kNow), "ok");
  EXPECT_EQ(Verdict(Good(), kNow - 5s), "ok");
  EXPECT_EQ(Verdict(Good(), kNow - 5001ms), "not-yet");
  EXPECT_EQ(Verdict(Good(), kNow + 15min + 4999ms), "ok");
  EXPECT_EQ(Verdict(Good(), kNow + 15min + 5s), "expired");
  Claims later = Good();
  later.not_before = kNow + 10s;
  EXPECT_EQ(Verdict(later, kNow), "not-yet");
  Claims forever = Good();
  forever.expires = kNow + 1000h;
  EXPECT_EQ(Verdict(forever, kNow + 2h), "expired");
}

TEST(ClaimsTest, AnothersTokensAreRefused) {
  Claims claims = Good();
  claims.issuer = "leeward/other";
  EXPECT_EQ(Verdict(claims, kNow), "issuer");
  claims = Good();
  claims.audience = "admin";
  EXPECT_EQ(Verdict(claims, kNow), "audience");
}

TEST(ClaimsTest, WhatIsMissingOrOfAnotherKindIsMalformed) {
  const std::string good = ToJson(Good());
  for (const char* name : {"iss", "aud", "sub", "sid", "iat", "nbf", "exp", "began", "ends"}) {
    std::string text = good;
    text.replace(text.find("\"" + std::string(name) + "\""), 2, "\"_");
    EXPECT_EQ(ClaimsFromJson(text, {}).error().service_code(), "malformed") << name;
  }
  for (const char* text :
       {"", "[]", R"({"iss":1})", R"({"exp":1e99})", R"({"exp":-1})", R"({"data":[]})"})
    EXPECT_EQ(ClaimsFromJson(text, {}).error().service_code(), "malformed") << text;
  std::string far = good;
  const std::string ends = std::to_string(MillisOf(Good().ends) / 1000);
  far.replace(far.find("\"ends\":" + ends), 7 + ends.size(), "\"ends\":9300000000");
  EXPECT_EQ(ClaimsFromJson(far, {}).error().service_code(), "malformed") << far;
}

TEST(RevocationsTest, TheyAreBoundedAndForgottenWhenNoSessionCanBeAlive) {
  Revocations all(2);
  const auto of = [](char seed) {
    return Revocation{HandleOf(IdFromBytes(std::string(32, seed))->str()).value(), kNow, kNow + 1h,
                      "us-east-1"};
  };
  ASSERT_TRUE(all.Add(of('a'), kNow).ok());
  ASSERT_TRUE(all.Add(of('a'), kNow).ok());
  ASSERT_TRUE(all.Add(of('b'), kNow).ok());
  EXPECT_EQ(all.Add(of('c'), kNow).error().code(), base::ErrorCode::kExhausted);
  EXPECT_NE(all.Find(of('a').handle), nullptr);
  EXPECT_EQ(all.Find(of('c').handle), nullptr);
  EXPECT_TRUE(all.Add(of('c'), kNow + 1h).ok());
  EXPECT_EQ(all.size(), 1u);
  EXPECT_EQ(all.All().front().handle, of('c').handle);
}

}  // namespace
}  // namespace leeward::session
