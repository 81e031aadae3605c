#include "lab/services/s3.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/testing/full_disk.h"
#include "lab/services/s3_test_world.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class S3Test : public ::testing::Test {
 protected:
  void Make(std::string_view bucket, std::string_view versioning = "") {
    home_.Get("CreateBucket", Of(bucket));
    if (versioning.empty()) return;
    Value input = Of(bucket);
    input.Set("VersioningConfiguration", Value::Struct({{"Status", versioning}}));
    home_.Get("PutBucketVersioning", input);
  }
  Value Put(std::string_view key, std::string_view bytes, Value more = Value::Struct()) {
    more.Set("Bucket", "shop").Set("Key", key).Set("Body", Bytes(bytes));
    return home_.Get("PutObject", more);
  }
  std::string Read(std::string_view key, std::string_view id = "") {
    Value input = Of("shop", key);
    if (!id.empty()) input.Set("VersionId", id);
    return home_.Get("GetObject", input).Sub("Body").blob().bytes;
  }
  std::size_t Files(std::string_view ending) {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::recursive_directory_iterator(home_.Folder()))
      count += each.path().extension() == ending ? 1U : 0U;
    return count;
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    const Value list = home_.Get("ListObjectVersions", Of("shop"));
    for (const Value& each : list.Items("Versions")) ids.emplace_back(each.String("VersionId"));
    return ids;
  }
  Side home_{"us-east-1", 1};
};

TEST_F(S3Test, WhatIsAcknowledgedOutlivesTheProcess) {
  Make("shop", "Enabled");
  const std::string first(Put("k", "first").String("VersionId"));
  Put("k", "second");
  home_.Get("DeleteObject", Of("shop", "gone"));
  home_.Restart();
  EXPECT_EQ(Read("k"), "second");
  EXPECT_EQ(Read("k", first), "first");
  EXPECT_EQ(home_.Refusal("GetObject", Of("shop", "gone")), "NoSuchKey");
  EXPECT_EQ(home_.Get("GetBucketVersioning", Of("shop")).String("Status"), "Enabled");
  Put("k", "third");
  EXPECT_EQ(Read("k"), "third");
}

TEST_F(S3Test, WhatAnUnfinishedWriteLeftIsRemoved) {
  Make("shop");
  Put("k", "kept");
  const auto objects = home_.Folder() / "buckets" / "shop" / "objects";
  std::ofstream(objects / "orphan.0000000000000009.data") << "left";
  std::ofstream(objects / "orphan.0000000000000009.json.AbCdEf") << "left";
  home_.Restart();
  EXPECT_EQ(Files(".data"), 1);
  EXPECT_FALSE(std::filesystem::exists(objects / "orphan.0000000000000009.json.AbCdEf"));
  EXPECT_EQ(Read("k"), "kept");
}

TEST_F(S3Test, AFullDiskRefusesWhatItCannotKeepAndLosesNothing) {
  Make("shop", "Enabled");
  Put("k", "kept");
  {
    const base::testing::FullDisk full;
    const Value more = Of("shop", "k").Set("Body", Bytes("more"));
    EXPECT_EQ(home_.Refusal("PutObject", more), "InternalError");
    EXPECT_EQ(home_.Refusal("DeleteObject", Of("shop", "k")), "InternalError");
    EXPECT_EQ(Read("k"), "kept");
  }
  EXPECT_EQ(Ids().size(), 1u);
  EXPECT_EQ(Files(".data"), 1u);
  Put("k", "more");
  home_.Restart();
  EXPECT_EQ(Read("k"), "more");
  EXPECT_EQ(Ids().size(), 2u);
}

TEST_F(S3Test, WithoutVersionsAWriteReplacesWhatWasThere) {
  Make("shop");
  Put("k", "first");
  Put("k", "second");
  EXPECT_EQ(Files(".data"), 1);
  EXPECT_EQ(Read("k"), "second");
  EXPECT_THAT(Ids(), ElementsAre("null"));
  home_.Get("DeleteObject", Of("shop", "k"));
  EXPECT_EQ(Files(".data"), 0);
  EXPECT_EQ(Files(".json"), 2);  // the bucket, and the names of all
}

