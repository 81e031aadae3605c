#include "lab/wire/validate.h"

#include <gtest/gtest.h>

namespace leeward::lab::wire {
namespace {

// The code and the message of the refusal, or "" where there is none.
std::string Refusal(std::string_view service, std::string_view action, std::string_view rest) {
  const shapes::Model* model = shapes::FindModel(service);
  Request request{"POST", "/", {{"Content-Type", "application/x-www-form-urlencoded"}}, ""};
  request.body = "Action=" + std::string(action) + "&Version=" + std::string(model->api_version) +
                 "&" + std::string(rest);
  const Route route = FindRoute(request, model->signing_name, shapes::AllModels());
  EXPECT_NE(route.operation, nullptr);
  const auto refusal = RefuseUnread(route);
  return refusal ? refusal->code + ": " + refusal->message : "";
}

TEST(ValidateTest, ParametersOfAnotherOperationAreRefused) {
  EXPECT_EQ(Refusal("rds", "ModifyDBInstance",
                    "DBInstanceIdentifier=db&EnableCloudwatchLogsExports.member.1=audit"),
            "InvalidQueryParameter: The parameter EnableCloudwatchLogsExports.member.1 is not "
            "recognized: ModifyDBInstance does not have it");
  EXPECT_EQ(Refusal("ec2", "DescribeVpcs", "Colour=green"),
            "UnknownParameter: The parameter Colour is not recognized: DescribeVpcs does not have "
            "it");
  EXPECT_NE(Refusal("sts", "GetCallerIdentity", "Colour=green"), "");
  EXPECT_NE(Refusal("rds", "DescribeDBInstances", "DBInstanceIdentifier.1=db"), "");
  EXPECT_NE(Refusal("rds", "DescribeDBInstances", "Filters.Filter.1.Colour=green"), "");
}

TEST(ValidateTest, TheOperationsOwnParametersAreNotRefused) {
  EXPECT_EQ(Refusal("rds", "ModifyDBInstance",
                    "DBInstanceIdentifier=db&CloudwatchLogsExportConfiguration.EnableLogTypes."
                    "member.1=upgrade&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1"),
            "");
  EXPECT_EQ(Refusal("rds", "DescribeDBInstances",
                    "Filters.Filter.1.Name=engine&Filters.Filter.1.Values.Value.1=postgres"),
            "");
  EXPECT_EQ(Refusal("rds", "DescribeDBInstances", "Filters="), "");
  EXPECT_EQ(Refusal("ec2", "DescribeVpcs", "Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1"), "");
  EXPECT_EQ(Refusal("sts", "GetCallerIdentity", "X-Amz-Algorithm=AWS4-HMAC-SHA256"), "");
}

// The message for an input that lacks what it must have.
std::string Missing(std::string_view service, std::string_view action, const shapes::Value& input) {
  const shapes::Model* model = shapes::FindModel(service);
  const shapes::Shape* shape = model->FindOperation(action)->input;
  const auto protocol = service == "ec2" ? shapes::Protocol::kEc2 : shapes::Protocol::kQuery;
  return ViolationError(*model, protocol, Validate(*shape, input)).message;
}

TEST(ValidateTest, AMissingParameterIsNamedAsItIsSent) {
  using shapes::Value;
  EXPECT_EQ(Missing("rds", "ModifyDBInstance", Value::Struct()),
            "The request must contain the parameter DBInstanceIdentifier");
  const Value filters =
      Value::Struct({{"Filters", Value::List{Value::Struct({{"Name", "engine"}})}}});
  EXPECT_EQ(Missing("rds", "DescribeDBInstances", filters),
            "The request must contain the parameter Filters.1.member.Values");
  EXPECT_EQ(Missing("sts", "AssumeRole", Value::Struct({{"RoleSessionName", "me"}})),
            "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: "
            "Member must not be null");
}

}  // namespace
}  // namespace leeward::lab::wire
