// The client's whole way over real HTTP, against a server of somebody else's making.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "aws/client.h"
#include "os/clock.h"
#include "os/curl_transport.h"
#include "os/environment.h"
#include "os/files.h"
#include "os/random.h"

namespace leeward {
namespace {

using aws::CallOptions;
using base::ErrorCode;
using shapes::Value;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

// Answers the next `failures` requests with `status` and `body` by itself.
class FlakyTransport : public ports::HttpTransport {
 public:
  int failures = 0;
  int status = 400;
  std::string body;
  int requests = 0;

  base::Result<ports::HttpResponse> Send(const ports::HttpRequest& request,
                                         const ports::HttpLimits& limits) override {
    ++requests;
    if (failures > 0) {
      --failures;
      return ports::HttpResponse{.status = status, .headers = {}, .body = body};
    }
    return real_->Send(request, limits);
  }

 private:
  std::unique_ptr<ports::HttpTransport> real_ = os::MakeCurlTransport({});
};

// moto loads a service at its first call, which takes seconds on a busy machine.
CallOptions Patient(const std::string& region) {
  return {.region = region, .deadline = 90s, .attempt_timeout = 30s};
}

class Moto : public testing::Test {
 protected:
  void SetUp() override {
    const std::optional<std::string> endpoint = os::Environment("LEEWARD_MOTO");
    ASSERT_TRUE(endpoint.has_value()) << "run this by tests/moto/run.py";
    const aws::Ports ports{.transport = &transport_,
                           .clock = &clock_,
                           .random = &random_,
                           .files = &files_,
                           .pause = [](base::Duration d) {
                             std::this_thread::sleep_for(d);
                             return true;
                           }};
    aws::Settings settings{.environment = {{"AWS_ACCESS_KEY_ID", "testing"},
                                           {"AWS_SECRET_ACCESS_KEY", "testing"},
                                           {"AWS_ENDPOINT_URL", *endpoint}},
                           .profile = "",
                           .region = "us-east-1",
                           .endpoint_url = {}};
    client_ = std::move(aws::Client::Create(ports, settings)).value();
  }

  Value Must(std::string_view service, std::string_view operation, const Value& input = {},
             const std::string& region = "us-east-1") {
    base::Result<Value> answer = client_->Call(service, operation, input, Patient(region));
    EXPECT_TRUE(answer.ok()) << answer.error().message();
    return answer.ok() ? std::move(answer).value() : Value::Struct();
  }
  base::Error Refused(std::string_view service, std::string_view operation,
                      const Value& input = {}) {
    const base::Result<Value> answer =
        client_->Call(service, operation, input, Patient("us-east-1"));
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? base::Invalid("was not refused") : answer.error();
  }