TEST_F(S3Test, SuspendedVersioningReplacesOnlyItsOwn) {
  Make("shop", "Enabled");
  const std::string first(Put("k", "first").String("VersionId"));
  Value input = Of("shop");
  input.Set("VersioningConfiguration", Value::Struct({{"Status", "Suspended"}}));
  home_.Get("PutBucketVersioning", input);
  EXPECT_EQ(Put("k", "second").String("VersionId"), "null");
  Put("k", "third");
  EXPECT_THAT(Ids(), ElementsAre("null", first));
  const Value marker = home_.Get("DeleteObject", Of("shop", "k"));
  EXPECT_EQ(marker.String("VersionId"), "null");
  EXPECT_THAT(Ids(), ElementsAre(first));
  home_.Get("DeleteObject", Of("shop", "k").Set("VersionId", "null"));
  EXPECT_EQ(Read("k"), "first");
}

// At most one of two writers who both want to be the first.
TEST_F(S3Test, ConditionsHoldWhileOthersWrite) {
  Make("shop");
  Value input = Of("shop", "k").Set("Body", Bytes("x")).Set("IfNoneMatch", "*");
  std::vector<std::string> codes;
  for (int i = 0; i < 3; ++i) {
    Call call;
    call.model = shapes::FindModel("s3");
    call.operation = call.model->FindOperation("PutObject");
    call.input = input;
    home_.service().Handle(call, [&codes](const Answer& answer) {
      const auto* error = std::get_if<ApiError>(&answer);
      codes.push_back(error == nullptr ? "answered" : error->code);
    });
  }
  ASSERT_TRUE(home_.host().PumpUntil([&] { return codes.size() == 3; }, std::chrono::seconds(10)));
  EXPECT_THAT(codes, ElementsAre("answered", "PreconditionFailed", "PreconditionFailed"));
  const Value head = home_.Get("HeadObject", Of("shop", "k"));
  Value match = Of("shop", "k").Set("Body", Bytes("y")).Set("IfMatch", head.String("ETag"));
  home_.Get("PutObject", match);
  EXPECT_EQ(home_.Refusal("PutObject", match), "PreconditionFailed");
}

TEST_F(S3Test, ANewVersionIsTheNewestWhateverTheClockSays) {
  Make("shop", "Enabled");
  Put("k", "first");
  Put("k", "second");  // the clock stands still
  EXPECT_EQ(Read("k"), "second");
}

TEST_F(S3Test, MarkersThatAreGoneLoseNoVersion) {
  Make("shop", "Enabled");
  for (const char* bytes : {"1", "2", "3"}) Put("k", bytes);
  const Value page = home_.Get("ListObjectVersions", Of("shop").Set("MaxKeys", 2));
  ASSERT_TRUE(page.Flag("IsTruncated", false));
  for (const Value& each : page.Items("Versions"))
    home_.Get("DeleteObject", Of("shop", "k").Set("VersionId", each.String("VersionId")));
  const Value rest = home_.Get("ListObjectVersions",
                               Of("shop")
                                   .Set("KeyMarker", page.String("NextKeyMarker"))
                                   .Set("VersionIdMarker", page.String("NextVersionIdMarker")));
  EXPECT_EQ(rest.Items("Versions").size(), 1);
}

