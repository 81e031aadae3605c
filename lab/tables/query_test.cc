#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

class QueryTest : public TablesWorld {
 protected:
  void Put(std::string_view pk, std::string_view sk, std::string_view more = "") {
    Do("PutItem", "{'TableName':'ttt','Item':{'pk':{'S':'" + std::string(pk) + "'},'sk':{'S':'" +
                      std::string(sk) + "'}" + std::string(more) + "}}");
  }
  std::string Query(std::string_view more) {
    return Do("Query",
              "{'TableName':'ttt','KeyConditionExpression':'pk = :p',"
              "'ExpressionAttributeValues':{':p':{'S':'a'}}" +
                  std::string(more) + "}");
  }
};

constexpr std::string_view kGlobal =
    ",'GlobalSecondaryIndexes':[{'IndexName':'byn','KeySchema':[{'AttributeName':'n','KeyType':"
    "'HASH'}],'Projection':{'ProjectionType':'KEYS_ONLY'}}]";
constexpr std::string_view kLocal =
    ",'LocalSecondaryIndexes':[{'IndexName':'loc','KeySchema':[{'AttributeName':'pk','KeyType':"
    "'HASH'},{'AttributeName':'n','KeyType':'RANGE'}],'Projection':{'ProjectionType':'KEYS_ONLY'}"
    "}]";
constexpr std::string_view kNumber = ",{'AttributeName':'n','AttributeType':'N'}";

TEST_F(QueryTest, GivesAPartitionInOrderEitherWay) {
  MakeRangeTable("ttt");
  for (const std::string_view sk : {"2", "1", "3"}) Put("a", sk);
  Put("b", "1");
  EXPECT_EQ(Query(""),
            "{'Count':3,'ScannedCount':3,'Items':[{'pk':{'S':'a'},'sk':{'S':'1'}},{'pk':{'S':'a'},"
            "'sk':{'S':'2'}},{'pk':{'S':'a'},'sk':{'S':'3'}}]}");
  EXPECT_EQ(Query(",'ScanIndexForward':false,'Limit':1"),
            "{'Count':1,'ScannedCount':1,'Items':[{'pk':{'S':'a'},'sk':{'S':'3'}}],"
            "'LastEvaluatedKey':{'pk':{'S':'a'},'sk':{'S':'3'}}}");
  EXPECT_EQ(Query(",'ScanIndexForward':false,'ExclusiveStartKey':{'pk':{'S':'a'},'sk':{'S':'2'}}"),
            "{'Count':1,'ScannedCount':1,'Items':[{'pk':{'S':'a'},'sk':{'S':'1'}}]}");
  EXPECT_EQ(Query(",'ExclusiveStartKey':{'pk':{'S':'a'},'sk':{'S':'2'}},'Select':'COUNT'"),
            "{'Count':1,'ScannedCount':1}");
}

TEST_F(QueryTest, FiltersAfterItHasRead) {
  MakeRangeTable("ttt");
  Put("a", "1", ",'v':{'N':'5'}");
  Put("a", "2", ",'v':{'N':'6'}");
  EXPECT_EQ(Do("Query",
               "{'TableName':'ttt','KeyConditionExpression':'pk = :p',"
               "'FilterExpression':'v > :v','ProjectionExpression':'sk',"
               "'ExpressionAttributeValues':{':p':{'S':'a'},':v':{'N':'5'}}}"),
            "{'Count':1,'ScannedCount':2,'Items':[{'sk':{'S':'2'}}]}");
  EXPECT_EQ(Fail("Query",
                 "{'TableName':'ttt','KeyConditionExpression':'pk = :p',"
                 "'FilterExpression':'sk > :v',"
                 "'ExpressionAttributeValues':{':p':{'S':'a'},':v':{'S':'5'}}}"),
            "ValidationException: Filter Expression can only contain non-primary key attributes: "
            "Primary key attribute: sk");
}

