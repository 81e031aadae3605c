#include "lab/wire/aws_chunked.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lab/wire/checksum.h"

namespace leeward::lab::wire {
namespace {

// The example in Amazon's description of signed chunks: 65 KiB of "a" in two chunks.
constexpr std::string_view kExampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kSeedSignature =
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
constexpr std::string_view kFirstChunk =
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
constexpr std::string_view kSecondChunk =
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
constexpr std::string_view kLastChunk =
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";

Claim ExampleClaim() {
  Claim claim;
  claim.date = "20130524";
  claim.time = "20130524T000000Z";
  claim.region = "us-east-1";
  claim.service = "s3";
  claim.signature = kSeedSignature;
  return claim;
}

std::string SignedBody(const std::string& first, const std::string& second) {
  return fmt::format(
      "10000;chunk-signature={}\r\n{}\r\n400;chunk-signature={}\r\n{}\r\n"
      "0;chunk-signature={}\r\n\r\n",
      kFirstChunk, first, kSecondChunk, second, kLastChunk);
}

Unwrapped Unwrap(std::string body, std::string_view form, std::size_t length) {
  Request request;
  request.method = "PUT";
  request.target = "/examplebucket/chunkObject.txt";
  request.headers = {{"X-Amz-Decoded-Content-Length", fmt::format("{}", length)}};
  request.body = std::move(body);
  const Claim claim = ExampleClaim();
  return UnwrapChunks(request, *ChunkedFormOf(form), claim, SigningKey(claim, kExampleSecret));
}

std::string CodeOf(const Unwrapped& out) { return out.error ? out.error->code : "done"; }

constexpr std::string_view kSigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
constexpr std::string_view kSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
constexpr std::string_view kUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

TEST(AwsChunkedTest, AmazonsExampleIsUnwrapped) {
  const std::string first(65536, 'a');
  const std::string second(1024, 'a');
  const Unwrapped out = Unwrap(SignedBody(first, second), kSigned, 66560);
  EXPECT_EQ(CodeOf(out), "done");
  EXPECT_EQ(out.body, first + second);
}

TEST(AwsChunkedTest, AByteThatWasChangedIsFoundInEachChunk) {
  const std::string first(65536, 'a');
  const std::string second(1024, 'a');
  std::string changed = first;
  changed[7] = 'b';
  EXPECT_EQ(CodeOf(Unwrap(SignedBody(changed, second), kSigned, 66560)), "SignatureDoesNotMatch");
  changed = second;
  changed.back() = 'b';
  EXPECT_EQ(CodeOf(Unwrap(SignedBody(first, changed), kSigned, 66560)), "SignatureDoesNotMatch");
}

TEST(AwsChunkedTest, ABodyThatEndsEarlyOrIsOfAnotherLengthIsIncomplete) {
  const std::string whole = SignedBody(std::string(65536, 'a'), std::string(1024, 'a'));
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{10}, std::size_t{5000}, whole.size() - 100, whole.size() - 1}) {
    EXPECT_EQ(CodeOf(Unwrap(whole.substr(0, cut), kSigned, 66560)), "IncompleteBody") << cut;
  }
  EXPECT_EQ(CodeOf(Unwrap(whole + "x", kSigned, 66560)), "IncompleteBody");
  EXPECT_EQ(CodeOf(Unwrap(whole, kSigned, 66561)), "IncompleteBody");
  EXPECT_EQ(CodeOf(Unwrap("fffffffffffffffff\r\n", kUnsignedTrailer, 1)), "IncompleteBody");
}

TEST(AwsChunkedTest, TrailersOfAnUnsignedBodyAreGivenBack) {
  const Unwrapped out =
      Unwrap("5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg==\r\n\r\n", kUnsignedTrailer, 5);
  EXPECT_EQ(CodeOf(out), "done");
  EXPECT_EQ(out.body, "hello");
  ASSERT_EQ(out.trailers.size(), 1U);
  EXPECT_EQ(out.trailers[0].first, "x-amz-checksum-crc32");
  EXPECT_EQ(out.trailers[0].second, "NhCmhg==");
  EXPECT_EQ(Checksum("CRC32", "hello"), "NhCmhg==");
}

TEST(AwsChunkedTest, ATrailerNeedsItsSignature) {
  const std::string first(65536, 'a');
  const std::string second(1024, 'a');
  std::string body = SignedBody(first, second);
  body.resize(body.size() - 2);
  body += "x-amz-checksum-crc32:AAAAAA==\r\n";
  EXPECT_EQ(CodeOf(Unwrap(body + "\r\n", kSignedTrailer, 66560)), "SignatureDoesNotMatch");
  EXPECT_EQ(CodeOf(Unwrap(body + "x-amz-trailer-signature:00\r\n\r\n", kSignedTrailer, 66560)),
            "SignatureDoesNotMatch");
  EXPECT_EQ(CodeOf(Unwrap(body + "\r\n", kSigned, 66560)), "MalformedTrailerError");
}

TEST(AwsChunkedTest, OnlyTheWordsThatSayChunksAreForms) {
  EXPECT_FALSE(ChunkedFormOf("UNSIGNED-PAYLOAD"));
  EXPECT_FALSE(ChunkedFormOf(""));
  EXPECT_FALSE(ChunkedFormOf("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"));
}

TEST(ChecksumTest, AreThoseOfTheirCatalogues) {
  // Check values of "123456789": cbf43926, e3069283, ae8b14860a799888.
  EXPECT_EQ(Checksum("CRC32", "123456789"), "y/Q5Jg==");
  EXPECT_EQ(Checksum("CRC32C", "123456789"), "4waSgw==");
  EXPECT_EQ(Checksum("CRC64NVME", "123456789"), "rosUhgp5mIg=");
  EXPECT_EQ(Checksum("SHA1", ""), "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
  EXPECT_EQ(Checksum("SHA256", ""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_FALSE(Checksum("XXHASH3", ""));
}

std::string VerdictOnHello(ports::Headers headers) {
  Request request;
  request.headers = std::move(headers);
  request.body = "hello";
  const auto error = CheckBody(request);
  return error ? error->code : "done";
}

TEST(ChecksumTest, ABodyIsHeldToItsHeaders) {
  EXPECT_EQ(VerdictOnHello({}), "done");
  EXPECT_EQ(VerdictOnHello({{"Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="}}), "done");
  EXPECT_EQ(VerdictOnHello({{"Content-MD5", "XUFAKrxLKna5cZ2REBfFkA=="}}), "BadDigest");
  EXPECT_EQ(VerdictOnHello({{"Content-MD5", "short"}}), "InvalidDigest");
  EXPECT_EQ(VerdictOnHello(
                {{"X-Amz-Checksum-Crc32", "NhCmhg=="}, {"x-amz-checksum-type", "FULL_OBJECT"}}),
            "done");
  EXPECT_EQ(VerdictOnHello({{"x-amz-checksum-crc32", "NhCmhA=="}}), "BadDigest");
  EXPECT_EQ(VerdictOnHello({{"x-amz-checksum-xxhash3", "x"}}), "NotImplemented");
  EXPECT_EQ(VerdictOnHello({{"x-amz-checksum-crc32", "NhCmhg=="}, {"x-amz-checksum-sha1", "x"}}),
            "InvalidRequest");
}

}  // namespace
}  // namespace leeward::lab::wire