TEST_F(S3Test, NamesAreTakenOnceAndFreedByWhoHasNoSuchBucket) {
  Side away("us-west-2", 2);
  FakeHost::Connect({&home_.host(), &away.host()});
  const Value there = Value::Struct({{"LocationConstraint", "us-west-2"}});
  home_.Get("CreateBucket", Of("shop").Set("CreateBucketConfiguration", there));
  EXPECT_EQ(away.Get("HeadBucket", Of("shop")).String("BucketRegion"), "us-west-2");
  EXPECT_EQ(home_.Refusal("HeadBucket", Of("shop")), "PermanentRedirect");
  EXPECT_EQ(home_.Refusal("CreateBucket", Of("shop")), "BucketAlreadyOwnedByYou");
  EXPECT_EQ(home_.Refusal("CreateBucket",
                          Of("cart").Set("CreateBucketConfiguration",
                                         Value::Struct({{"LocationConstraint", "eu-north-1"}}))),
            "ServiceUnavailable");  // nobody answers there
  EXPECT_EQ(away.Get("ListBuckets", Value::Struct()).Items("Buckets").size(), 1);

  std::filesystem::remove_all(away.Folder() / "buckets" / "shop");
  away.Restart();
  FakeHost::Connect({&home_.host(), &away.host()});
  EXPECT_EQ(home_.Refusal("HeadBucket", Of("shop")), "PermanentRedirect");
  EXPECT_EQ(away.Refusal("HeadBucket", Of("shop")), "NoSuchBucket");
  Make("shop");
  EXPECT_EQ(home_.Get("HeadBucket", Of("shop")).String("BucketRegion"), "us-east-1");
}

TEST_F(S3Test, ObjectsGoOnWithoutTheRegionThatKeepsTheNames) {
  Side away("us-west-2", 2);
  FakeHost::Connect({&home_.host(), &away.host()});
  const Value there = Value::Struct({{"LocationConstraint", "us-west-2"}});
  away.Get("CreateBucket", Of("shop").Set("CreateBucketConfiguration", there));
  Make("home");
  EXPECT_EQ(away.Refusal("HeadBucket", Of("home")), "PermanentRedirect");
  away.host().Cut("us-east-1");
  away.Get("PutObject", Of("shop", "k").Set("Body", Bytes("x")));
  EXPECT_EQ(away.Get("GetObject", Of("shop", "k")).Sub("Body").blob().bytes, "x");
  const Value enabled = Value::Struct({{"Status", "Enabled"}});
  EXPECT_EQ(away.Refusal("PutBucketVersioning", Of("shop").Set("VersioningConfiguration", enabled)),
            "ServiceUnavailable");
  EXPECT_EQ(away.Refusal("DeleteBucket", Of("shop")), "BucketNotEmpty");
  EXPECT_EQ(away.Refusal("HeadBucket", Of("home")), "PermanentRedirect");
  EXPECT_EQ(away.Refusal("HeadBucket", Of("never-asked")), "ServiceUnavailable");
}

TEST(S3ChecksTest, RangesAreCutToWhatIsThere) {
  const auto part = [](std::string_view range, std::int64_t size) -> std::pair<long, long> {
    const auto read = ReadRange(range, size);
    if (std::holds_alternative<ApiError>(read)) return {-1, -1};
    return {std::get<Part>(read).offset, std::get<Part>(read).count};
  };
  EXPECT_EQ(part("bytes=2-4", 10), std::pair(2L, 3L));
  EXPECT_EQ(part("bytes=8-99", 10), std::pair(8L, 2L));
  EXPECT_EQ(part("bytes=7-", 10), std::pair(7L, 3L));
  EXPECT_EQ(part("bytes=-4", 10), std::pair(6L, 4L));
  EXPECT_EQ(part("bytes=-40", 10), std::pair(0L, 10L));
  EXPECT_EQ(part("bytes=10-", 10), std::pair(-1L, -1L));
  EXPECT_EQ(part("bytes=-0", 10), std::pair(-1L, -1L));
  EXPECT_EQ(part("bytes=0-", 0), std::pair(-1L, -1L));
  for (const char* none : {"", "bytes=4-2", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2"})
    EXPECT_EQ(part(none, 10), std::pair(0L, 10L)) << none;
}

TEST(S3ChecksTest, NamesOfBucketsAreAsDnsHasThem) {
  for (const char* good : {"abc", "a.b-c", "1bucket"})
    EXPECT_EQ(CheckBucketName(good), std::nullopt);
  for (const char* bad : {"ab", "Abc", "a..b", "-abc", "abc-", "10.0.0.1", "a_b", "a/../b"})
    EXPECT_NE(CheckBucketName(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace leeward::lab::s3
