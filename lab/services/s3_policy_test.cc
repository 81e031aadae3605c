#include "lab/services/s3_policy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lab/services/s3_test_world.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

std::string Deny(std::string_view action, std::string_view resource,
                 std::string_view principal = "\"*\"") {
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":{},"Action":"{}","Resource":"arn:aws:s3:::shop{}"}}]}})",
      principal, action, resource);
}

class S3PolicyTest : public ::testing::Test {
 protected:
  S3PolicyTest() { home_.Get("CreateBucket", Of("shop")); }
  std::string Refused(std::string_view policy) {
    return home_.Refusal("PutBucketPolicy", Of("shop").Set("Policy", policy));
  }
  Side home_{"us-east-1", 1};
};

TEST_F(S3PolicyTest, WhatIsDeniedIsDeniedUntilThePolicyIsGone) {
  const Value put = Of("shop", "orders/1").Set("Body", Bytes("x"));
  home_.Get("PutObject", put);
  EXPECT_EQ(home_.Refusal("GetBucketPolicy", Of("shop")), "NoSuchBucketPolicy");
  const std::string fence = Deny("s3:*Object", "/orders/*");
  home_.Get("PutBucketPolicy", Of("shop").Set("Policy", fence));
  home_.Restart();
  EXPECT_EQ(home_.Refusal("PutObject", put), "AccessDenied");
  EXPECT_EQ(home_.Refusal("GetObject", Of("shop", "orders/1")), "AccessDenied");
  Value keys = Value::Struct({{"Objects", Value(Value::List{Value::Struct({{"Key", "orders/1"}}),
                                                            Value::Struct({{"Key", "other"}})})}});
  const Value deleted = home_.Get("DeleteObjects", Of("shop").Set("Delete", keys));
  ASSERT_EQ(deleted.Items("Errors").size(), 1U);
  EXPECT_EQ(deleted.Items("Errors").front().String("Code"), "AccessDenied");
  EXPECT_EQ(home_.Refusal("CopyObject", Of("shop", "other").Set("CopySource", "shop/orders/1")),
            "AccessDenied");
  home_.Get("PutObject", Of("shop", "other").Set("Body", Bytes("x")));
  EXPECT_EQ(home_.Get("GetBucketPolicy", Of("shop")).String("Policy"), fence);
  home_.Get("DeleteBucketPolicy", Of("shop"));
  home_.Get("PutObject", put);
}

TEST_F(S3PolicyTest, OnlyWhoIsNamedIsDenied) {
  home_.Get("PutBucketPolicy",
            Of("shop").Set("Policy", Deny("s3:PutObject", "/*",
                                          R"({"AWS":["arn:aws:iam::123456789012:user/other"]})")));
  home_.Get("PutObject", Of("shop", "k").Set("Body", Bytes("x")));
}

TEST_F(S3PolicyTest, WhatIsNotEvaluatedIsRefused) {
  EXPECT_EQ(Refused("no policy"), "MalformedPolicy");
  EXPECT_EQ(Refused(Deny("ec2:RunInstances", "/*")), "MalformedPolicy");
  EXPECT_EQ(Refused(Deny("s3:PutObject", "-other/*")), "MalformedPolicy");
  EXPECT_EQ(Refused(Deny("s3:PutObject", "/*", R"({"Service":"ec2.amazonaws.com"})")),
            "NotImplemented");
  std::string conditional = Deny("s3:PutObject", "/*");
  conditional.insert(conditional.size() - 3, R"(,"Condition":{"Bool":{"a":"b"}})");
  EXPECT_EQ(Refused(conditional), "NotImplemented");
}

}  // namespace
}  // namespace leeward::lab::s3
