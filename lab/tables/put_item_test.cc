#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

using PutItemTest = TablesWorld;

TEST_F(PutItemTest, WhatWasPutIsGot) {
  MakeTable("carts");
  EXPECT_EQ(Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'},'n':{'N':'01.50'}}}"), "{}");
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}"),
            "{'Item':{'n':{'N':'1.5'},'pk':{'S':'a'}}}");
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'b'}}}"), "{}");
}

TEST_F(PutItemTest, SurvivesTheProcess) {
  MakeTable("carts");
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'},'v':{'S':'kept'}}}");
  Restart();
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}},'ConsistentRead':true}"),
            "{'Item':{'pk':{'S':'a'},'v':{'S':'kept'}}}");
}

TEST_F(PutItemTest, GivesBackWhatItReplaced) {
  MakeTable("carts");
  const std::string put = "{'TableName':'carts','ReturnValues':'ALL_OLD','Item':{'pk':{'S':'a'}}}";
  EXPECT_EQ(Do("PutItem", put), "{}");
  EXPECT_EQ(Do("PutItem", put), "{'Attributes':{'pk':{'S':'a'}}}");
}

TEST_F(PutItemTest, AConditionThatDoesNotHoldChangesNothing) {
  MakeTable("carts");
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'},'v':{'N':'1'}}}");
  const std::string put =
      "{'TableName':'carts','Item':{'pk':{'S':'a'},'v':{'N':'2'}},"
      "'ConditionExpression':'attribute_not_exists(pk)'";
  EXPECT_EQ(Fail("PutItem", put + "}"),
            "ConditionalCheckFailedException: The conditional request failed");
  EXPECT_EQ(Call("PutItem", put + ",'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}"),
            "{'__type':'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException',"
            "'message':'The conditional request failed',"
            "'Item':{'pk':{'S':'a'},'v':{'N':'1'}}}");
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}"),
            "{'Item':{'pk':{'S':'a'},'v':{'N':'1'}}}");
}

TEST_F(PutItemTest, CountsCapacityByTheLargerOfOldAndNew) {
  MakeTable("carts");
  const std::string large(2500, 'x');
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'},'v':{'S':'" + large + "'}}}");
  EXPECT_EQ(Do("PutItem",
               "{'TableName':'carts','Item':{'pk':{'S':'a'}},'ReturnConsumedCapacity':'TOTAL'}"),
            "{'ConsumedCapacity':{'TableName':'carts','CapacityUnits':3.0}}");
}

TEST_F(PutItemTest, ItemsAreCountedWhateverIsWrittenOverThem) {
  MakeTable("carts");
  for (const std::string_view key : {"a", "b", "a"}) {
    Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'" + std::string(key) + "'}}}");
  }
  Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'b'}}}");
  Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'c'}}}");
  Restart();
  const std::string described = Do("DescribeTable", "{'TableName':'carts'}");
  EXPECT_NE(described.find("'ItemCount':1,"), std::string::npos) << described;
  EXPECT_NE(described.find("'TableSizeBytes':3,"), std::string::npos) << described;
}

TEST_F(PutItemTest, IsRefusedInTheOrderOfTheService) {
  MakeTable("carts");
  EXPECT_EQ(Fail("PutItem", "{'TableName':5,'Item':{}}"),
            "SerializationException: NUMBER_VALUE cannot be converted to String");
  EXPECT_EQ(Fail("PutItem", "{}"),
            "ValidationException: 2 validation errors detected: Value null at 'tableName' failed "
            "to satisfy constraint: Member must not be null; Value null at 'item' failed to "
            "satisfy constraint: Member must not be null");
  EXPECT_EQ(Fail("PutItem", "{'TableName':'carts','Item':{'a':{}},'ReturnValues':'HI'}"),
            "ValidationException: 1 validation error detected: Value 'HI' at 'returnValues' failed "
            "to satisfy constraint: Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, "
            "ALL_OLD, NONE, UPDATED_NEW]");
  EXPECT_EQ(Fail("PutItem",
                 "{'TableName':'carts','Item':{'a':{'S':'x'}},'Expected':{},"
                 "'ConditionExpression':'a = :a'}"),
            "ValidationException: Can not use both expression and non-expression parameters in the "
            "same request: Non-expression parameters: {Expected} Expression parameters: "
            "{ConditionExpression}");
  EXPECT_EQ(Fail("PutItem",
                 "{'TableName':'nope','Item':{'a':{'S':'x'}},"
                 "'ReturnValues':'ALL_NEW'}"),
            "ValidationException: ReturnValues can only be ALL_OLD or NONE");
  EXPECT_EQ(Fail("PutItem", "{'TableName':'nope','Item':{'a':{'S':'x'}}}"),
            "ResourceNotFoundException: Requested resource not found");
  EXPECT_EQ(Fail("PutItem", "{'TableName':'carts','Item':{'a':{'S':'x'}}}"),
            "ValidationException: One or more parameter values were invalid: Missing the key pk in "
            "the item");
  EXPECT_EQ(Fail("PutItem", "{'TableName':'carts','Item':{'pk':{'N':'1'}}}"),
            "ValidationException: One or more parameter values were invalid: Type mismatch for key "
            "pk expected: S actual: N");
}

TEST_F(PutItemTest, WhatIsNoJsonIsNoRequest) {
  EXPECT_EQ(Fail("PutItem", "{'TableName'"), "SerializationException");
  EXPECT_EQ(Fail("PutItem", "[]"), "SerializationException");
  EXPECT_EQ(Fail("ExecuteStatement", "{}"),
            "UnknownOperationException: ExecuteStatement is not served by this lab");
}

TEST_F(PutItemTest, ATableIsNamedByItsArnToo) {
  MakeTable("carts");
  Do("PutItem",
     "{'TableName':'arn:aws:dynamodb:us-east-1:123456789012:table/carts',"
     "'Item':{'pk':{'S':'a'}}}");
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}"),
            "{'Item':{'pk':{'S':'a'}}}");
}

TEST_F(PutItemTest, TheTextEndsWhereTheRequestDoes) {
  MakeTable("table");
  const std::string put = "{'TableName':'table','Item':{'pk':{'S':'a'}}}";
  EXPECT_EQ(Fail("PutItem", put + std::string(1, '\0')), "SerializationException");
  EXPECT_EQ(Fail("PutItem", put + std::string(1, '\0') + "x"), "SerializationException");
  EXPECT_EQ(Fail("PutItem", put + "}"), "SerializationException");
  EXPECT_EQ(Fail("PutItem", ""), "SerializationException");
  Do("PutItem", put + " \n");
  Do("PutItem", "\xEF\xBB\xBF" + put);
  for (const std::size_t size : {8'000, 8'191, 8'192, 8'193, 300'000}) {
    const std::string value = std::string(size, 'v') + "\\u00e9\\n";
    Do("PutItem", "{'TableName':'table','Item':{'pk':{'S':'b'},'v':{'S':'" + value + "'}}}");
    const std::string item = Do("GetItem", "{'TableName':'table','Key':{'pk':{'S':'b'}}}");
    EXPECT_NE(item.find(std::string(size, 'v') + "\xC3\xA9\\n'"), std::string::npos) << size;
  }
}

}  // namespace
}  // namespace leeward::lab::tables
