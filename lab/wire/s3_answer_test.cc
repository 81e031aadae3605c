#include "lab/wire/s3_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/wire/codec.h"

namespace leeward::lab::wire {
namespace {

using shapes::Value;
using ::testing::HasSubstr;

ports::HttpResponse Answered(std::string_view operation, const Value& output) {
  const shapes::Model& model = *shapes::FindModel("s3");
  return EncodeOutput(shapes::Protocol::kRestXml, model, *model.FindOperation(operation), output,
                      "the-request");
}

std::size_t Count(const ports::HttpResponse& response, std::string_view name) {
  std::size_t count = 0;
  for (const auto& [each, value] : response.headers) count += SameText(each, name) ? 1U : 0U;
  return count;
}

TEST(S3AnswerTest, AnObjectHasItsOwnTypeOnce) {
  const auto response = Answered(
      "GetObject", Value::Struct({{"ContentType", "image/png"}, {"Body", shapes::Blob{"bytes"}}}));
  EXPECT_EQ(Count(response, "Content-Type"), 1U);
  EXPECT_EQ(response.Header("Content-Type"), "image/png");
  EXPECT_EQ(response.Header("x-amz-request-id"), "the-request");
  EXPECT_EQ(response.body, "bytes");
  EXPECT_EQ(response.status, 200);
}

TEST(S3AnswerTest, APartOfAnObjectSaysSo) {
  const auto response = Answered(
      "GetObject", Value::Struct({{"ContentRange", "bytes 0-1/5"}, {"Body", shapes::Blob{"by"}}}));
  EXPECT_EQ(response.status, 206);
}

TEST(S3AnswerTest, WhatHasNoBodyHasNoType) {
  const auto response = Answered("PutObject", Value::Struct({{"ETag", "\"e\""}}));
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(Count(response, "Content-Type"), 0U);
}

TEST(S3AnswerTest, RootsAreS3sOwn) {
  EXPECT_THAT(Answered("ListObjectsV2", Value::Struct({{"Name", "shop"}})).body,
              HasSubstr("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
  EXPECT_THAT(
      Answered("GetBucketLocation", Value::Struct({{"LocationConstraint", "us-west-2"}})).body,
      HasSubstr("doc/2006-03-01/\">us-west-2</LocationConstraint>"));
  EXPECT_THAT(Answered("GetBucketLocation", Value::Struct()).body,
              HasSubstr("></LocationConstraint>"));
}

TEST(S3AnswerTest, WhatIsNotModifiedHasNoBody) {
  const auto response = S3Error("NotModified", "", 304, Value::Struct({{"ETag", "\"e\""}}));
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.Header("ETag"), "\"e\"");
}

}  // namespace
}  // namespace leeward::lab::wire
