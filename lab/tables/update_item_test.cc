#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

using UpdateItemTest = TablesWorld;

TEST_F(UpdateItemTest, MakesAnItemThatIsNotThere) {
  MakeTable("carts");
  EXPECT_EQ(Do("UpdateItem",
               "{'TableName':'carts','Key':{'pk':{'S':'a'}},'UpdateExpression':"
               "'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}},"
               "'ReturnValues':'ALL_NEW'}"),
            "{'Attributes':{'n':{'N':'1'},'pk':{'S':'a'}}}");
  EXPECT_EQ(Do("UpdateItem", "{'TableName':'carts','Key':{'pk':{'S':'b'}}}"), "{}");
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'b'}}}"),
            "{'Item':{'pk':{'S':'b'}}}");
}

TEST_F(UpdateItemTest, ReturnsWhatIsAskedFor) {
  MakeTable("carts");
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'},'n':{'N':'1'},'x':{'S':'y'}}}");
  const auto add = [this](const std::string& returned) {
    return Do("UpdateItem",
              "{'TableName':'carts','Key':{'pk':{'S':'a'}},'UpdateExpression':'SET n = n + :one',"
              "'ExpressionAttributeValues':{':one':{'N':'1'}},'ReturnValues':'" +
                  returned + "'}");
  };
  EXPECT_EQ(add("NONE"), "{}");
  EXPECT_EQ(add("UPDATED_OLD"), "{'Attributes':{'n':{'N':'2'}}}");
  EXPECT_EQ(add("UPDATED_NEW"), "{'Attributes':{'n':{'N':'4'}}}");
  EXPECT_EQ(add("ALL_OLD"), "{'Attributes':{'n':{'N':'4'},'pk':{'S':'a'},'x':{'S':'y'}}}");
  EXPECT_EQ(add("ALL_NEW"), "{'Attributes':{'n':{'N':'6'},'pk':{'S':'a'},'x':{'S':'y'}}}");
}

TEST_F(UpdateItemTest, TakesTheParametersThatExpressionsReplaced) {
  MakeTable("carts");
  EXPECT_EQ(Do("UpdateItem",
               "{'TableName':'carts','Key':{'pk':{'S':'a'}},'AttributeUpdates':"
               "{'n':{'Action':'ADD','Value':{'N':'3'}}},'ReturnValues':'ALL_NEW'}"),
            "{'Attributes':{'n':{'N':'3'},'pk':{'S':'a'}}}");
}

TEST_F(UpdateItemTest, TheKeyIsNotUpdated) {
  MakeTable("carts");
  EXPECT_EQ(Fail("UpdateItem",
                 "{'TableName':'carts','Key':{'pk':{'S':'a'}},'UpdateExpression':"
                 "'SET pk = :v','ExpressionAttributeValues':{':v':{'S':'b'}}}"),
            "ValidationException: One or more parameter values were invalid: Cannot update "
            "attribute pk. This attribute is part of the key");
}

TEST_F(UpdateItemTest, AConditionIsAskedFirst) {
  MakeTable("carts");
  EXPECT_EQ(Fail("UpdateItem",
                 "{'TableName':'carts','Key':{'pk':{'S':'a'}},'UpdateExpression':'SET n = n + :v',"
                 "'ConditionExpression':'attribute_exists(pk)',"
                 "'ExpressionAttributeValues':{':v':{'N':'1'}}}"),
            "ConditionalCheckFailedException: The conditional request failed");
  EXPECT_EQ(Fail("UpdateItem",
                 "{'TableName':'carts','Key':{'pk':{'S':'a'}},'UpdateExpression':'SET n = n + :v',"
                 "'ExpressionAttributeValues':{':v':{'N':'1'}}}"),
            "ValidationException: The provided expression refers to an attribute that does not "
            "exist in the item");
}

TEST_F(UpdateItemTest, DeleteItemGivesBackWhatWasThere) {
  MakeTable("carts");
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'a'},'n':{'N':'1'}}}");
  const std::string body = "{'TableName':'carts','Key':{'pk':{'S':'a'}},'ReturnValues':'ALL_OLD'}";
  EXPECT_EQ(Do("DeleteItem", body), "{'Attributes':{'n':{'N':'1'},'pk':{'S':'a'}}}");
  EXPECT_EQ(Do("DeleteItem", body), "{}");
  EXPECT_EQ(Fail("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'a'},'x':{'S':'b'}}}"),
            "ValidationException: The provided key element does not match the schema");
}

}  // namespace
}  // namespace leeward::lab::tables