TEST_F(QueryTest, StopsAtAMegabyteAndGoesOnFromThere) {
  MakeRangeTable("ttt");
  const std::string large = ",'v':{'S':'" + std::string(300000, 'x') + "'}";
  for (const std::string_view sk : {"1", "2", "3", "4", "5"}) Put("a", sk, large);
  const std::string first = Query(",'Select':'COUNT'");
  EXPECT_EQ(first,
            "{'Count':4,'ScannedCount':4,'LastEvaluatedKey':{'pk':{'S':'a'},'sk':{'S':'4'}}}");
  EXPECT_EQ(Query(",'Select':'COUNT','ExclusiveStartKey':{'pk':{'S':'a'},'sk':{'S':'4'}}"),
            "{'Count':1,'ScannedCount':1}");
}

TEST_F(QueryTest, AGlobalIndexHoldsWhatHasItsKey) {
  MakeRangeTable("ttt", kNumber, kGlobal);
  Put("a", "1", ",'n':{'N':'7'},'v':{'S':'x'}");
  Put("b", "1", ",'n':{'N':'7'}");
  Put("c", "1");
  const std::string query =
      "{'TableName':'ttt','IndexName':'byn','KeyConditionExpression':'n = :n',"
      "'ExpressionAttributeValues':{':n':{'N':'7'}}";
  EXPECT_EQ(Do("Query", query + "}"),
            "{'Count':2,'ScannedCount':2,'Items':[{'n':{'N':'7'},'pk':{'S':'a'},'sk':{'S':'1'}},"
            "{'n':{'N':'7'},'pk':{'S':'b'},'sk':{'S':'1'}}]}");
  EXPECT_EQ(
      Do("Query", query + ",'Limit':1,'ReturnConsumedCapacity':'INDEXES'}"),
      "{'Count':1,'ScannedCount':1,'Items':[{'n':{'N':'7'},'pk':{'S':'a'},'sk':{'S':'1'}}],"
      "'LastEvaluatedKey':{'n':{'N':'7'},'pk':{'S':'a'},'sk':{'S':'1'}},"
      "'ConsumedCapacity':{'TableName':'ttt','CapacityUnits':0.5,'Table':{'CapacityUnits':0.0},"
      "'GlobalSecondaryIndexes':{'byn':{'CapacityUnits':0.5}}}}");
  EXPECT_EQ(Do("Query", query + ",'ExclusiveStartKey':{'n':{'N':'7'},'pk':{'S':'a'},'sk':{'S':'1'}"
                                "}}"),
            "{'Count':1,'ScannedCount':1,'Items':[{'n':{'N':'7'},'pk':{'S':'b'},'sk':{'S':'1'}}]}");
  EXPECT_EQ(Fail("Query", query + ",'ConsistentRead':true}"),
            "ValidationException: Consistent reads are not supported on global secondary indexes");
  EXPECT_EQ(Fail("Query", query + ",'ProjectionExpression':'v'}"),
            "ValidationException: One or more parameter values were invalid: Global secondary "
            "index byn does not project [v]");
  // It follows every change.
  Do("UpdateItem",
     "{'TableName':'ttt','Key':{'pk':{'S':'a'},'sk':{'S':'1'}},"
     "'UpdateExpression':'REMOVE n'}");
  Do("DeleteItem", "{'TableName':'ttt','Key':{'pk':{'S':'b'},'sk':{'S':'1'}}}");
  EXPECT_EQ(Do("Query", query + "}"), "{'Count':0,'ScannedCount':0,'Items':[]}");
}

TEST_F(QueryTest, ALocalIndexFetchesWhatItDoesNotHold) {
  MakeRangeTable("ttt", kNumber, kLocal);
  Put("a", "1", ",'n':{'N':'9'},'v':{'S':'x'}");
  Put("a", "2", ",'n':{'N':'8'}");
  const std::string query =
      "{'TableName':'ttt','IndexName':'loc','KeyConditionExpression':'pk = :p',"
      "'ExpressionAttributeValues':{':p':{'S':'a'}}";
  EXPECT_EQ(Do("Query", query + "}"),
            "{'Count':2,'ScannedCount':2,'Items':[{'n':{'N':'8'},'pk':{'S':'a'},'sk':{'S':'2'}},"
            "{'n':{'N':'9'},'pk':{'S':'a'},'sk':{'S':'1'}}]}");
  EXPECT_EQ(
      Do("Query", query + ",'Select':'ALL_ATTRIBUTES','ReturnConsumedCapacity':'INDEXES'}"),
      "{'Count':2,'ScannedCount':2,'Items':[{'n':{'N':'8'},'pk':{'S':'a'},'sk':{'S':'2'}},"
      "{'n':{'N':'9'},'pk':{'S':'a'},'sk':{'S':'1'},'v':{'S':'x'}}],"
      "'ConsumedCapacity':{'TableName':'ttt','CapacityUnits':1.5,'Table':{'CapacityUnits':1.0},"
      "'LocalSecondaryIndexes':{'loc':{'CapacityUnits':0.5}}}}");
}

