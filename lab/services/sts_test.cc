#include "lab/services/sts.h"

#include <gtest/gtest.h>

#include "lab/core/testing.h"

namespace leeward::lab {
namespace {

using shapes::Value;

TEST(StsTest, CallerIsTheLabsUser) {
  FakeHost host;
  const auto sts = MakeSts(host);
  const Answer answer = host.CallOperation(*sts, "GetCallerIdentity", {});
  EXPECT_EQ(std::get<Value>(answer).String("Arn"), "arn:aws:iam::123456789012:user/lab");
}

TEST(StsTest, AssumedRoleGetsCredentialsThatTheLabKnows) {
  FakeHost host;
  const auto sts = MakeSts(host);
  const Answer answer =
      host.CallOperation(*sts, "AssumeRole",
                         Value::Struct({{"RoleArn", "arn:aws:iam::123456789012:role/ops/failover"},
                                        {"RoleSessionName", "me"}}));
  const Value& issued = std::get<Value>(answer).Sub("Credentials");
  const auto found = host.credentials().Find(issued.String("AccessKeyId"),
                                             issued.String("SessionToken"), host.clock().Now());
  const auto& identity = std::get<Identity>(found);
  EXPECT_EQ(identity.secret_key, issued.String("SecretAccessKey"));
  EXPECT_EQ(identity.arn, "arn:aws:sts::123456789012:assumed-role/failover/me");
}

TEST(StsTest, RoleOfAnotherAccountIsDenied) {
  FakeHost host;
  const auto sts = MakeSts(host);
  const Answer answer = host.CallOperation(
      *sts, "AssumeRole",
      Value::Struct({{"RoleArn", "arn:aws:iam::999999999999:role/x"}, {"RoleSessionName", "me"}}));
  EXPECT_EQ(std::get<ApiError>(answer).code, "AccessDenied");
}

}  // namespace
}  // namespace leeward::lab
