#include "lab/services/ec2.h"

#include <gtest/gtest.h>

#include "lab/core/testing.h"
#include "lab/services/ec2_vpc.h"

namespace leeward::lab::ec2 {
namespace {

using shapes::Value;

// Stands where RDS stands.
class FakeRds : public Service, public GuardedByGroups {
 public:
  std::string_view name() const override { return "rds"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call&, Reply) override {}
  base::Status Start() override { return base::Ok(); }
  void SecurityGroupsChanged() override { ++told; }
  bool UsesGroup(std::string_view id) const override { return id == used; }
  int told = 0;
  std::string used;
};

class FakeElastiCache : public FakeRds {
 public:
  std::string_view name() const override { return "elasticache"; }
};

class Ec2Test : public testing::Test {
 protected:
  Ec2Test() {
    host.Add(ec2);
    host.Add(rds);
    host.Add(elasticache);
    EXPECT_TRUE(ec2.Start().ok());
  }
  std::string Code(std::string_view operation, Value input) {
    const Answer answer = host.CallOperation(ec2, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code;
  }
  Value Done(std::string_view operation, Value input) {
    const Answer answer = host.CallOperation(ec2, operation, std::move(input));
    EXPECT_FALSE(IsError(answer)) << operation;
    return IsError(answer) ? Value() : std::get<Value>(answer);
  }
  std::string MakeGroup(const std::string& name) {
    return std::string(
        Done("CreateSecurityGroup", Value::Struct({{"GroupName", name}, {"Description", "d"}}))
            .String("GroupId"));
  }
  static Value Postgres(const std::string& group, const std::string& cidr) {
    return Value::Struct({{"GroupId", group},
                          {"IpProtocol", "tcp"},
                          {"FromPort", 5432},
                          {"ToPort", 5432},
                          {"CidrIp", cidr}});
  }

  FakeHost host;
  FakeRds rds;
  FakeElastiCache elasticache;
  Ec2 ec2{host};
};

TEST_F(Ec2Test, CachesHearOfTheirGroupsAndKeepThem) {
  const std::string group = MakeGroup("cache");
  EXPECT_EQ(Code("AuthorizeSecurityGroupIngress", Postgres(group, "127.1.0.0/16")), "done");
  EXPECT_EQ(elasticache.told, 1);
  elasticache.used = group;
  EXPECT_EQ(Code("DeleteSecurityGroup", Value::Struct({{"GroupId", group}})),
            "DependencyViolation");
}

TEST_F(Ec2Test, RulesLetInAndAreRevoked) {
  const std::string group = MakeGroup("db");
  EXPECT_TRUE(ec2.Ingress({group}, 5432).empty());
  EXPECT_EQ(Code("AuthorizeSecurityGroupIngress", Postgres(group, "127.1.0.0/16")), "done");
  EXPECT_EQ(rds.told, 1);
  EXPECT_EQ(ec2.Ingress({group}, 5432), std::vector<std::string>{"127.1.0.0/16"});
  EXPECT_TRUE(ec2.Ingress({group}, 5433).empty());
  EXPECT_EQ(Code("AuthorizeSecurityGroupIngress", Postgres(group, "127.1.0.0/16")),
            "InvalidPermission.Duplicate");
  EXPECT_EQ(Code("RevokeSecurityGroupIngress", Postgres(group, "127.9.0.0/16")),
            "InvalidPermission.NotFound");
  EXPECT_EQ(Code("RevokeSecurityGroupIngress", Postgres(group, "127.1.0.0/16")), "done");
  EXPECT_TRUE(ec2.Ingress({group}, 5432).empty());
}

TEST_F(Ec2Test, WhatNamesNoRuleOrNoSourceChangesNothing) {
  const std::string group = MakeGroup("db");
  const Value nothing = Value::Struct({{"GroupId", group}});
  EXPECT_EQ(Code("AuthorizeSecurityGroupIngress", nothing), "MissingParameter");
  EXPECT_EQ(Code("RevokeSecurityGroupIngress", nothing), "MissingParameter");
  const Value by_name = Value::Struct({{"GroupName", "db"}});
  const Value permission = Value::Struct({{"IpProtocol", "tcp"},
                                          {"FromPort", 5432},
                                          {"ToPort", 5432},
                                          {"UserIdGroupPairs", Value(Value::List{by_name})}});
  EXPECT_EQ(
      Code("AuthorizeSecurityGroupIngress",
           Value::Struct({{"GroupId", group}, {"IpPermissions", Value(Value::List{permission})}})),
      "InvalidParameterValue");
  EXPECT_EQ(rds.told, 0);
}

TEST_F(Ec2Test, DefaultGroupShowsTheRuleThatLetsTheLabsClientsIn) {
  const Value groups = Done("DescribeSecurityGroups", Value::Struct());
  ASSERT_EQ(groups.Items("SecurityGroups").size(), 1u);
  const Value& group = groups.Items("SecurityGroups").front();
  EXPECT_EQ(group.String("GroupName"), "default");
  const Value& permission = group.Items("IpPermissions").front();
  EXPECT_EQ(permission.Items("IpRanges").front().String("CidrIp"), "0.0.0.0/0");
  EXPECT_EQ(permission.Items("UserIdGroupPairs").front().String("GroupId"), ec2.DefaultGroup());
  EXPECT_EQ(ec2.Ingress({ec2.DefaultGroup()}, 5432), std::vector<std::string>{"0.0.0.0/0"});
}

TEST_F(Ec2Test, GroupsInUseAndTheDefaultOneStay) {
  const std::string group = MakeGroup("db");
  rds.used = group;
  EXPECT_EQ(Code("DeleteSecurityGroup", Value::Struct({{"GroupId", group}})),
            "DependencyViolation");
  rds.used.clear();
  EXPECT_EQ(Code("DeleteSecurityGroup", Value::Struct({{"GroupId", group}})), "done");
  EXPECT_EQ(Code("DeleteSecurityGroup", Value::Struct({{"GroupId", group}})),
            "InvalidGroup.NotFound");
  EXPECT_EQ(Code("DeleteSecurityGroup", Value::Struct({{"GroupId", ec2.DefaultGroup()}})),
            "CannotDelete");
}

TEST_F(Ec2Test, RulesOutliveTheProcess) {
  const std::string group = MakeGroup("db");
  Done("AuthorizeSecurityGroupIngress", Postgres(group, "10.0.0.0/8"));
  Ec2 again(host);
  ASSERT_TRUE(again.Start().ok());
  EXPECT_EQ(again.Ingress({group}, 5432), std::vector<std::string>{"10.0.0.0/8"});
}

TEST_F(Ec2Test, FiltersSelectAndUnknownOnesAreRefused) {
  MakeGroup("db-a");
  MakeGroup("web");
  const auto filter = [](const std::string& name, const std::string& value) {
    return Value::Struct(
        {{"Filters", Value(Value::List{Value::Struct(
                         {{"Name", name}, {"Values", Value(Value::List{Value(value)})}})})}});
  };
  EXPECT_EQ(
      Done("DescribeSecurityGroups", filter("group-name", "db-*")).Items("SecurityGroups").size(),
      1u);
  EXPECT_EQ(Code("DescribeSecurityGroups", filter("colour", "red")), "InvalidParameterValue");
  EXPECT_EQ(Done("DescribeSubnets", filter("vpc-id", DefaultVpcId(host))).Items("Subnets").size(),
            3u);
}

TEST(Cidr, HostBitsAndNonsenseAreRefused) {
  EXPECT_TRUE(ValidCidr("0.0.0.0/0"));
  EXPECT_TRUE(ValidCidr("127.1.0.7/32"));
  EXPECT_FALSE(ValidCidr("127.1.0.7/16"));
  EXPECT_FALSE(ValidCidr("300.0.0.0/8"));
  EXPECT_FALSE(ValidCidr("10.0.0.0/33"));
  EXPECT_FALSE(ValidCidr("10.0.0.0"));
  EXPECT_FALSE(ValidCidr(""));
}

}  // namespace
}  // namespace leeward::lab::ec2
