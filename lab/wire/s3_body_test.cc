#include "lab/wire/s3_body.h"

#include <gtest/gtest.h>

#include "lab/wire/codec.h"

namespace leeward::lab::wire {
namespace {

constexpr std::string_view kBodySecret = "secret";
constexpr std::string_view kBodyTime = "20261123T082053Z";

// A put of the body that is unsigned and has a checksum behind it, under a signed head.
struct SignedPut {
  explicit SignedPut(std::string body, ports::Headers more = {}) {
    request.method = "PUT";
    request.target = "/shop/a";
    request.headers = {{"Host", "127.0.0.1"}, {"X-Amz-Date", std::string(kBodyTime)}};
    for (auto& header : more) request.headers.push_back(std::move(header));
    request.body = std::move(body);
    claim.access_key = "AKID";
    claim.date = "20261123";
    claim.time = kBodyTime;
    claim.region = "us-east-1";
    claim.service = "s3";
    claim.signed_headers = {"host", "x-amz-date"};
    if (request.HasHeader("X-Amz-Content-Sha256"))
      claim.signed_headers.emplace_back("x-amz-content-sha256");
    Sign();
  }
  void Sign() {
    claim.signature =
        Signature(claim, kBodySecret,
                  StringToSign(claim, CanonicalRequest(request, claim, PathRuleOf(claim.service))));
  }
  AuthProblem Check() const {
    return CheckSignature(request, claim, kBodySecret, *base::ParseAmzDate(kBodyTime)).problem;
  }
  std::string Open() {
    const auto error = OpenS3Body(claim, kBodySecret, &request);
    return error ? error->code : "done";
  }
  Request request;
  Claim claim;
};

const ports::Headers kTrailing = {{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                                  {"X-Amz-Decoded-Content-Length", "5"},
                                  {"Content-Encoding", "aws-chunked, gzip"}};

TEST(S3BodyTest, ATrailingChecksumIsAHeaderOfWhatItBelongsTo) {
  SignedPut put("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", kTrailing);
  EXPECT_EQ(put.Check(), AuthProblem::kNone);
  EXPECT_EQ(put.Open(), "done");
  EXPECT_EQ(put.request.body, "hello");
  EXPECT_EQ(put.request.Header("x-amz-checksum-crc32"), "NhCmhg==");
  EXPECT_EQ(put.request.Header("Content-Encoding"), "gzip");
}

TEST(S3BodyTest, ABodyThatIsNotWhatItsTrailerSaysIsRefused) {
  SignedPut put("5\r\nhellO\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", kTrailing);
  EXPECT_EQ(put.Check(), AuthProblem::kNone);
  EXPECT_EQ(put.Open(), "BadDigest");
}

TEST(S3BodyTest, AWholeBodyIsUnderTheSignatureUnlessItSaysOtherwise) {
  SignedPut put("hello");
  EXPECT_EQ(put.Check(), AuthProblem::kNone);
  put.request.body = "hellO";
  EXPECT_EQ(put.Check(), AuthProblem::kMismatch);
  SignedPut open("hello", {{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}});
  open.request.body = "hellO";
  EXPECT_EQ(open.Check(), AuthProblem::kNone);
}

// Chunks are S3's alone: elsewhere nobody would look at what they say.
TEST(S3BodyTest, NoOtherServiceTakesAChunkedBody) {
  SignedPut put("5\r\nhello\r\n0\r\n\r\n", kTrailing);
  put.claim.service = "ecs";
  put.Sign();
  EXPECT_EQ(put.Check(), AuthProblem::kMismatch);
}

TEST(S3BodyTest, TheEndOfAnUploadStatesTheChecksumOfTheObject) {
  SignedPut put("hello", {{"x-amz-checksum-crc32", "AAAAAA=="}});
  EXPECT_EQ(put.Open(), "BadDigest");
  put.request.method = "POST";
  put.request.target = "/shop/k?uploadId=an-id";
  EXPECT_EQ(put.Open(), "done");
}

TEST(S3BodyTest, NothingOfAPresignedRequestsBodyIsSigned) {
  SignedPut put("hello");
  put.claim.place = Claim::Place::kQuery;
  put.claim.expires = std::chrono::seconds(60);
  put.Sign();
  put.request.body = "other";
  EXPECT_EQ(put.Check(), AuthProblem::kNone);
}

TEST(S3BodyTest, ErrorsStandAloneAndMayHaveHeaders) {
  const ApiError error{
      "PermanentRedirect", "a < b", 301,
      shapes::Value::Struct({{"Bucket", "shop"}, {"x-amz-bucket-region", "us-west-2"}})};
  const auto response =
      EncodeError(shapes::Protocol::kRestXml, shapes::FindModel("s3"), nullptr, error, "id");
  EXPECT_EQ(response.status, 301);
  EXPECT_EQ(response.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PermanentRedirect</Code>"
            "<Message>a &lt; b</Message><Bucket>shop</Bucket><RequestId>id</RequestId></Error>");
  Request headers;
  headers.headers = response.headers;
  EXPECT_EQ(headers.Header("x-amz-bucket-region"), "us-west-2");
  EXPECT_EQ(headers.Header("x-amz-request-id"), "id");
}

TEST(S3BodyTest, ABadSignatureIsSaidInS3sWords) {
  EXPECT_EQ(S3AuthError({AuthProblem::kUnknownKey, ""}).code, "InvalidAccessKeyId");
  EXPECT_EQ(S3AuthError({AuthProblem::kSkewed, "x"}).code, "RequestTimeTooSkewed");
  const ApiError scope = S3AuthError({AuthProblem::kWrongScope, "another Region"});
  EXPECT_EQ(scope.code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(scope.message, "another Region");
}

}  // namespace
}  // namespace leeward::lab::wire
