#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

constexpr std::string_view kStream =
    ",'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}";

// The text between `before` and the next quote.
std::string After(const std::string& text, std::string_view before) {
  const std::size_t at = text.find(before);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + before.size();
  return text.substr(begin, text.find('\'', begin) - begin);
}

class StreamsTest : public TablesWorld {
 protected:
  std::string Arn() {
    return After(Do("DescribeTable", "{'TableName':'carts'}"), "'LatestStreamArn':'");
  }
  std::string Iterator(const std::string& arn, std::string_view more) {
    const std::string shard =
        After(Do("DescribeStream", "{'StreamArn':'" + arn + "'}"), "'ShardId':'");
    return After(Do("GetShardIterator", "{'StreamArn':'" + arn + "','ShardId':'" + shard +
                                            "','ShardIteratorType':'" + std::string(more) + "}"),
                 "'ShardIterator':'");
  }
  std::string Records(const std::string& iterator) {
    return Do("GetRecords", "{'ShardIterator':'" + iterator + "'}");
  }
  static int Count(const std::string& text, std::string_view part) {
    int count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++count;
    }
    return count;
  }
  void Put(std::string_view pk, std::string_view v) {
    Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'" + std::string(pk) + "'},'v':{'S':'" +
                      std::string(v) + "'}}}");
  }
};

TEST_F(StreamsTest, ShowChangesInTheirOrder) {
  MakeTable("carts", kStream);
  Put("a", "1");
  Put("a", "2");
  Put("a", "2");  // changes nothing, and is not shown
  Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}");
  Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'a'}}}");
  const std::string records = Records(Iterator(Arn(), "TRIM_HORIZON'"));
  EXPECT_EQ(Count(records, "'eventID'"), 3) << records;
  const std::size_t insert = records.find("'eventName':'INSERT'");
  const std::size_t modify = records.find("'eventName':'MODIFY'");
  const std::size_t remove = records.find("'eventName':'REMOVE'");
  EXPECT_LT(insert, modify);
  EXPECT_LT(modify, remove);
  EXPECT_NE(remove, std::string::npos);
  EXPECT_NE(records.find("'Keys':{'pk':{'S':'a'}},'NewImage':{'pk':{'S':'a'},'v':{'S':'2'}},"
                         "'OldImage':{'pk':{'S':'a'},'v':{'S':'1'}},'SequenceNumber':"),
            std::string::npos);
  EXPECT_EQ(records.find("userIdentity"), std::string::npos);
}

TEST_F(StreamsTest, IteratorsBeginWhereTheyAreAsked) {
  MakeTable("carts", kStream);
  Put("a", "1");
  Put("b", "1");
  const std::string arn = Arn();
  const std::string all = Records(Iterator(arn, "TRIM_HORIZON'"));
  const std::string first = After(all, "'SequenceNumber':'");
  EXPECT_EQ(Count(Records(Iterator(arn, "LATEST'")), "'eventID'"), 0);
  EXPECT_EQ(Count(Records(Iterator(arn, "AT_SEQUENCE_NUMBER','SequenceNumber':'" + first + "'")),
                  "'eventID'"),
            2);
  const std::string after =
      Records(Iterator(arn, "AFTER_SEQUENCE_NUMBER','SequenceNumber':'" + first + "'"));
  EXPECT_EQ(Count(after, "'eventID'"), 1);
  // The next iterator sees what comes.
  Put("c", "1");
  Restart();
  EXPECT_EQ(Count(Records(After(after, "'NextShardIterator':'")), "'eventID'"), 1);
}

TEST_F(StreamsTest, AreTrimmedAfterADay) {
  MakeTable("carts", kStream);
  Put("a", "1");
  const std::string arn = Arn();
  const std::string first = After(Records(Iterator(arn, "TRIM_HORIZON'")), "'SequenceNumber':'");
  Turn(23h);
  Put("b", "1");
  EXPECT_EQ(Count(Records(Iterator(arn, "TRIM_HORIZON'")), "'eventID'"), 2);
  Turn(2h);
  EXPECT_EQ(Count(Records(Iterator(arn, "TRIM_HORIZON'")), "'eventID'"), 1);
  const std::string shard =
      After(Do("DescribeStream", "{'StreamArn':'" + arn + "'}"), "'ShardId':'");
  EXPECT_TRUE(
      Fail("GetShardIterator", "{'StreamArn':'" + arn + "','ShardId':'" + shard +
                                   "','ShardIteratorType':'AT_SEQUENCE_NUMBER','SequenceNumber':'" +
                                   first + "'}")
          .starts_with("TrimmedDataAccessException"));
}

