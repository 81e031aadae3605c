#include <gtest/gtest.h>

#include "base/check.h"
#include "spec/spec.h"

namespace leeward::spec {
namespace {

constexpr char kBuckets[] = R"(apiVersion: leeward/v1
application: shop
regions: { home: us-east-1, recovery: us-west-2 }
objectives: { rto: 15m, rpo: 1m }
components:
  pictures:
    kind: s3
    home-bucket: shop-pictures-east
    recovery-bucket: shop-pictures-west
    role: arn:aws:iam::123456789012:role/shop-copier
    rpo: 15m
  papers:
    kind: s3
    home-bucket: shop-papers-east
    recovery-bucket: shop-papers-west
    role: arn:aws:iam::123456789012:role/service-role/shop-copier
    prefix: paid/
    replication-time-control: off
    batch-role: arn:aws:iam::123456789012:role/shop-batch
  web: { kind: ecs, needs: [pictures, papers] }
)";

std::string BucketsWith(const std::string& from, const std::string& to) {
  std::string text = kBuckets;
  const auto at = text.find(from);
  CHECK_MSG(at != std::string::npos, from.c_str());
  return text.replace(at, from.size(), to);
}

std::string AboutBuckets(const std::string& text) {
  const auto parsed = Parse(text, "shop.yaml");
  std::string all;
  if (const auto* diagnostics = std::get_if<Diagnostics>(&parsed)) {
    for (const Diagnostic& one : *diagnostics) all += ToText(one) + "\n";
  }
  return all;
}

void ExpectSaid(const std::string& text, const std::string& what) {
  const std::string said = AboutBuckets(text);
  EXPECT_NE(said.find(what), std::string::npos) << said;
}

TEST(S3SpecTest, ABucketIsNamedInEachRegion) {
  const auto parsed = Parse(kBuckets, "shop.yaml");
  ASSERT_TRUE(std::holds_alternative<model::Application>(parsed)) << AboutBuckets(kBuckets);
  const auto& shop = std::get<model::Application>(parsed);
  const auto& pictures = std::get<model::S3>(shop.components[0].kind);
  EXPECT_EQ(pictures.bucket(shop.regions, shop.regions.home), "shop-pictures-east");
  EXPECT_EQ(pictures.bucket(shop.regions, shop.regions.recovery), "shop-pictures-west");
  EXPECT_EQ(pictures.role, "arn:aws:iam::123456789012:role/shop-copier");
  EXPECT_EQ(pictures.prefix, "");
  EXPECT_EQ(pictures.time_control, model::TimeControl::kOn);
  EXPECT_EQ(shop.components[0].rpo, base::Duration(std::chrono::minutes(15)));
  const auto& papers = std::get<model::S3>(shop.components[1].kind);
  EXPECT_EQ(papers.prefix, "paid/");
  EXPECT_EQ(papers.time_control, model::TimeControl::kOff);
  EXPECT_EQ(pictures.batch_role, "");
  EXPECT_EQ(papers.batch_role, "arn:aws:iam::123456789012:role/shop-batch");
}

TEST(S3SpecTest, WrongNamesAreRefusedByName) {
  ExpectSaid(BucketsWith("shop-pictures-west", "Shop_Pictures"), "Shop_Pictures");
  ExpectSaid(BucketsWith("shop-pictures-west", "arn:aws:s3:::shop-pictures-west"),
             "write the bucket's name alone");
  ExpectSaid(BucketsWith("    home-bucket: shop-pictures-east\n", ""), "'home-bucket'");
  ExpectSaid(BucketsWith("arn:aws:iam::123456789012:role/shop-copier", "shop-copier"),
             "the ARN of an IAM role");
  ExpectSaid(BucketsWith("    role: arn:aws:iam::123456789012:role/shop-copier\n", ""), "'role'");
  ExpectSaid(BucketsWith("replication-time-control: off", "replication-time-control: maybe"),
             "maybe");
}

TEST(S3SpecTest, TwoBucketsAreTwo) {
  ExpectSaid(BucketsWith("shop-pictures-west", "shop-pictures-east"), "and a bucket is in one");
  ExpectSaid(BucketsWith("shop-papers-east", "shop-pictures-east"),
             "copy keys of one bucket twice");
}

TEST(S3SpecTest, AnRpoThatS3CannotKeepIsRefused) {
  ExpectSaid(BucketsWith("rpo: 15m", "rpo: 5s"), "cannot keep an RPO of 5s");
}

TEST(S3SpecTest, WhoWritesToABucketIsKnown) {
  ExpectSaid(BucketsWith("needs: [pictures, papers]", "needs: [papers]"),
             "component pictures is needed by no component of kind ecs");
}

}  // namespace
}  // namespace leeward::spec