  FlakyTransport transport_;
  os::SystemClock clock_;
  os::SystemRandom random_;
  os::SystemFiles files_;
  std::unique_ptr<aws::Client> client_;
};

Value Database(const std::string& name) {
  return Value::Struct({{"DBInstanceIdentifier", name},
                        {"DBInstanceClass", "db.t3.micro"},
                        {"Engine", "postgres"},
                        {"AllocatedStorage", 20},
                        {"MasterUsername", "shop"},
                        {"MasterUserPassword", "a long enough one & more"},
                        {"BackupRetentionPeriod", 1}});
}
Value Id(const std::string& name) { return Value::Struct({{"DBInstanceIdentifier", name}}); }

TEST_F(Moto, StsSaysWhoAndLendsRoles) {
  EXPECT_EQ(Must("sts", "GetCallerIdentity").String("Account"), "123456789012");
  const Value role = Must("sts", "AssumeRole",
                          Value::Struct({{"RoleArn", "arn:aws:iam::123456789012:role/dr"},
                                         {"RoleSessionName", "drill"}}));
  EXPECT_NE(role.Sub("Credentials").String("SessionToken"), "");
  EXPECT_TRUE(role.Sub("Credentials").Find("Expiration")->is_time());
}

TEST_F(Moto, RdsCreatesReplicatesAndPromotes) {
  const Value made = Must("rds", "CreateDBInstance", Database("orders"));
  const std::string arn(made.Sub("DBInstance").String("DBInstanceArn"));
  EXPECT_THAT(arn, StartsWith("arn:aws:rds:us-east-1:"));
  const Value replica =
      Value::Struct({{"DBInstanceIdentifier", "orders-b"}, {"SourceDBInstanceIdentifier", arn}});
  Must("rds", "CreateDBInstanceReadReplica", replica, "us-west-2");
  const base::Result<Value> waited =
      client_->WaitUntil("rds", "DBInstanceAvailable", Id("orders-b"), Patient("us-west-2"),
                         {.deadline = 20s, .delay = 200ms});
  ASSERT_TRUE(waited.ok()) << waited.error().message();
  EXPECT_EQ(waited->Items("DBInstances")[0].String("ReadReplicaSourceDBInstanceIdentifier"), arn);
  const Value promoted = Must("rds", "PromoteReadReplica", Id("orders-b"), "us-west-2");
  EXPECT_EQ(promoted.Sub("DBInstance").String("DBInstanceIdentifier"), "orders-b");
}

TEST_F(Moto, RdsErrorsHaveTheirClass) {
  Must("rds", "CreateDBInstance", Database("twice"));
  const base::Error again = Refused("rds", "CreateDBInstance", Database("twice"));
  EXPECT_EQ(again.code(), ErrorCode::kAlready) << again.message();
  EXPECT_EQ(again.service_code(), "DBInstanceAlreadyExists");
  const base::Error missing = Refused("rds", "DescribeDBInstances", Id("nobody"));
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound) << missing.message();
  EXPECT_THAT(missing.message(), HasSubstr("rds DescribeDBInstances in us-east-1"));
}

TEST_F(Moto, RdsPagesAreMerged) {
  constexpr int kCount = 23;
  for (int i = 0; i < kCount; ++i)
    Must("rds", "CreateDBInstance", Database(fmt::format("many-{}", i)), "eu-west-1");
  const int before = transport_.requests;
  const base::Result<Value> all = client_->Paginate(
      "rds", "DescribeDBInstances", Value::Struct({{"MaxRecords", 20}}), Patient("eu-west-1"));
  ASSERT_TRUE(all.ok()) << all.error().message();
  std::set<std::string> names;
  for (const Value& one : all->Items("DBInstances"))
    names.emplace(one.String("DBInstanceIdentifier"));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kCount));
  EXPECT_EQ(transport_.requests - before, 2);
}

TEST_F(Moto, ThrottlesAreWaitedOut) {
  transport_.failures = 2;
  transport_.body =
      "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
      "</ErrorResponse>";
  EXPECT_EQ(Must("sts", "GetCallerIdentity").String("Account"), "123456789012");
  EXPECT_EQ(transport_.requests, 3);
  transport_.failures = 3;
  const base::Error error = Refused("sts", "GetCallerIdentity");
  EXPECT_EQ(error.code(), ErrorCode::kThrottled);
  EXPECT_THAT(error.message(), HasSubstr("3 attempts"));
}

Value Record(const std::string& name, const std::string& address) {
  Value::List values{Value::Struct({{"Value", address}})};
  return Value::Struct(
      {{"Action", "UPSERT"},
       {"ResourceRecordSet", Value::Struct({{"Name", name},
                                            {"Type", "A"},
                                            {"TTL", 60},
                                            {"ResourceRecords", std::move(values)}})}});
}

