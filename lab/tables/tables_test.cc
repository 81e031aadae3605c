#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

using TablesTest = TablesWorld;

constexpr std::string_view kSimple =
    "{'TableName':'carts','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
    "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'BillingMode':'PAY_PER_REQUEST'}";

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(TablesTest, StatesTakeTheirTime) {
  EXPECT_TRUE(Has(Do("CreateTable", kSimple), "'TableStatus':'CREATING'"));
  EXPECT_EQ(Fail("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}"),
            "ResourceNotFoundException: Requested resource not found");
  EXPECT_EQ(Fail("CreateTable", kSimple), "ResourceInUseException: Table already exists: carts");
  EXPECT_EQ(Fail("DeleteTable", "{'TableName':'carts'}"),
            "ResourceInUseException: Attempt to change a resource which is still in use: Table is "
            "being created: carts");
  Turn(1s);
  EXPECT_TRUE(Has(Do("DescribeTable", "{'TableName':'carts'}"), "'TableStatus':'ACTIVE'"));
  EXPECT_TRUE(Has(Do("DeleteTable", "{'TableName':'carts'}"), "'TableStatus':'DELETING'"));
  EXPECT_TRUE(Has(Do("DescribeTable", "{'TableName':'carts'}"), "'TableStatus':'DELETING'"));
  Turn(1s);
  EXPECT_EQ(Fail("DescribeTable", "{'TableName':'carts'}"),
            "ResourceNotFoundException: Requested resource not found: Table: carts not found");
}

TEST_F(TablesTest, WhatWasUnderWayGoesOnAfterAKill) {
  Do("CreateTable", kSimple);
  Restart();
  EXPECT_TRUE(Has(Do("DescribeTable", "{'TableName':'carts'}"), "'TableStatus':'CREATING'"));
  Turn(1s);
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'}}}");
  Do("DeleteTable", "{'TableName':'carts'}");
  Restart();
  Turn(1s);
  EXPECT_EQ(Do("ListTables", "{}"), "{'TableNames':[]}");
  // A new table of that name is another table.
  Do("CreateTable", kSimple);
  Turn(1s);
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}"), "{}");
}

TEST_F(TablesTest, ListsInPages) {
  for (const std::string_view name : {"ccc", "aaa", "bbb"}) MakeTable(name);
  EXPECT_EQ(Do("ListTables", "{}"), "{'TableNames':['aaa','bbb','ccc']}");
  EXPECT_EQ(Do("ListTables", "{'Limit':2}"),
            "{'TableNames':['aaa','bbb'],'LastEvaluatedTableName':'bbb'}");
  EXPECT_EQ(Do("ListTables", "{'ExclusiveStartTableName':'bbb'}"), "{'TableNames':['ccc']}");
}

TEST_F(TablesTest, CreateTableIsRefusedForWhatDoesNotFit) {
  constexpr std::string_view kKey = "'KeySchema':[{'AttributeName':'a','KeyType':'HASH'}]";
  constexpr std::string_view kDefs =
      "'AttributeDefinitions':[{'AttributeName':'a','AttributeType':'S'}]";
  const std::string both = std::string(kKey) + "," + std::string(kDefs);
  const std::string demand = ",'BillingMode':'PAY_PER_REQUEST'";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {both,
       "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must "
       "both be specified when BillingMode is PROVISIONED"},
      {both + demand + ",'ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':1}",
       "One or more parameter values were invalid: Neither ReadCapacityUnits nor "
       "WriteCapacityUnits "
       "can be specified when BillingMode is PAY_PER_REQUEST"},
      {"'KeySchema':[{'AttributeName':'b','KeyType':'HASH'}]," + std::string(kDefs) + demand,
       "One or more parameter values were invalid: Some index key attributes are not defined in "
       "AttributeDefinitions. Keys: [b], AttributeDefinitions: [a]"},
      {"'KeySchema':[{'AttributeName':'a','KeyType':'RANGE'}]," + std::string(kDefs) + demand,
       "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
      {std::string(kKey) +
           ",'AttributeDefinitions':[{'AttributeName':'a','AttributeType':'S'},{'AttributeName':"
           "'b','AttributeType':'S'}]" +
           demand,
       "One or more parameter values were invalid: Number of attributes in KeySchema does not "
       "exactly match number of attributes defined in AttributeDefinitions"},
      {both + demand +
           ",'LocalSecondaryIndexes':[{'IndexName':'loc','KeySchema':[{'AttributeName':'a',"
           "'KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}]",
       "One or more parameter values were invalid: Table KeySchema does not have a range key, "
       "which "
       "is required when specifying a LocalSecondaryIndex"},
      {both + demand + ",'GlobalSecondaryIndexes':[]",
       "One or more parameter values were invalid: List of GlobalSecondaryIndexes is empty"},
      {both + demand +
           ",'GlobalSecondaryIndexes':[{'IndexName':'gsi','KeySchema':[{'AttributeName':'a',"
           "'KeyType':'HASH'}],'Projection':{}}]",
       "One or more parameter values were invalid: Unknown ProjectionType: null"},
  };
  for (const auto& [members, message] : cases) {
    EXPECT_EQ(Fail("CreateTable", "{'TableName':'carts'," + members + "}"),
              "ValidationException: " + message);
  }
  EXPECT_EQ(Do("ListTables", "{}"), "{'TableNames':[]}");
}

