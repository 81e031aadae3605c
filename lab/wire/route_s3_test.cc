#include "lab/wire/route_s3.h"

#include <gtest/gtest.h>

#include <array>

namespace leeward::lab::wire {
namespace {

Route RouteOf(std::string method, std::string target, ports::Headers headers = {}) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers = std::move(headers);
  return FindRoute(request, "s3", shapes::AllModels());
}

std::string Asked(std::string method, std::string target, ports::Headers headers = {}) {
  const Route route = RouteOf(std::move(method), std::move(target), std::move(headers));
  if (route.refusal) return route.refusal->code + " " + route.operation_name;
  return route.operation_name;
}

TEST(RouteS3Test, ObjectsAreToldApartByHeadersAndParameters) {
  EXPECT_EQ(Asked("PUT", "/shop/a"), "PutObject");
  EXPECT_EQ(Asked("PUT", "/shop/a", {{"x-amz-copy-source", "shop/b"}}), "CopyObject");
  EXPECT_EQ(Asked("PUT", "/shop/a?partNumber=1&uploadId=u"), "UploadPart");
  EXPECT_EQ(Asked("PUT", "/shop/a?tagging"), "PutObjectTagging");
  EXPECT_EQ(Asked("GET", "/shop/a?uploadId=u"), "ListParts");
  EXPECT_EQ(Asked("GET", "/shop/a?versionId=v"), "GetObject");
  EXPECT_EQ(Asked("HEAD", "/shop/a"), "HeadObject");
  EXPECT_EQ(Asked("POST", "/shop/a?uploads"), "CreateMultipartUpload");
  EXPECT_EQ(Asked("POST", "/shop/a?uploadId=u"), "CompleteMultipartUpload");
  EXPECT_EQ(Asked("DELETE", "/shop/a"), "DeleteObject");
}

TEST(RouteS3Test, BucketsAreToldApartByTheirSubresource) {
  EXPECT_EQ(Asked("GET", "/"), "ListBuckets");
  EXPECT_EQ(Asked("PUT", "/shop"), "CreateBucket");
  EXPECT_EQ(Asked("PUT", "/shop/"), "CreateBucket");
  EXPECT_EQ(Asked("PUT", "/shop?replication"), "PutBucketReplication");
  EXPECT_EQ(Asked("GET", "/shop?list-type=2&prefix=a%2F"), "ListObjectsV2");
  EXPECT_EQ(Asked("GET", "/shop?versions"), "ListObjectVersions");
  EXPECT_EQ(Asked("POST", "/shop?delete"), "DeleteObjects");
}

TEST(RouteS3Test, WhatIsNotKeptIsRefusedByItsName) {
  EXPECT_EQ(Asked("GET", "/shop"), "NotImplemented ListObjects");
  EXPECT_EQ(Asked("GET", "/shop?acl"), "NotImplemented GetBucketAcl");
  EXPECT_EQ(Asked("PUT", "/shop/a?acl"), "NotImplemented PutObjectAcl");
  EXPECT_EQ(Asked("PUT", "/shop/a?partNumber=1&uploadId=u", {{"x-amz-copy-source", "shop/b"}}),
            "NotImplemented UploadPartCopy");
  EXPECT_EQ(Asked("POST", "/shop"), "MethodNotAllowed ");
  EXPECT_EQ(Asked("PUT", "/shop/%zz"), "InvalidURI ");
}

TEST(RouteS3Test, AKeyIsAllThatFollowsItsBucket) {
  struct Row {
    std::string path;
    std::string key;
  };
  const auto rows = std::to_array<Row>({{"/shop/a/b", "a/b"},
                                        {"/shop/folder/", "folder/"},
                                        {"/shop//a", "/a"},
                                        {"/shop/a//b", "a//b"},
                                        {"/shop/a%2Fb%20c+d", "a/b c+d"},
                                        {"/shop/../x", "../x"}});
  for (const Row& row : rows) {
    const Route route = RouteOf("GET", row.path);
    EXPECT_EQ(ValueOf(route.labels, "Bucket"), "shop");
    EXPECT_EQ(ValueOf(route.labels, "Key"), row.key);
  }
}

// What an object is made of is nobody's parameters.
TEST(RouteS3Test, AFormIsAnObjectLikeAnyOther) {
  EXPECT_EQ(Asked("PUT", "/shop/a", {{"Content-Type", "application/x-www-form-urlencoded"}}),
            "PutObject");
  EXPECT_EQ(Asked("GET", "/shop?list-type=2&prefix=Action="), "ListObjectsV2");
}

// A bucket may be called as S3 Control's paths are; the account tells.
TEST(RouteS3Test, S3ControlIsToldByItsPathAndAccount) {
  const ports::Headers account = {{"x-amz-account-id", "123456789012"}};
  EXPECT_EQ(Asked("POST", "/v20180820/jobs", account), "CreateJob");
  EXPECT_EQ(Asked("GET", "/v20180820/jobs", account), "ListJobs");
  EXPECT_EQ(Asked("GET", "/v20180820/jobs/a-b", account), "DescribeJob");
  EXPECT_EQ(Asked("POST", "/v20180820/jobs/a-b/status?requestedJobStatus=Ready", account),
            "UpdateJobStatus");
  EXPECT_EQ(Asked("GET", "/v20180820/mrap/instances", account),
            "NotImplemented ListMultiRegionAccessPoints");
  EXPECT_EQ(Asked("GET", "/v20180820/jobs"), "GetObject");
  EXPECT_EQ(Asked("GET", "/shop/jobs", account), "GetObject");
  EXPECT_EQ(RouteOf("GET", "/v20180820/jobs/a-b", account).model->service, "s3control");
}

}  // namespace
}  // namespace leeward::lab::wire