TEST_F(Moto, Route53KeepsZonesRecordsAndChecks) {
  const Value zone =
      Must("route53", "CreateHostedZone",
           Value::Struct({{"Name", "shop.example."}, {"CallerReference", "one"}}), "eu-west-1");
  const std::string id(zone.Sub("HostedZone").String("Id"));
  EXPECT_THAT(id, StartsWith("/hostedzone/"));
  Value::List changes;
  for (int i = 0; i < 5; ++i)
    changes.push_back(Record(fmt::format("r{}.shop.example.", i), "192.0.2.1"));
  const Value changed =
      Must("route53", "ChangeResourceRecordSets",
           Value::Struct({{"HostedZoneId", id},
                          {"ChangeBatch", Value::Struct({{"Changes", std::move(changes)}})}}));
  const Value change = Value::Struct({{"Id", changed.Sub("ChangeInfo").String("Id")}});
  EXPECT_TRUE(client_
                  ->WaitUntil("route53", "ResourceRecordSetsChanged", change, {},
                              {.deadline = 5s, .delay = 100ms})
                  .ok());
  const base::Result<Value> records =
      client_->Paginate("route53", "ListResourceRecordSets",
                        Value::Struct({{"HostedZoneId", id}, {"MaxItems", "2"}}), Patient(""));
  ASSERT_TRUE(records.ok()) << records.error().message();
  EXPECT_EQ(records->Items("ResourceRecordSets").size(), 7u);  // five, and the zone's NS and SOA
  const Value check =
      Must("route53", "CreateHealthCheck",
           Value::Struct({{"CallerReference", "hc-1"},
                          {"HealthCheckConfig", Value::Struct({{"Type", "TCP"},
                                                               {"IPAddress", "192.0.2.1"},
                                                               {"Port", 80},
                                                               {"RequestInterval", 10}})}}));
  EXPECT_EQ(check.Sub("HealthCheck").Sub("HealthCheckConfig").Int("RequestInterval"), 10);
  const base::Error missing =
      Refused("route53", "GetHostedZone", Value::Struct({{"Id", "ZNOBODY"}}));
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound) << missing.message();
  EXPECT_EQ(missing.service_code(), "NoSuchHostedZone");
}

TEST_F(Moto, EcsRunsAServiceOnPaper) {
  Must("ecs", "CreateCluster", Value::Struct({{"clusterName", "shop"}}));
  Value::List containers{Value::Struct({{"name", "web"}, {"image", "shop:1"}, {"memory", 128}})};
  Must("ecs", "RegisterTaskDefinition",
       Value::Struct({{"family", "web"}, {"containerDefinitions", std::move(containers)}}));
  const Value made = Must("ecs", "CreateService",
                          Value::Struct({{"cluster", "shop"},
                                         {"serviceName", "web"},
                                         {"taskDefinition", "web"},
                                         {"desiredCount", 1}}));
  ASSERT_EQ(made.Sub("service").Items("deployments").size(), 1u);
  const Value* started = made.Sub("service").Items("deployments")[0].Find("createdAt");
  ASSERT_NE(started, nullptr);
  EXPECT_TRUE(started->is_time());
  Must("ecs", "UpdateService",
       Value::Struct({{"cluster", "shop"}, {"service", "web"}, {"desiredCount", 3}}));
  const Value seen = Must("ecs", "DescribeServices",
                          Value::Struct({{"cluster", "shop"}, {"services", Value::List{"web"}}}));
  ASSERT_EQ(seen.Items("services").size(), 1u);
  EXPECT_EQ(seen.Items("services")[0].Int("desiredCount"), 3);
  const base::Result<Value> clusters = client_->Paginate("ecs", "ListClusters", {}, Patient(""));
  ASSERT_TRUE(clusters.ok());
  EXPECT_EQ(clusters->Items("clusterArns").size(), 1u);
  const base::Error missing =
      Refused("ecs", "DescribeServices",
              Value::Struct({{"cluster", "nowhere"}, {"services", Value::List{"web"}}}));
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound) << missing.message();
  EXPECT_EQ(missing.service_code(), "ClusterNotFoundException");
}

TEST_F(Moto, ElbV2BalancesOnPaper) {
  Value::List subnets;
  const Value found = Must("ec2", "DescribeSubnets");
  for (const Value& subnet : found.Items("Subnets")) {
    if (subnets.size() < 2) subnets.push_back(subnet.String("SubnetId"));
  }
  const std::string vpc(found.Items("Subnets")[0].String("VpcId"));
  const Value made = Must("elbv2", "CreateLoadBalancer",
                          Value::Struct({{"Name", "front"}, {"Subnets", std::move(subnets)}}));
  const std::string arn(made.Items("LoadBalancers")[0].String("LoadBalancerArn"));
  const Value group =
      Must("elbv2", "CreateTargetGroup",
           Value::Struct({{"Name", "web"}, {"Protocol", "HTTP"}, {"Port", 80}, {"VpcId", vpc}}));
  EXPECT_EQ(group.Items("TargetGroups")[0].Int("Port"), 80);
  const Value seen = Must("elbv2", "DescribeLoadBalancers",
                          Value::Struct({{"LoadBalancerArns", Value::List{arn}}}));
  EXPECT_EQ(seen.Items("LoadBalancers")[0].String("LoadBalancerName"), "front");
  const base::Error missing =
      Refused("elbv2", "DescribeLoadBalancers", Value::Struct({{"Names", Value::List{"nobody"}}}));
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound) << missing.message();
}