TEST_F(TablesTest, UpdateTableFillsANewIndex) {
  MakeTable("carts");
  for (int i = 0; i < 1200; ++i) {
    Do("PutItem",
       "{'TableName':'carts','Item':{'pk':{'S':'" + std::to_string(i) + "'},'g':{'S':'all'}}}");
  }
  const std::string updated =
      Do("UpdateTable",
         "{'TableName':'carts','AttributeDefinitions':[{'AttributeName':'g','AttributeType':'S'}],"
         "'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'byg','KeySchema':["
         "{'AttributeName':'g','KeyType':'HASH'}],'Projection':{'ProjectionType':'KEYS_ONLY'}}}]}");
  EXPECT_TRUE(Has(updated, "'TableStatus':'UPDATING'")) << updated;
  EXPECT_TRUE(Has(updated, "'IndexStatus':'CREATING'")) << updated;
  EXPECT_EQ(Fail("UpdateTable", "{'TableName':'carts','DeletionProtectionEnabled':true}"),
            "ResourceInUseException: Attempt to change a resource which is still in use: Table is "
            "being updated: carts");
  Turn(61ms);  // in the middle of it
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'late'},'g':{'S':'all'}}}");
  Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'7'}}}");
  Restart();
  Turn(1s);
  const std::string described = Do("DescribeTable", "{'TableName':'carts'}");
  EXPECT_TRUE(Has(described, "'IndexStatus':'ACTIVE'")) << described;
  EXPECT_EQ(Do("Query",
               "{'TableName':'carts','IndexName':'byg','Select':'COUNT',"
               "'KeyConditionExpression':'g = :g',"
               "'ExpressionAttributeValues':{':g':{'S':'all'}}}"),
            "{'Count':1200,'ScannedCount':1200}");
  EXPECT_TRUE(Has(described, "'ItemCount':1200,'IndexArn'")) << described;
  Do("UpdateTable",
     "{'TableName':'carts','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'byg'}}]}");
  Turn(1s);
  EXPECT_FALSE(Has(Do("DescribeTable", "{'TableName':'carts'}"), "byg"));
}

TEST_F(TablesTest, UpdateTableSaysWhatWouldNotChange) {
  Do("CreateTable",
     "{'TableName':'carts','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
     "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'ProvisionedThroughput':"
     "{'ReadCapacityUnits':5,'WriteCapacityUnits':5}}");
  Turn(1s);
  EXPECT_TRUE(Fail("UpdateTable",
                   "{'TableName':'carts','ProvisionedThroughput':{'ReadCapacityUnits':5,"
                   "'WriteCapacityUnits':5}}")
                  .starts_with("ValidationException: The provisioned throughput for the table will "
                               "not change."));
  EXPECT_TRUE(Fail("UpdateTable", "{'TableName':'carts'}")
                  .starts_with("ValidationException: At least one of ProvisionedThroughput"));
  Do("UpdateTable", "{'TableName':'carts','BillingMode':'PAY_PER_REQUEST'}");
  Turn(1s);
  EXPECT_TRUE(Has(Do("DescribeTable", "{'TableName':'carts'}"), "'BillingMode':'PAY_PER_REQUEST'"));
}

