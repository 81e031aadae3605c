#include "aws/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/fake_world.h"

namespace leeward::aws {
namespace {

using base::ErrorCode;
using shapes::Value;
using testing::HasSubstr;
using testing_support::Answer;
using testing_support::FakeWorld;
using namespace std::chrono_literals;

std::string Instances(const std::string& status, const std::string& marker = "") {
  return "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>"
         "<DBInstanceIdentifier>orders</DBInstanceIdentifier><DBInstanceStatus>" +
         status + "</DBInstanceStatus></DBInstance></DBInstances>" +
         (marker.empty() ? "" : "<Marker>" + marker + "</Marker>") +
         "</DescribeDBInstancesResult></DescribeDBInstancesResponse>";
}
std::string QueryError(const std::string& code) {
  return "<ErrorResponse><Error><Type>Sender</Type><Code>" + code +
         "</Code><Message>so it is</Message></Error><RequestId>r-1</RequestId></ErrorResponse>";
}

TEST(ClientTest, SignsAndReads) {
  FakeWorld world;
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(200, Instances("available"));
  };
  const auto client = world.MakeClient();
  const auto answer = client->Call("rds", "DescribeDBInstances", {}, {.region = "eu-west-1"});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->Items("DBInstances")[0].String("DBInstanceStatus"), "available");
  const ports::HttpRequest& sent = world.transport.seen[0];
  EXPECT_EQ(sent.url, "https://rds.eu-west-1.amazonaws.com/");
  const ports::HttpResponse holder{.status = 0, .headers = sent.headers, .body = ""};
  EXPECT_THAT(holder.Header("Authorization"),
              HasSubstr("Credential=AKID/20261123/eu-west-1/rds/aws4_request"));
}

struct ErrorCase {
  int status;
  const char* code;
  ErrorCode expected;
};

TEST(ClientTest, ErrorsHaveTheirClass) {
  constexpr ErrorCase kCases[] = {
      {404, "DBInstanceNotFound", ErrorCode::kNotFound},
      {400, "DBInstanceAlreadyExists", ErrorCode::kAlready},
      {400, "InvalidDBInstanceState", ErrorCode::kWrongState},
      {403, "AccessDenied", ErrorCode::kDenied},
      {403, "SignatureDoesNotMatch", ErrorCode::kDenied},
      {400, "Throttling", ErrorCode::kThrottled},
      {503, "ServiceUnavailable", ErrorCode::kService},
      {400, "InvalidParameterValue", ErrorCode::kInvalid},
      {400, "InvalidGroup.NotFound", ErrorCode::kNotFound},
      {400, "InvalidPermission.Duplicate", ErrorCode::kAlready},
      {400, "InvalidGlobalReplicationGroupState", ErrorCode::kWrongState},
      {409, "IncorrectFileSystemLifeCycleState", ErrorCode::kWrongState},
      {409, "IncorrectMountTargetState", ErrorCode::kWrongState},
      {400, "KMSInvalidStateException", ErrorCode::kWrongState},
      {400, "InvalidResourceStateException", ErrorCode::kWrongState},
  };
  for (const ErrorCase& c : kCases) {
    FakeWorld world;
    world.transport.answer = [&](const auto&, const auto&) {
      return Answer(c.status, QueryError(c.code));
    };
    const auto client = world.MakeClient();
    const auto answer = client->Call("rds", "DescribeDBInstances", {}, {});
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code(), c.expected) << c.code;
    EXPECT_EQ(answer.error().service_code(), c.code);
    EXPECT_THAT(answer.error().message(), HasSubstr("rds DescribeDBInstances in us-west-2"));
    EXPECT_THAT(answer.error().message(), HasSubstr("request id r-1"));
  }
}

// As services do: the canonical request of a signature that does not match, a value that is
// refused.
TEST(ClientTest, NoSecretThatAnAnswerRepeatsIsPassedOn) {
  FakeWorld world;
  world.settings.environment["AWS_SECRET_ACCESS_KEY"] = "k3y/with+odd=marks";
  world.settings.environment["AWS_SESSION_TOKEN"] = "t0ken/with+odd=marks";
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(400,
                  "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>"
                  "x-amz-security-token:t0ken/with+odd=marks\nhost:rds and "
                  "X-Amz-Security-Token=t0ken%2Fwith%2Bodd%3Dmarks, key k3y/with+odd=marks; "
                  "value 'hunter2-hunter2' of 'orders'</Message></Error></ErrorResponse>");
  };
  const auto answer =
      world.MakeClient()->Call("rds", "ModifyDBInstance",
                               shapes::Value::Struct({{"DBInstanceIdentifier", "orders"},
                                                      {"MasterUserPassword", "hunter2-hunter2"}}),
                               {});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().message(),
            "rds ModifyDBInstance in us-west-2: SignatureDoesNotMatch: "
            "x-amz-security-token:(hidden)\nhost:rds and X-Amz-Security-Token=(hidden), key "
            "(hidden); value '(hidden)' of 'orders'");
}