TEST_F(QueryTest, WritesCountWhatTheirIndexesTake) {
  MakeRangeTable("ttt", kNumber, kGlobal);
  const auto put = [this](const std::string& n) {
    return Do("PutItem",
              "{'TableName':'ttt','ReturnConsumedCapacity':'INDEXES','Item':{'pk':{'S':"
              "'a'},'sk':{'S':'1'},'n':{'N':'" +
                  n + "'}}}");
  };
  EXPECT_EQ(
      put("1"),
      "{'ConsumedCapacity':{'TableName':'ttt','CapacityUnits':2.0,'Table':{'CapacityUnits':1.0}"
      ",'GlobalSecondaryIndexes':{'byn':{'CapacityUnits':1.0}}}}");
  EXPECT_EQ(
      put("1"),
      "{'ConsumedCapacity':{'TableName':'ttt','CapacityUnits':1.0,'Table':{'CapacityUnits':1.0}"
      "}}");
  EXPECT_EQ(
      put("2"),
      "{'ConsumedCapacity':{'TableName':'ttt','CapacityUnits':3.0,'Table':{'CapacityUnits':1.0}"
      ",'GlobalSecondaryIndexes':{'byn':{'CapacityUnits':2.0}}}}");
}

TEST_F(QueryTest, ScansInSegmentsThatAreDisjointAndWhole) {
  MakeTable("hhh");
  for (int i = 0; i < 50; ++i) {
    Do("PutItem", "{'TableName':'hhh','Item':{'pk':{'S':'" + std::to_string(i) + "'}}}");
  }
  std::string all;
  int segments_with_items = 0;
  for (int segment = 0; segment < 4; ++segment) {
    const std::string answer = Do(
        "Scan", "{'TableName':'hhh','TotalSegments':4,'Segment':" + std::to_string(segment) + "}");
    segments_with_items += answer.find("{'S'") != std::string::npos ? 1 : 0;
    all += answer;
  }
  EXPECT_EQ(segments_with_items, 4);
  for (int i = 0; i < 50; ++i) {
    const std::string item = "{'pk':{'S':'" + std::to_string(i) + "'}}";
    const std::size_t at = all.find(item);
    EXPECT_NE(at, std::string::npos) << item;
    EXPECT_EQ(all.find(item, at + 1), std::string::npos) << item;
  }
  EXPECT_EQ(Fail("Scan", "{'TableName':'hhh','TotalSegments':4,'Segment':4}"),
            "ValidationException: The Segment parameter is zero-based and must be less than "
            "parameter TotalSegments: Segment: 4 is not less than TotalSegments: 4");
}

TEST_F(QueryTest, ScansAPageAtATime) {
  MakeTable("hhh");
  for (int i = 0; i < 7; ++i) {
    Do("PutItem", "{'TableName':'hhh','Item':{'pk':{'S':'" + std::to_string(i) + "'}}}");
  }
  std::string start;
  int count = 0;
  int pages = 0;
  do {
    const std::string answer = Do("Scan", "{'TableName':'hhh','Limit':3" + start + "}");
    for (std::size_t at = answer.find("{'pk'"); at != std::string::npos;
         at = answer.find("{'pk'", at + 1)) {
      ++count;
    }
    ++pages;
    const std::size_t last = answer.find("'LastEvaluatedKey':");
    if (last == std::string::npos) break;
    --count;
    start = ",'ExclusiveStartKey':" + answer.substr(last + 19, answer.size() - last - 20);
  } while (pages < 10);
  EXPECT_EQ(count, 7);
  EXPECT_EQ(pages, 3);
}

}  // namespace
}  // namespace leeward::lab::tables