TEST_F(StreamsTest, AQuietReaderIsNotTakenForATrimmedOne) {
  MakeTable("carts", kStream);
  MakeTable("busy", kStream);
  Put("a", "1");
  const std::string read = Records(Iterator(Arn(), "TRIM_HORIZON'"));
  const std::string arn = Arn();
  for (int i = 0; i < 5; ++i) Do("PutItem", "{'TableName':'busy','Item':{'pk':{'S':'x'}}}");
  Turn(30h);
  Do("PutItem", "{'TableName':'busy','Item':{'pk':{'S':'y'}}}");
  const std::string latest = Iterator(arn, "LATEST'");
  Turn(10min);
  EXPECT_EQ(Count(Records(latest), "'eventID'"), 0);
  EXPECT_TRUE(Fail("GetRecords", "{'ShardIterator':'" + After(read, "'NextShardIterator':'") + "'}")
                  .starts_with("ExpiredIteratorException"));
}

TEST_F(StreamsTest, StayReadableWhenSwitchedOff) {
  MakeTable("carts", kStream);
  Put("a", "1");
  const std::string arn = Arn();
  Turn(1s);
  Do("UpdateTable", "{'TableName':'carts','StreamSpecification':{'StreamEnabled':false}}");
  Turn(1s);
  Put("b", "1");
  const std::string records = Records(Iterator(arn, "TRIM_HORIZON'"));
  EXPECT_EQ(Count(records, "'eventID'"), 1);
  EXPECT_EQ(records.find("NextShardIterator"), std::string::npos);
  EXPECT_NE(Do("DescribeStream", "{'StreamArn':'" + arn + "'}").find("'StreamStatus':'DISABLED'"),
            std::string::npos);
  Do("DeleteTable", "{'TableName':'carts'}");
  Turn(1s);
  Restart();
  EXPECT_EQ(Count(Records(Iterator(arn, "TRIM_HORIZON'")), "'eventID'"), 1);
  EXPECT_EQ(Count(Do("ListStreams", "{}"), "'StreamArn'"), 1);
  Turn(25h);
  EXPECT_TRUE(Fail("DescribeStream", "{'StreamArn':'" + arn + "'}")
                  .starts_with("ResourceNotFoundException"));
  EXPECT_EQ(Do("ListStreams", "{}"), "{'Streams':[]}");
}

TEST_F(StreamsTest, ExpiredItemsGoByThemselves) {
  MakeTable("carts", kStream);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().since_epoch);
  const auto put = [&](const std::string& pk, std::chrono::seconds when) {
    Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'" + pk + "'},'ttl':{'N':'" +
                      std::to_string(when.count()) + "'}}}");
  };
  put("before", now + 10s);
  Do("UpdateTimeToLive",
     "{'TableName':'carts','TimeToLiveSpecification':{'Enabled':true,"
     "'AttributeName':'ttl'}}");
  EXPECT_EQ(Do("DescribeTimeToLive", "{'TableName':'carts'}"),
            "{'TimeToLiveDescription':{'TimeToLiveStatus':'ENABLING','AttributeName':'ttl'}}");
  put("after", now + 10s);
  put("later", now + 3600s);
  put("ancient", now - 24h * 365 * 6);
  Turn(5s);
  EXPECT_EQ(Do("DescribeTimeToLive", "{'TableName':'carts'}"),
            "{'TimeToLiveDescription':{'TimeToLiveStatus':'ENABLED','AttributeName':'ttl'}}");
  EXPECT_EQ(Do("Scan", "{'TableName':'carts','Select':'COUNT'}"), "{'Count':4,'ScannedCount':4}");
  // One that is put off lives on.
  put("after", now + 3600s);
  Turn(10s);
  EXPECT_EQ(Do("GetItem", "{'TableName':'carts','Key':{'pk':{'S':'before'}}}"), "{}");
  EXPECT_EQ(Do("Scan", "{'TableName':'carts','Select':'COUNT'}"), "{'Count':3,'ScannedCount':3}");
  const std::string records = Records(Iterator(Arn(), "TRIM_HORIZON'"));
  EXPECT_NE(records.find("'userIdentity':{'Type':'Service','PrincipalId':'dynamodb.amazonaws.com'"
                         "}"),
            std::string::npos)
      << records;
  EXPECT_EQ(Fail("UpdateTimeToLive",
                 "{'TableName':'carts','TimeToLiveSpecification':{'Enabled':"
                 "true,'AttributeName':'ttl'}}"),
            "ValidationException: TimeToLive is already enabled");
}

}  // namespace
}  // namespace leeward::lab::tables
