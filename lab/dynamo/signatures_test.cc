#include "lab/dynamo/signatures.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lab/dynamo/testing.h"
#include "ports/random.h"

namespace leeward::lab::dynamo {
namespace {

using namespace std::chrono_literals;  // NOLINT

class SignaturesTest : public testing::Test {
 protected:
  SignaturesTest() : credentials_({.root = "root"}), checker_(credentials_, "us-east-1") {}

  std::string CodeOf(const os::HttpServerRequest& request) {
    const auto verdict = checker_.Check(request, now_);
    return verdict.signer != nullptr ? "" : verdict.error->code;
  }

  const base::WallTime now_ = *base::ParseIso8601("2026-11-23T08:00:00Z");
  Credentials credentials_;
  SignatureChecker checker_;
};

TEST_F(SignaturesTest, TheUsualRequestIsJudgedTheUsualWay) {
  const auto request = MakeRequest("PutItem", R"({"TableName":"t"})");
  const Identity* signer = checker_.CheckUsual(request, now_);
  ASSERT_NE(signer, nullptr);
  EXPECT_EQ(signer->arn, "arn:aws:iam::123456789012:user/lab");
  EXPECT_EQ(checker_.CheckUsual(request, now_), signer) << "its key is kept";
}

TEST_F(SignaturesTest, ASessionTokenIsGoodUntilItExpires) {
  ports::SeededRandom random(1);
  const auto issued = credentials_.Issue("arn:aws:sts::123456789012:assumed-role/r/s", "AROA:s",
                                         now_ + 10min, random);
  SignOptions options{
      .access_key = issued.access_key, .secret_key = issued.secret_key, .token = issued.token};
  const auto request = MakeRequest("GetItem", "{}", options);
  ASSERT_NE(checker_.CheckUsual(request, now_), nullptr);
  EXPECT_EQ(checker_.Check(request, now_).signer->arn,
            "arn:aws:sts::123456789012:assumed-role/r/s");
  EXPECT_EQ(checker_.Check(request, now_ + 11min).error->code, "ExpiredTokenException");
  options.token += "x";
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", options)), "UnrecognizedClientException");
  options.token = "";
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", options)), "UnrecognizedClientException");
}

TEST_F(SignaturesTest, WhatIsWrongIsSaidAsTheServiceSaysIt) {
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.secret_key = "other"})),
            "InvalidSignatureException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.access_key = "other"})),
            "UnrecognizedClientException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.region = "us-west-2"})),
            "InvalidSignatureException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.service = "rds"})), "InvalidSignatureException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.time = "20261123T074459Z"})),
            "InvalidSignatureException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.time = "20261123T081501Z"})),
            "InvalidSignatureException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.time = "20261123T074500Z"})), "");
  auto changed = MakeRequest("GetItem", "{}");
  changed.body = "{ }";
  EXPECT_EQ(CodeOf(changed), "InvalidSignatureException");
  os::HttpServerRequest bare{"POST", "/", {{"Host", "h"}}, "{}"};
  EXPECT_EQ(CodeOf(bare), "MissingAuthenticationTokenException");
  bare.headers.emplace_back("Authorization", "Basic dGVzdA==");
  EXPECT_EQ(CodeOf(bare), "MissingAuthenticationTokenException");
  bare.headers.back().second = "AWS4-HMAC-SHA256 Signature=b";
  const auto verdict = checker_.Check(bare, now_);
  EXPECT_EQ(verdict.error->code, "IncompleteSignatureException");
  EXPECT_EQ(verdict.error->message,
            "Authorization header requires 'Credential' parameter. Authorization header requires "
            "'SignedHeaders' "
            "parameter. Authorization header requires existence of either a 'X-Amz-Date' or a "
            "'Date' header. "
            "Authorization=AWS4-HMAC-SHA256");
  bare.target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256";
  EXPECT_EQ(CodeOf(bare), "InvalidSignatureException");
}

TEST_F(SignaturesTest, AScopeOfNoWholeDayIsNotTheUsual) {
  for (const char* day : {"", "2", "202611", "20261123T"}) {
    const auto request = MakeRequest("GetItem", "{}", {.day = day});
    EXPECT_EQ(checker_.CheckUsual(request, now_), nullptr) << day;
    EXPECT_EQ(CodeOf(request), "IncompleteSignatureException") << day;
  }
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.day = "20261122"})), "InvalidSignatureException");
  EXPECT_EQ(CodeOf(MakeRequest("GetItem", "{}", {.day = "20261123"})), "");
}

// What may be done to a request on its way, or by an odd client. Each way judges alone; the quick
// one may not know, but it must not say yes where the thorough one says no.
void Disturb(ports::Random& random, os::HttpServerRequest* request) {
  auto& headers = request->headers;
  auto& [name, value] = headers[random.Below(headers.size())];
  switch (random.Below(12)) {
    case 0:
      value += ' ';
      break;
    case 1:
      value = "  " + value;
      break;
    case 2:
      value += value.empty() ? 'x' : value.back();
      break;
    case 3:
      if (!value.empty()) value[random.Below(value.size())] ^= 1;
      break;
    case 4:
      headers.push_back(headers[random.Below(headers.size())]);
      break;
    case 5:
      headers.erase(headers.begin() + static_cast<std::ptrdiff_t>(random.Below(headers.size())));
      break;
    case 6:
      for (char& c : name) c = static_cast<char>(std::toupper(c));
      break;
    case 7:
      request->body += ' ';
      break;
    case 8:
      request->target = "/x";
      break;
    case 9:
      headers.emplace_back("X-Amz-Content-Sha256", base::Sha256Hex(request->body));
      break;
    case 10:
      std::swap(headers.front(), headers.back());
      break;
    default:
      headers.emplace_back("X-Other", "1");
      break;
  }
}

TEST_F(SignaturesTest, TheQuickWayNeverAcceptsWhatTheThoroughOneRefuses) {
  ports::SeededRandom random(7);
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    auto request = MakeRequest("PutItem", std::string(random.Below(50), 'b'));
    for (std::uint64_t changes = random.Below(4); changes > 0; --changes) Disturb(random, &request);
    const bool quick = checker_.CheckUsual(request, now_) != nullptr;
    const bool thorough = checker_.CheckThoroughly(request, now_).signer != nullptr;
    ASSERT_TRUE(thorough || !quick) << "seed 7, request " << i;
    ++(thorough ? accepted : refused);
  }
  EXPECT_GT(accepted, 500);
  EXPECT_GT(refused, 500);
}

TEST(RegionOfScopeTest, IsReadFromTheCredentialAlone) {
  EXPECT_EQ(
      RegionOfScope(
          "AWS4-HMAC-SHA256 Credential=k/20261123/eu-west-1/dynamodb/aws4_request, Signature=x"),
      "eu-west-1");
  EXPECT_EQ(RegionOfScope("AWS4-HMAC-SHA256 Credential=k/20261123, Signature=x/y/z"), "");
  EXPECT_EQ(RegionOfScope(""), "");
}

}  // namespace
}  // namespace leeward::lab::dynamo
