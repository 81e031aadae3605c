#include "lab/services/sts.h"

#include <gmock/gmock.h>
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

TEST(StsTest, WhatWouldNarrowASessionIsRefusedByName) {
  FakeHost host;
  const auto sts = MakeSts(host);
  const Answer answer =
      host.CallOperation(*sts, "AssumeRole",
                         Value::Struct({{"RoleArn", "arn:aws:iam::123456789012:role/x"},
                                        {"RoleSessionName", "me"},
                                        {"Policy", R"({"Version":"2012-10-17","Statement":[]})"}}));
  EXPECT_EQ(std::get<ApiError>(answer).code, "ValidationError");
  EXPECT_THAT(std::get<ApiError>(answer).message, testing::HasSubstr("Policy"));
}

TEST(StsTest, WhatAnAssumedRoleMayNotAsk) {
  FakeHost host;
  const auto sts = MakeSts(host);
  const auto code = [&](std::string_view operation, Value input) {
    Call call;
    call.model = shapes::FindModel("sts");
    call.operation = call.model->FindOperation(operation);
    call.input = std::move(input);
    call.caller_arn = "arn:aws:sts::123456789012:assumed-role/x/me";
    std::string found = "none";
    sts->Handle(call, [&](const Answer& answer) {
      const auto* error = std::get_if<ApiError>(&answer);
      found = error == nullptr ? "done" : error->code;
    });
    return found;
  };
  Value role =
      Value::Struct({{"RoleArn", "arn:aws:iam::123456789012:role/y"}, {"RoleSessionName", "me"}});
  EXPECT_EQ(code("AssumeRole", role), "done");
  EXPECT_EQ(code("AssumeRole", role.Set("DurationSeconds", 3601)), "ValidationError");
  EXPECT_EQ(code("GetSessionToken", Value::Struct()), "AccessDenied");
}

}  // namespace
}  // namespace leeward::lab