TEST_F(Moto, CloudWatchKeepsMetricsAndAlarms) {
  Value::List dimensions{Value::Struct({{"Name", "DBInstanceIdentifier"}, {"Value", "orders-b"}})};
  Value::List data{Value::Struct({{"MetricName", "ReplicaLag"},
                                  {"Dimensions", std::move(dimensions)},
                                  {"Timestamp", clock_.Now()},
                                  {"Value", 1.5}})};
  Must("cloudwatch", "PutMetricData",
       Value::Struct({{"Namespace", "Shop"}, {"MetricData", std::move(data)}}));
  EXPECT_EQ(Must("cloudwatch", "ListMetrics", Value::Struct({{"Namespace", "Shop"}}))
                .Items("Metrics")
                .size(),
            1u);
  Must("cloudwatch", "PutMetricAlarm",
       Value::Struct({{"AlarmName", "lag"},
                      {"Namespace", "Shop"},
                      {"MetricName", "ReplicaLag"},
                      {"Statistic", "Maximum"},
                      {"Period", 60},
                      {"EvaluationPeriods", 1},
                      {"Threshold", 5.0},
                      {"ComparisonOperator", "GreaterThanThreshold"}}));
  const base::Result<Value> alarms =
      client_->Paginate("cloudwatch", "DescribeAlarms", {}, Patient(""));
  ASSERT_TRUE(alarms.ok()) << alarms.error().message();
  ASSERT_EQ(alarms->Items("MetricAlarms").size(), 1u);
  EXPECT_DOUBLE_EQ(alarms->Items("MetricAlarms")[0].Number("Threshold"), 5.0);
  const base::Error missing =
      Refused("cloudwatch", "SetAlarmState",
              Value::Struct({{"AlarmName", "nobody"}, {"StateValue", "OK"}, {"StateReason", "x"}}));
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound) << missing.message();
}

Value Ingress(const std::string& group, int port) {
  Value::List ranges{Value::Struct({{"CidrIp", "10.0.0.0/8"}})};
  Value::List permissions{Value::Struct({{"IpProtocol", "tcp"},
                                         {"FromPort", port},
                                         {"ToPort", port},
                                         {"IpRanges", std::move(ranges)}})};
  return Value::Struct({{"GroupId", group}, {"IpPermissions", std::move(permissions)}});
}

TEST_F(Moto, Ec2OpensAndClosesSecurityGroups) {
  const Value vpcs = Must("ec2", "DescribeVpcs");
  ASSERT_FALSE(vpcs.Items("Vpcs").empty());
  const Value made = Must("ec2", "CreateSecurityGroup",
                          Value::Struct({{"GroupName", "db"},
                                         {"Description", "database"},
                                         {"VpcId", vpcs.Items("Vpcs")[0].String("VpcId")}}));
  const std::string group(made.String("GroupId"));
  Must("ec2", "AuthorizeSecurityGroupIngress", Ingress(group, 5432));
  const base::Error twice = Refused("ec2", "AuthorizeSecurityGroupIngress", Ingress(group, 5432));
  EXPECT_EQ(twice.code(), ErrorCode::kAlready) << twice.message();
  const Value input = Value::Struct({{"GroupIds", Value::List{group}}});
  EXPECT_EQ(Must("ec2", "DescribeSecurityGroups", input)
                .Items("SecurityGroups")[0]
                .Items("IpPermissions")
                .size(),
            1u);
  Must("ec2", "RevokeSecurityGroupIngress", Ingress(group, 5432));
  EXPECT_TRUE(Must("ec2", "DescribeSecurityGroups", input)
                  .Items("SecurityGroups")[0]
                  .Items("IpPermissions")
                  .empty());
  const base::Error missing =
      Refused("ec2", "DescribeSecurityGroups",
              Value::Struct({{"GroupIds", Value::List{"sg-0123456789abcdef0"}}}));
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound) << missing.message();
  EXPECT_EQ(missing.service_code(), "InvalidGroup.NotFound");
  EXPECT_GT(Must("ec2", "DescribeRegions").Items("Regions").size(), 10u);
}