TEST(ClientTest, NoVariableOfATaskThatAnAnswerRepeatsIsPassedOn) {
  FakeWorld world;
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(400, R"({"__type":"ClientException","message":"DB_PASSWORD=hunter2-hunter2"})");
  };
  using shapes::Value;
  const Value variable = Value::Struct({{"name", "DB_PASSWORD"}, {"value", "hunter2-hunter2"}});
  const Value container = Value::Struct({{"name", "web"}, {"environment", Value::List{variable}}});
  const auto answer = world.MakeClient()->Call(
      "ecs", "RegisterTaskDefinition",
      Value::Struct({{"family", "web"}, {"containerDefinitions", Value::List{container}}}), {});
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message(), HasSubstr("DB_PASSWORD=(hidden)"));
}

TEST(ClientTest, ThrottlesAreRetriedWithBackOff) {
  FakeWorld world;
  int calls = 0;
  world.transport.answer = [&](const auto&, const auto&) {
    return ++calls < 3 ? Answer(400, QueryError("Throttling"))
                       : Answer(200, Instances("available"));
  };
  const auto client = world.MakeClient();
  ASSERT_TRUE(client->Call("rds", "DescribeDBInstances", {}, {}).ok());
  EXPECT_EQ(calls, 3);
  EXPECT_GT(world.paused, 0ms);
}

TEST(ClientTest, RefusalsAreNotRetried) {
  FakeWorld world;
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(400, QueryError("InvalidDBInstanceState"));
  };
  const auto client = world.MakeClient();
  const Value input = Value::Struct({{"DBInstanceIdentifier", "orders"}});
  ASSERT_FALSE(client->Call("rds", "PromoteReadReplica", input, {}).ok());
  EXPECT_EQ(world.transport.seen.size(), 1u);
}

TEST(ClientTest, ALostRegionIsUnreachableWithinTheDeadline) {
  FakeWorld world;
  world.transport.answer =
      [&](const auto&, const ports::HttpLimits& limits) -> base::Result<ports::HttpResponse> {
    world.clock.Advance(limits.total);
    return base::Unreachable("no answer in time");
  };
  const auto client = world.MakeClient();
  const base::MonotonicTime start = world.clock.Monotonic();
  const auto answer = client->Call("rds", "DescribeDBInstances", {},
                                   {.deadline = 3s, .attempt_timeout = 2s, .max_attempts = 10});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnreachable);
  EXPECT_LE(world.clock.Monotonic() - start, 3s);
}

TEST(ClientTest, ADeadRegionUsesUpOnlyItsOwnTokens) {
  FakeWorld world;
  world.transport.answer = [](const ports::HttpRequest& request,
                              const auto&) -> base::Result<ports::HttpResponse> {
    if (request.url.find("us-east-1") != std::string::npos) return base::Unreachable("connect");
    return Answer(400, QueryError("Throttling"));
  };
  const auto client = world.MakeClient();
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(client->Call("rds", "DescribeDBInstances", {}, {.region = "us-east-1"}).ok());
  }
  world.transport.seen.clear();
  ASSERT_FALSE(client->Call("rds", "DescribeDBInstances", {}, {.region = "us-east-1"}).ok());
  EXPECT_EQ(world.transport.seen.size(), 1u);
  world.transport.seen.clear();
  ASSERT_FALSE(client->Call("rds", "DescribeDBInstances", {}, {.region = "us-west-2"}).ok());
  EXPECT_EQ(world.transport.seen.size(), 3u);
}

TEST(ClientTest, BadInputIsNotSent) {
  FakeWorld world;
  const auto client = world.MakeClient();
  const auto missing = client->Call("rds", "PromoteReadReplica", {}, {});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message(), HasSubstr("'DBInstanceIdentifier' is required"));
  const auto unknown = client->Call(
      "rds", "ModifyDBInstance",
      Value::Struct({{"DBInstanceIdentifier", "a"}, {"EnableCloudwatchLogsExports", 1}}), {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message(), HasSubstr("EnableCloudwatchLogsExports"));
  EXPECT_FALSE(client->Call("rds", "NoSuchOperation", {}, {}).ok());
  EXPECT_FALSE(client->Call("nonesuch", "X", {}, {}).ok());
  EXPECT_FALSE(client->Call("rds", "DescribeDBInstances", {}, {.region = "us-west-2/evil"}).ok());
  EXPECT_TRUE(world.transport.seen.empty());
}

TEST(ClientTest, PagesAreMerged) {
  FakeWorld world;
  world.transport.answer = [](const ports::HttpRequest& request, const auto&) {
    return Answer(200, request.body.find("Marker=m1") == std::string::npos
                           ? Instances("available", "m1")
                           : Instances("stopped"));
  };
  const auto client = world.MakeClient();
  const auto all = client->Paginate("rds", "DescribeDBInstances", {}, {});
  ASSERT_TRUE(all.ok()) << all.error().message();
  ASSERT_EQ(all->Items("DBInstances").size(), 2u);
  EXPECT_EQ(all->Items("DBInstances")[1].String("DBInstanceStatus"), "stopped");
  EXPECT_FALSE(all->Has("Marker"));
}

