#include "shapes/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace leeward::shapes {
namespace {

TEST(ModelTest, AllServicesAreSortedAndFindable) {
  ASSERT_GE(AllModels().size(), 24u);
  EXPECT_TRUE(
      std::is_sorted(AllModels().begin(), AllModels().end(),
                     [](const Model* a, const Model* b) { return a->service < b->service; }));
  for (const Model* model : AllModels()) EXPECT_EQ(FindModel(model->service), model);
  EXPECT_EQ(FindModel("nonesuch"), nullptr);
}

TEST(ModelTest, RdsCarriesWireNamesOfErrors) {
  const Model* rds = FindModel("rds");
  ASSERT_NE(rds, nullptr);
  EXPECT_EQ(rds->protocols.front(), Protocol::kQuery);
  EXPECT_EQ(rds->api_version, "2014-10-31");
  const Operation* promote = rds->FindOperation("PromoteReadReplica");
  ASSERT_NE(promote, nullptr);
  EXPECT_EQ(promote->result_wrapper, "PromoteReadReplicaResult");
  std::set<std::string_view> codes;
  for (const Shape* error : promote->errors) codes.insert(error->error->code);
  EXPECT_EQ(codes, (std::set<std::string_view>{"InvalidDBInstanceState", "DBInstanceNotFound"}));
  EXPECT_TRUE(promote->input->FindMember("DBInstanceIdentifier")->required);
}

TEST(ModelTest, Route53IsOneGlobalHostSignedForUsEast1) {
  const Model* route53 = FindModel("route53");
  ASSERT_NE(route53, nullptr);
  ASSERT_EQ(route53->partition_endpoints.size(), 3u);
  EXPECT_EQ(route53->partition_endpoints[0].host, "route53.amazonaws.com");
  EXPECT_EQ(route53->partition_endpoints[0].signing_region, "us-east-1");
  const Operation* change = route53->FindOperation("ChangeResourceRecordSets");
  EXPECT_EQ(change->input_location_name, "ChangeResourceRecordSetsRequest");
  EXPECT_EQ(change->input->FindMember("HostedZoneId")->location, Location::kUri);
}

TEST(ModelTest, CloudWatchSpeaksThreeProtocols) {
  const Model* cloudwatch = FindModel("cloudwatch");
  ASSERT_EQ(cloudwatch->protocols.size(), 3u);
  EXPECT_EQ(cloudwatch->protocols[0], Protocol::kJson10);
  EXPECT_TRUE(cloudwatch->query_compatible);
}

TEST(ModelTest, OperationsWithoutShapesAreStillKnownByName) {
  const Model* rds = FindModel("rds");
  EXPECT_EQ(rds->FindOperation("CreateBlueGreenDeployment"), nullptr);
  EXPECT_TRUE(
      std::any_of(rds->other_operations.begin(), rds->other_operations.end(),
                  [](const OtherOperation& o) { return o.name == "CreateBlueGreenDeployment"; }));
}

void CheckShape(const Shape& shape) {
  const bool has_item = shape.item != nullptr;
  const bool has_pair = shape.key != nullptr && shape.value != nullptr;
  EXPECT_EQ(has_item, shape.type == Type::kList) << shape.name;
  EXPECT_EQ(has_pair, shape.type == Type::kMap) << shape.name;
  if (!shape.payload_member.empty()) {
    EXPECT_NE(shape.FindMember(shape.payload_member), nullptr) << shape.name;
  }
}

TEST(ModelTest, EveryReachableShapeIsWhole) {
  std::set<const Shape*> seen;
  std::vector<const Shape*> queue;
  for (const Model* model : AllModels()) {
    for (const Operation& operation : model->operations) {
      queue.insert(queue.end(), {operation.input, operation.output});
      queue.insert(queue.end(), operation.errors.begin(), operation.errors.end());
    }
  }
  while (!queue.empty()) {
    const Shape* shape = queue.back();
    queue.pop_back();
    if (shape == nullptr || !seen.insert(shape).second) continue;
    CheckShape(*shape);
    for (const Member& member : shape->members) queue.push_back(member.shape);
    for (const Member* part : {shape->item, shape->key, shape->value}) {
      if (part != nullptr) queue.push_back(part->shape);
    }
  }
  EXPECT_GT(seen.size(), 2000u);
}

}  // namespace
}  // namespace leeward::shapes