TEST_F(TablesTest, DeletionProtectionHolds) {
  MakeTable("carts", ",'DeletionProtectionEnabled':true");
  EXPECT_EQ(Fail("DeleteTable", "{'TableName':'carts'}"),
            "ValidationException: Resource cannot be deleted as it is currently protected against "
            "deletion. Disable deletion protection first.");
  Do("UpdateTable", "{'TableName':'carts','DeletionProtectionEnabled':false}");
  Do("DeleteTable", "{'TableName':'carts'}");
}

TEST_F(TablesTest, TagsAreKept) {
  MakeTable("carts", ",'Tags':[{'Key':'a','Value':'1'}]");
  const std::string arn = "{'ResourceArn':'arn:aws:dynamodb:us-east-1:123456789012:table/carts'";
  Do("TagResource", arn + ",'Tags':[{'Key':'b','Value':'2'}]}");
  Do("UntagResource", arn + ",'TagKeys':['a']}");
  Restart();
  EXPECT_EQ(Do("ListTagsOfResource", arn + "}"), "{'Tags':[{'Key':'b','Value':'2'}]}");
}

TEST_F(TablesTest, ADenyingPolicyFencesTheTable) {
  MakeTable("carts");
  const std::string arn = "arn:aws:dynamodb:us-east-1:123456789012:table/carts";
  const std::string policy =
      R"({\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",)"
      R"(\"Action\":[\"dynamodb:Put*\",\"dynamodb:UpdateItem\",\"dynamodb:BatchWriteItem\"],)"
      R"(\"Resource\":\")" +
      arn +
      R"(\",\"Condition\":{\"ArnNotEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::1:user/op\"}}}]})";
  EXPECT_TRUE(Fail("PutResourcePolicy", "{'ResourceArn':'" + arn + "','Policy':'" + policy + "'}")
                  .starts_with("ValidationException"));
  Do("PutResourcePolicy", "{'ResourceArn':'" + arn + "','Policy':'" + policy +
                              "','ConfirmRemoveSelfResourceAccess':true}");
  Restart();
  EXPECT_EQ(Fail("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'}}}"),
            "AccessDeniedException: User: arn:aws:iam::123456789012:user/lab is not authorized to "
            "perform: dynamodb:PutItem on resource: " +
                arn + " with an explicit deny in a resource-based policy");
  EXPECT_TRUE(Fail("TransactWriteItems",
                   "{'TransactItems':[{'Put':{'TableName':'carts','Item':{'pk':{'S':'a'}}}}]}")
                  .starts_with("AccessDeniedException"));
  Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}");
  CallAs("arn:aws:iam::1:user/op", "PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'}}}");
  EXPECT_EQ(status_, 200);
  EXPECT_TRUE(Has(Do("GetResourcePolicy", "{'ResourceArn':'" + arn + "'}"), "RevisionId"));
  Do("DeleteResourcePolicy", "{'ResourceArn':'" + arn + "'}");
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'}}}");
  EXPECT_TRUE(Fail("GetResourcePolicy", "{'ResourceArn':'" + arn + "'}")
                  .starts_with("PolicyNotFoundException"));
}

TEST_F(TablesTest, ProvisionedUnitsRunOutAndComeBack) {
  Do("CreateTable",
     "{'TableName':'carts','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
     "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'ProvisionedThroughput':"
     "{'ReadCapacityUnits':1,'WriteCapacityUnits':1}}");
  Turn(1s);
  const std::string put = "{'TableName':'carts','Item':{'pk':{'S':'a'}}}";
  for (int i = 0; i < 300; ++i) Do("PutItem", put);
  EXPECT_EQ(Fail("PutItem", put),
            "ProvisionedThroughputExceededException: The level of configured provisioned "
            "throughput for the table was exceeded. Consider increasing your provisioning level "
            "with the UpdateTable API.");
  EXPECT_TRUE(Has(Call("PutItem", put), "TableWriteProvisionedThroughputExceeded"));
  Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}");
  Turn(1s);
  Do("PutItem", put);
}

}  // namespace
}  // namespace leeward::lab::tables
