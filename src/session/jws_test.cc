#include "session/jws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "session/base64url.h"
#include "session/seal.h"

namespace leeward::session {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Raw(std::string_view text) { return Base64UrlDecode(text).value(); }

// RFC 8037, appendix A.
constexpr char kEdSecret[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
constexpr char kEdX[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
constexpr char kEdThumbprint[] = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
constexpr char kEdToken[] =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg"
    "3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
// RFC 7515, appendix A.3.
constexpr char kEcSecret[] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
constexpr char kEcX[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr char kEcY[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
constexpr char kEcToken[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfK"
    "TUJqPP3-Kg6NU1Q";

SigningKey Ed() { return SigningKey::FromSecret(Algorithm::kEdDsa, Raw(kEdSecret)).value(); }
SigningKey Ec() { return SigningKey::FromSecret(Algorithm::kEs256, Raw(kEcSecret)).value(); }

base::Result<std::string> VerifyWith(const VerifyingKey& key, std::string_view token) {
  return VerifyCompact(token, [&](std::string_view) { return &key; });
}
std::string CodeOf(const base::Result<std::string>& result) {
  return result.ok() ? "verified: " + *result : result.error().service_code();
}
std::string WithHeader(const SigningKey& key, const std::string& header) {
  return Assemble(key, header, "{}");
}

TEST(Base64UrlTest, EveryLengthComesBackAndNothingElseIsRead) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(Raw(Base64Url(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(Base64Url("\xfb\xff"), "-_8");
  for (const char* wrong : {"A", "AA==", "+/8", "AB", "AAB", "A A", "AAAAA"})
    EXPECT_FALSE(Base64UrlDecode(wrong).ok()) << wrong;
}

TEST(JwsTest, SignsEd25519AsRfc8037Does) {
  const SigningKey key = Ed();
  EXPECT_EQ(Assemble(key, R"({"alg":"EdDSA"})", "Example of Ed25519 signing"), kEdToken);
  EXPECT_EQ(key.verifying().thumbprint(), kEdThumbprint);
  EXPECT_THAT(key.verifying().Jwk(), HasSubstr(kEdX));
  EXPECT_THAT(key.verifying().Jwk(), Not(HasSubstr(kEdSecret)));
}

TEST(JwsTest, VerifiesTheTokensOfRfc8037AndRfc7515ByTheirPublicKeysAlone) {
  const auto edwards = VerifyingKey::FromPoint(Algorithm::kEdDsa, Raw(kEdX), "");
  EXPECT_EQ(VerifyWith(edwards.value(), kEdToken).value(), "Example of Ed25519 signing");
  const auto curve = VerifyingKey::FromPoint(Algorithm::kEs256, Raw(kEcX), Raw(kEcY));
  EXPECT_THAT(VerifyWith(curve.value(), kEcToken).value(), HasSubstr("\"iss\":\"joe\""));
}

TEST(JwsTest, TheKeyOfRfc7515HasItsPublicHalfAndSigns) {
  const SigningKey key = Ec();
  EXPECT_THAT(key.verifying().Jwk(), HasSubstr(kEcX));
  EXPECT_THAT(key.verifying().Jwk(), HasSubstr(kEcY));
  // A signature's halves are padded: some of these have leading zeros.
  for (int i = 0; i < 600; ++i) {
    const std::string message = std::to_string(i);
    const std::string signature = key.Sign(message);
    ASSERT_EQ(signature.size(), 64u);
    ASSERT_TRUE(key.verifying().Verify(message, signature));
    ASSERT_FALSE(key.verifying().Verify(message + "x", signature));
  }
}

TEST(JwsTest, OwnTokensAreVerifiedAndNameTheirKey) {
  for (const SigningKey& key : {Ed(), Ec()}) {
    const std::string token = SignCompact(key, R"({"a":1})");
    std::string asked;
    const auto payload = VerifyCompact(token, [&](std::string_view kid) {
      asked = kid;
      return &key.verifying();
    });
    EXPECT_EQ(payload.value(), R"({"a":1})");
    EXPECT_EQ(asked, key.verifying().thumbprint());
  }
}

TEST(JwsTest, EveryChangedBitIsFound) {
  for (const SigningKey& key : {Ed(), Ec()}) {
    const std::string token = SignCompact(key, R"({"a":1})");
    for (std::size_t i = 0; i < token.size(); ++i) {
      std::string changed = token;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(VerifyWith(key.verifying(), changed).ok()) << i;
    }
    EXPECT_EQ(CodeOf(VerifyWith(Name(key.verifying().algorithm()) == "EdDSA" ? Ec().verifying()
                                                                             : Ed().verifying(),
                                token)),
              "algorithm");
  }
}

TEST(JwsTest, NoAlgorithmButTheKeysOwnIsAccepted) {
  const SigningKey ed = Ed(), ec = Ec();
  for (const char* name : {"none", "None", "nOnE", "HS256", "RS256", "ES384", "EdDSA ", ""})
    EXPECT_EQ(CodeOf(VerifyWith(ed.verifying(),
                                WithHeader(ed, std::string(R"({"alg":")") + name + "\"}"))),
              "algorithm")
        << name;
  EXPECT_EQ(CodeOf(VerifyWith(ed.verifying(), WithHeader(ed, R"({"alg":"ES256"})"))), "algorithm");
  EXPECT_EQ(CodeOf(VerifyWith(ec.verifying(), WithHeader(ec, R"({"alg":"EdDSA"})"))), "algorithm");
  // "none" as it is usually sent: without a signature.
  const std::string none = Base64Url(R"({"alg":"none"})") + "." + Base64Url("{}") + ".";
  EXPECT_EQ(CodeOf(VerifyWith(ed.verifying(), none)), "algorithm");
  // HS256 with the public key as its secret.
  const std::string signed_part = Base64Url(R"({"alg":"HS256"})") + "." + Base64Url("{}");
  const std::string mac(base::AsView(base::HmacSha256(Raw(kEdX), signed_part)));
  EXPECT_EQ(CodeOf(VerifyWith(ed.verifying(), signed_part + "." + Base64Url(mac))), "algorithm");
}

TEST(JwsTest, AHeaderMayNotBringKeysOrExtensions) {
  const SigningKey key = Ed();
  for (const char* more : {R"("jwk":{})", R"("jku":"http://x")", R"("x5c":[])", R"("crit":["b64"])",
                           R"("b64":false)", R"("typ":"at+jwt")", R"("kid":7)"})
    EXPECT_EQ(CodeOf(VerifyWith(key.verifying(),
                                WithHeader(key, R"({"alg":"EdDSA",)" + std::string(more) + "}"))),
              "malformed")
        << more;
}

TEST(JwsTest, WhatIsNoTokenIsMalformed) {
  const SigningKey key = Ed();
  const std::string token = SignCompact(key, "{}");
  for (const std::string& wrong :
       {std::string(), std::string("a.b"), std::string("..."), std::string(".."), token + ".x",
        token + "=", std::string(kMaxToken + 1, 'a'), "e30" + token, Base64Url("[]") + ".e30.AA",
        Base64Url(std::string(600, 'a')) + ".e30.AA"})
    EXPECT_EQ(CodeOf(VerifyWith(key.verifying(), wrong)), "malformed") << wrong.substr(0, 40);
  EXPECT_EQ(CodeOf(VerifyCompact(token, [](std::string_view) { return nullptr; })), "key");
  EXPECT_EQ(CodeOf(VerifyWith(key.verifying(), token.substr(0, token.rfind('.')) + ".AAAA")),
            "signature");
}

TEST(JwsTest, BytesThatAreNoKeyAreRefused) {
  EXPECT_FALSE(SigningKey::FromSecret(Algorithm::kEdDsa, "short").ok());
  EXPECT_FALSE(SigningKey::FromSecret(Algorithm::kEs256, std::string(32, '\0')).ok());
  EXPECT_FALSE(SigningKey::FromSecret(Algorithm::kEs256, std::string(32, '\xff')).ok());
  EXPECT_FALSE(VerifyingKey::FromPoint(Algorithm::kEs256, Raw(kEcX), Raw(kEcX)).ok());
  EXPECT_FALSE(VerifyingKey::FromPoint(Algorithm::kEdDsa, Raw(kEdX), Raw(kEcY)).ok());
}

TEST(SealTest, OnlyTheSameKeyOpensItAndNothingOfItCanBeChanged) {
  const std::string key(32, 'k'), nonce(12, 'n');
  const std::string sealed = Seal(key, nonce, "the secret", "about");
  EXPECT_EQ(Unseal(key, sealed, "about").value(), "the secret");
  EXPECT_THAT(sealed, Not(HasSubstr(Base64Url("the secret"))));
  EXPECT_FALSE(Unseal(std::string(32, 'x'), sealed, "about").ok());
  EXPECT_FALSE(Unseal(key, sealed, "About").ok());
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(Unseal(key, changed, "about").ok()) << i;
  }
  EXPECT_FALSE(Unseal(key, "", "about").ok());
  EXPECT_FALSE(Unseal(key, "AAAA", "about").ok());
}

}  // namespace
}  // namespace leeward::session
