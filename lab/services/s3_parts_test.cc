#include <gmock/gmock.h>

#include "lab/services/s3_test_world.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;
using ::testing::IsEmpty;

class S3PartsTest : public ::testing::Test {
 protected:
  S3PartsTest() {
    home_.Get("CreateBucket", Of("shop"));
    Begin();
  }
  void Begin() {
    home_.service().limits.smallest_part = 4;
    id_ = home_.Get("CreateMultipartUpload", Of("shop", "k").Set("ContentType", "text/plain"))
              .String("UploadId");
  }
  Value Name() { return Of("shop", "k").Set("UploadId", id_); }
  std::string Upload(int number, std::string_view bytes) {
    return std::string(
        home_.Get("UploadPart", Name().Set("PartNumber", number).Set("Body", Bytes(bytes)))
            .String("ETag"));
  }
  Value Ending(std::initializer_list<std::pair<int, std::string>> parts) {
    Value::List list;
    for (const auto& [number, etag] : parts)
      list.push_back(Value::Struct({{"PartNumber", number}, {"ETag", etag}}));
    return Name().Set("MultipartUpload", Value::Struct({{"Parts", Value(std::move(list))}}));
  }
  bool HasUploads() {
    const auto folder = home_.Folder() / "buckets" / "shop" / "uploads";
    return std::filesystem::exists(folder) && !std::filesystem::is_empty(folder);
  }
  Side home_{"us-east-1", 1};
  std::string id_;
};

TEST_F(S3PartsTest, PartsBecomeOneObjectAlsoAfterAKill) {
  const std::string second = Upload(2, "tail");
  Upload(1, "thrown away");
  const std::string first = Upload(1, "head ");
  home_.Restart();
  home_.service().limits.smallest_part = 4;
  EXPECT_EQ(home_.Get("ListParts", Name()).Items("Parts").size(), 2U);
  EXPECT_EQ(home_.Refusal("GetObject", Of("shop", "k")), "NoSuchKey");
  const Value done = home_.Get("CompleteMultipartUpload", Ending({{1, first}, {2, second}}));
  const Value object = home_.Get("GetObject", Of("shop", "k"));
  EXPECT_EQ(object.Sub("Body").blob().bytes, "head tail");
  EXPECT_EQ(object.String("ContentType"), "text/plain");
  EXPECT_EQ(object.String("ETag"), done.String("ETag"));
  EXPECT_EQ(done.String("ETag").substr(33), "-2\"");
  EXPECT_FALSE(HasUploads());
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{1, first}})), "NoSuchUpload");
}

TEST_F(S3PartsTest, WhatIsCompletedIsChecked) {
  const std::string first = Upload(1, "abc");
  const std::string second = Upload(2, "rest");
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{2, second}, {1, first}})),
            "InvalidPartOrder");
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{1, second}})), "InvalidPart");
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{3, first}})), "InvalidPart");
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{1, first}, {2, second}})),
            "EntityTooSmall");
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({})), "MalformedXML");
  home_.service().limits.object = 3;
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{2, second}})), "EntityTooLarge");
  EXPECT_EQ(home_.Refusal("UploadPart", Name().Set("PartNumber", 0).Set("Body", Bytes("x"))),
            "InvalidArgument");
  home_.service().limits.object = 100;
  home_.Get("CompleteMultipartUpload", Ending({{2, second}}));
}

TEST_F(S3PartsTest, WhatIsAbortedIsGone) {
  const std::string first = Upload(1, "abc");
  EXPECT_EQ(home_.Get("ListMultipartUploads", Of("shop")).Items("Uploads").size(), 1U);
  home_.Get("AbortMultipartUpload", Name());
  EXPECT_FALSE(HasUploads());
  EXPECT_THAT(home_.Get("ListMultipartUploads", Of("shop")).Items("Uploads"), IsEmpty());
  EXPECT_EQ(home_.Refusal("CompleteMultipartUpload", Ending({{1, first}})), "NoSuchUpload");
  EXPECT_EQ(home_.Refusal("UploadPart", Name().Set("PartNumber", 1).Set("Body", Bytes("x"))),
            "NoSuchUpload");
}

TEST_F(S3PartsTest, ChecksumsOfPartsAreSummedUp) {
  id_ = home_.Get("CreateMultipartUpload", Of("shop", "k").Set("ChecksumAlgorithm", "SHA256"))
            .String("UploadId");
  const std::string first = Upload(1, "abcd");
  const std::string second = Upload(2, "efgh");
  home_.Get("CompleteMultipartUpload", Ending({{1, first}, {2, second}}));
  const Value head = home_.Get("HeadObject", Of("shop", "k").Set("ChecksumMode", "ENABLED"));
  EXPECT_EQ(head.String("ChecksumType"), "COMPOSITE");
  // base64(sha256(sha256("abcd") + sha256("efgh"))), and how many there were.
  EXPECT_EQ(head.String("ChecksumSHA256"), "fVRzcSFy+ewUlLqgPaPYc00S04XRymNAhWdxw9kzguY=-2");
}

}  // namespace
}  // namespace leeward::lab::s3