TEST(ClientTest, APageThatRepeatsItselfEnds) {
  FakeWorld world;
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(200, Instances("available", "m1"));
  };
  const auto client = world.MakeClient();
  EXPECT_FALSE(client->Paginate("rds", "DescribeDBInstances", {}, {}).ok());
  EXPECT_LE(world.transport.seen.size(), 3u);
}

TEST(ClientTest, WaitersLookUntilItIsSo) {
  FakeWorld world;
  int looks = 0;
  world.transport.answer = [&](const auto&, const auto&) {
    return Answer(200, Instances(++looks < 4 ? "modifying" : "available"));
  };
  const auto client = world.MakeClient();
  ASSERT_TRUE(
      client->WaitUntil("rds", "DBInstanceAvailable", {}, {}, {.deadline = 60s, .delay = 1s}).ok());
  EXPECT_EQ(looks, 4);
}

TEST(ClientTest, WaitersEndWhenItCannotComeOrInTime) {
  FakeWorld world;
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(200, Instances("failed"));
  };
  const auto client = world.MakeClient();
  const auto failed =
      client->WaitUntil("rds", "DBInstanceAvailable", {}, {}, {.deadline = 60s, .delay = 1s});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::kWrongState);
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(200, Instances("modifying"));
  };
  const auto late =
      client->WaitUntil("rds", "DBInstanceAvailable", {}, {}, {.deadline = 5s, .delay = 1s});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), ErrorCode::kUnreachable);
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(404, QueryError("DBInstanceNotFound"));
  };
  EXPECT_TRUE(
      client->WaitUntil("rds", "DBInstanceDeleted", {}, {}, {.deadline = 5s, .delay = 1s}).ok());
}

TEST(ClientTest, EndpointsFollowServiceRegionAndConfiguration) {
  FakeWorld world;
  auto client = world.MakeClient();
  const auto url = [&](std::string_view service, const std::string& region) {
    return client->EndpointFor(service, {.region = region}).value();
  };
  EXPECT_EQ(url("rds", ""), "https://rds.us-west-2.amazonaws.com");
  EXPECT_EQ(url("cloudwatch", "cn-north-1"), "https://monitoring.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(url("ec2", "us-gov-west-1"), "https://ec2.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(url("route53", "eu-west-1"), "https://route53.amazonaws.com");
  EXPECT_EQ(url("route53", "cn-north-1"), "https://route53.amazonaws.com.cn");
  EXPECT_EQ(url("iam", "us-gov-east-1"), "https://iam.us-gov.amazonaws.com");
  EXPECT_EQ(url("sts", "eu-west-1"), "https://sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(url("dynamodbstreams", "eu-west-1"),
            "https://streams.dynamodb.eu-west-1.amazonaws.com");
  EXPECT_EQ(url("route53-recovery-control-config", "eu-west-1"),
            "https://route53-recovery-control-config.us-west-2.amazonaws.com");
  world.settings.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4566/";
  world.settings.environment["AWS_ENDPOINT_URL_ROUTE_53"] = "http://127.0.0.1:9999/base";
  client = world.MakeClient();
  EXPECT_EQ(url("rds", ""), "http://127.0.0.1:4566");
  EXPECT_EQ(url("route53", ""), "http://127.0.0.1:9999/base");
  EXPECT_EQ(client->EndpointFor("rds", {.endpoint_url = "http://one"}).value(), "http://one");
  EXPECT_FALSE(client->EndpointFor("rds", {.endpoint_url = "ftp://one"}).ok());
  const auto with_user = client->EndpointFor("rds", {.endpoint_url = "http://me:s3cret@one"});
  ASSERT_FALSE(with_user.ok());
  EXPECT_EQ(with_user.error().message().find("s3cret"), std::string::npos);
}

TEST(ClientTest, Route53TakesTheIdsItGave) {
  FakeWorld world;
  world.transport.answer = [](const auto&, const auto&) {
    return Answer(
        200,
        "<GetChangeResponse><ChangeInfo><Status>INSYNC</Status></ChangeInfo></GetChangeResponse>");
  };
  const auto client = world.MakeClient();
  ASSERT_TRUE(client->Call("route53", "GetChange", Value::Struct({{"Id", "/change/C1"}}), {}).ok());
  EXPECT_EQ(world.transport.seen[0].url, "https://route53.amazonaws.com/2013-04-01/change/C1");
}

TEST(ClientTest, PresignedUrlsCarryCallAndSignature) {
  FakeWorld world;
  const auto client = world.MakeClient();
  const Value input =
      Value::Struct({{"SourceRegion", "us-east-1"}, {"SourceSnapshotId", "snap-1"}});
  const auto url = client->Presign("ec2", "CopySnapshot", input, {.region = "us-east-1"}, 1h);
  ASSERT_TRUE(url.ok()) << url.error().message();
  EXPECT_THAT(*url, HasSubstr("https://ec2.us-east-1.amazonaws.com/?Action=CopySnapshot"));
  EXPECT_THAT(*url, HasSubstr("X-Amz-Expires=3600"));
  EXPECT_THAT(*url, HasSubstr("&X-Amz-Signature="));
}

}  // namespace
}  // namespace leeward::aws
