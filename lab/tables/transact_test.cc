#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

using TransactTest = TablesWorld;

std::string Put(std::string_view pk, std::string_view more = "") {
  return "{'Put':{'TableName':'carts','Item':{'pk':{'S':'" + std::string(pk) + "'}}" +
         std::string(more) + "}}";
}
std::string Items(std::initializer_list<std::string> actions, std::string_view more = "") {
  std::string list;
  for (const std::string& action : actions) list += (list.empty() ? "" : ",") + action;
  return "{'TransactItems':[" + list + "]" + std::string(more) + "}";
}

TEST_F(TransactTest, AllOrNothing) {
  MakeTable("carts");
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'b'},'n':{'N':'1'}}}");
  const std::string clash = Put("b",
                                ",'ConditionExpression':'attribute_not_exists(pk)',"
                                "'ReturnValuesOnConditionCheckFailure':'ALL_OLD'");
  EXPECT_EQ(Call("TransactWriteItems", Items({Put("a"), clash})),
            "{'__type':'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',"
            "'Message':'Transaction cancelled, please refer cancellation reasons for specific "
            "reasons [None, ConditionalCheckFailed]','CancellationReasons':[{'Code':'None'},"
            "{'Code':'ConditionalCheckFailed','Message':'The conditional request failed',"
            "'Item':{'n':{'N':'1'},'pk':{'S':'b'}}}]}");
  EXPECT_EQ(status_, 400);
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}"), "{}");
  EXPECT_EQ(Do("TransactWriteItems",
               Items({Put("a"),
                      "{'Update':{'TableName':'carts','Key':{'pk':{'S':'b'}},'UpdateExpression':"
                      "'ADD n :o','ExpressionAttributeValues':{':o':{'N':'1'}}}}"},
                     ",'ReturnConsumedCapacity':'TOTAL'")),
            "{'ConsumedCapacity':[{'TableName':'carts','CapacityUnits':4.0,'WriteCapacityUnits':4.0"
            "}]}");
  EXPECT_EQ(Do("TransactGetItems", Items({"{'Get':{'TableName':'carts','Key':{'pk':{'S':'b'}}}}",
                                          "{'Get':{'TableName':'carts','Key':{'pk':{'S':'z'}}}}"})),
            "{'Responses':[{'Item':{'n':{'N':'2'},'pk':{'S':'b'}}},{}]}");
}

TEST_F(TransactTest, AnItemIsNamedOnce) {
  MakeTable("carts");
  EXPECT_EQ(Fail("TransactWriteItems",
                 Items({Put("a"), "{'Delete':{'TableName':'carts','Key':{'pk':{'S':'a'}}}}"})),
            "ValidationException: Transaction request cannot include multiple operations on one "
            "item");
  EXPECT_EQ(
      Fail("TransactWriteItems", Items({})),
      "ValidationException: 1 validation error detected: Value '[]' at 'transactItems' failed "
      "to satisfy constraint: Member must have length greater than or equal to 1");
}

TEST_F(TransactTest, WhatTheTableCannotHoldIsAReason) {
  MakeTable("carts");
  EXPECT_EQ(
      Fail("TransactWriteItems",
           Items({"{'Put':{'TableName':'carts','Item':{'a':{'S':'b'}}}}", Put("a")})),
      "TransactionCanceledException: Transaction cancelled, please refer cancellation reasons "
      "for specific reasons [ValidationError, None]");
  EXPECT_EQ(
      Fail("TransactWriteItems", Items({"{'Put':{'TableName':'none','Item':{'a':{'S':'b'}}}}"})),
      "ResourceNotFoundException: Requested resource not found");
}

TEST_F(TransactTest, ATokenMakesItOnce) {
  MakeTable("carts");
  const auto add = [](std::string_view amount) {
    return Items({"{'Update':{'TableName':'carts','Key':{'pk':{'S':'b'}},'UpdateExpression':"
                  "'ADD n :o','ExpressionAttributeValues':{':o':{'N':'" +
                  std::string(amount) + "'}}}}"},
                 ",'ClientRequestToken':'once'");
  };
  Do("TransactWriteItems", add("1"));
  Restart();
  Do("TransactWriteItems", add("1"));
  EXPECT_TRUE(
      Fail("TransactWriteItems", add("2")).starts_with("IdempotentParameterMismatchException"));
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'b'}}}"),
            "{'Item':{'n':{'N':'1'},'pk':{'S':'b'}}}");
  Turn(11min);
  Do("TransactWriteItems", add("2"));
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'b'}}}"),
            "{'Item':{'n':{'N':'3'},'pk':{'S':'b'}}}");
}

TEST_F(TransactTest, BatchesWriteAndRead) {
  MakeTable("carts");
  EXPECT_EQ(Do("BatchWriteItem",
               "{'RequestItems':{'carts':[{'PutRequest':{'Item':{'pk':{'S':'a'}}}},"
               "{'DeleteRequest':{'Key':{'pk':{'S':'b'}}}}]},'ReturnConsumedCapacity':'TOTAL'}"),
            "{'UnprocessedItems':{},'ConsumedCapacity':[{'TableName':'carts','CapacityUnits':2.0}]"
            "}");
  EXPECT_EQ(Do("BatchGetItem",
               "{'RequestItems':{'carts':{'Keys':[{'pk':{'S':'a'}},"
               "{'pk':{'S':'b'}}]}}}"),
            "{'Responses':{'carts':[{'pk':{'S':'a'}}]},'UnprocessedKeys':{}}");
  EXPECT_EQ(Fail("BatchGetItem",
                 "{'RequestItems':{'carts':{'Keys':[{'pk':{'S':'a'}},"
                 "{'pk':{'S':'a'}}]}}}"),
            "ValidationException: Provided list of item keys contains duplicates");
  EXPECT_EQ(Fail("BatchWriteItem",
                 "{'RequestItems':{'carts':[{'PutRequest':{'Item':{'pk':{'S':'a'}}}},"
                 "{'DeleteRequest':{'Key':{'pk':{'S':'a'}}}}]}}"),
            "ValidationException: Provided list of item keys contains duplicates");
}

TEST_F(TransactTest, ABatchIsCutAtSixteenMegabytes) {
  MakeTable("carts");
  const std::string large(std::size_t{390} << 10, 'x');
  std::string keys;
  for (int i = 0; i < 50; ++i) {
    const std::string key = "{'pk':{'S':'" + std::to_string(i) + "'}";
    Do("PutItem", "{'TableName':'carts','Item':" + key + ",'v':{'S':'" + large + "'}}}");
    if (i > 0) keys += ',';
    keys.append(key).append("}");
  }
  const std::string answer = Do(
      "BatchGetItem", "{'RequestItems':{'carts':{'Keys':[" + keys + "],'ConsistentRead':true}}}");
  const std::size_t left = answer.find("'UnprocessedKeys':");
  ASSERT_NE(left, std::string::npos);
  EXPECT_EQ(
      answer.substr(left),
      "'UnprocessedKeys':{'carts':{'Keys':[{'pk':{'S':'42'}},{'pk':{'S':'43'}},{'pk':{'S':'44'}},"
      "{'pk':{'S':'45'}},{'pk':{'S':'46'}},{'pk':{'S':'47'}},{'pk':{'S':'48'}},"
      "{'pk':{'S':'49'}}],'ConsistentRead':true}}}");
}

}  // namespace
}  // namespace leeward::lab::tables