Value StatusOf(const char* status) { return Value::Struct({{"Status", status}}); }

TEST_F(Moto, S3KeepsBucketsTheirRulesAndObjects) {
  const Value east = Value::Struct({{"Bucket", "pictures-east"}});
  const Value west = Value::Struct({{"Bucket", "pictures-west"}});
  Must("s3", "CreateBucket", east);
  Value there = west;
  there.Set("CreateBucketConfiguration", Value::Struct({{"LocationConstraint", "us-west-2"}}));
  Must("s3", "CreateBucket", there, "us-west-2");
  EXPECT_EQ(Must("s3", "HeadBucket", west, "us-west-2").String("BucketRegion", "us-west-2"),
            "us-west-2");
  for (const auto& [bucket, region] :
       {std::pair(east, "us-east-1"), std::pair(west, "us-west-2")}) {
    Value versioned = bucket;
    versioned.Set("VersioningConfiguration", StatusOf("Enabled"));
    Must("s3", "PutBucketVersioning", versioned, region);
    EXPECT_EQ(Must("s3", "GetBucketVersioning", bucket, region).String("Status"), "Enabled");
  }

  EXPECT_EQ(Refused("s3", "GetBucketReplication", east).service_code(),
            "ReplicationConfigurationNotFoundError");
  const Value rule =
      Value::Struct({{"ID", "leeward-shop-pictures"},
                     {"Priority", 1},
                     {"Filter", Value::Struct({{"Prefix", ""}})},  // moto keeps no other
                     {"Status", "Enabled"},
                     {"Destination", Value::Struct({{"Bucket", "arn:aws:s3:::pictures-west"}})},
                     {"DeleteMarkerReplication", StatusOf("Enabled")}});
  Value put = east;
  put.Set("ReplicationConfiguration",
          Value::Struct(
              {{"Role", "arn:aws:iam::123456789012:role/copier"}, {"Rules", Value::List{rule}}}));
  Must("s3", "PutBucketReplication", put);
  const Value kept = Must("s3", "GetBucketReplication", east).Sub("ReplicationConfiguration");
  EXPECT_EQ(kept.String("Role"), "arn:aws:iam::123456789012:role/copier");
  ASSERT_EQ(kept.Items("Rules").size(), 1u);
  EXPECT_EQ(kept.Items("Rules")[0].String("ID"), "leeward-shop-pictures");
  EXPECT_TRUE(kept.Items("Rules")[0].Sub("Filter").Has("Prefix"));

  Value object = east;
  object.Set("Key", "a&b/.leeward/canary/us east 1+é");
  EXPECT_EQ(Refused("s3", "HeadObject", object).code(), ErrorCode::kNotFound);
  Value stamped = object;
  stamped.Set("Metadata", Value::Struct({{"leeward-stamp", "1763887253000000000"}}));
  Must("s3", "PutObject", stamped);
  Must("s3", "PutObject", stamped);
  const Value seen = Must("s3", "HeadObject", object);
  EXPECT_EQ(seen.Sub("Metadata").String("leeward-stamp"), "1763887253000000000");
  EXPECT_EQ(seen.Int("ContentLength", -1), 0);
  const Value listed = Must("s3", "ListObjectVersions", east);
  ASSERT_EQ(listed.Items("Versions").size(), 2u);
  EXPECT_EQ(listed.Items("Versions")[0].String("Key"), object.String("Key"));
  EXPECT_NE(listed.Items("Versions")[0].String("VersionId"), "");
  EXPECT_EQ(Refused("s3", "ListObjectVersions", Value::Struct({{"Bucket", "no-such"}})).code(),
            ErrorCode::kNotFound);
}

TEST_F(Moto, ADeadEndpointIsUnreachable) {
  const base::Result<Value> answer =
      client_->Call("sts", "GetCallerIdentity", {},
                    {.endpoint_url = "http://127.0.0.1:1", .deadline = 2s, .max_attempts = 2});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace leeward
