// Writes of one turn: made together, answered after that, and seen by everybody in between.
#include "lab/tables/commit_group.h"

#include "base/testing/full_disk.h"
#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

class CommitGroupTest : public TablesWorld {
 protected:
  CommitGroupTest() {
    MakeTable("table");
    turns_ = Turns::kGathered;
    Restart();
  }

  // The place of its answer in `answers_`, which is empty until it comes.
  std::size_t Ask(std::string_view operation, std::string_view body) {
    const std::size_t place = answers_.size();
    answers_.emplace_back();
    engine_->Handle(operation, Json(body), {"arn:aws:iam::123456789012:user/lab", "", ""},
                    [this, place](const WireAnswer& answer) {
                      EXPECT_EQ(answers_[place].body, "") << "answered twice";
                      answers_[place] = answer;
                    });
    return place;
  }
  std::size_t Put(std::string_view key, std::string_view more = "") {
    return Ask("PutItem", "{'TableName':'table','Item':{'pk':{'S':'" + std::string(key) + "'}}" +
                              std::string(more) + "}");
  }
  bool Answered(std::size_t place) const { return !answers_[place].body.empty(); }
  int StatusOf(std::size_t place) const { return Answered(place) ? answers_[place].status : 0; }
  // At once: reads do not wait.
  bool Holds(std::string_view key) {
    const std::size_t place =
        Ask("GetItem", "{'TableName':'table','Key':{'pk':{'S':'" + std::string(key) + "'}}}");
    EXPECT_TRUE(Answered(place));
    return answers_[place].body.find("\"Item\"") != std::string::npos;
  }
  std::string Counted() {
    const std::string answer = answers_[Ask("DescribeTable", "{'TableName':'table'}")].body;
    const std::size_t at = answer.find("\"ItemCount\":");
    return answer.substr(at + 12, answer.find_first_of(",}", at) - at - 12);
  }

  std::vector<WireAnswer> answers_;
};

TEST_F(CommitGroupTest, AWriteIsAnsweredAtTheEndOfItsTurnAndNotBefore) {
  const std::size_t first = Put("a");
  const std::size_t second = Put("b");
  EXPECT_FALSE(Answered(first));
  EXPECT_FALSE(Answered(second));
  EndTurn();
  EXPECT_EQ(StatusOf(first), 200);
  EXPECT_EQ(StatusOf(second), 200);
  Restart();
  EXPECT_TRUE(Holds("a"));
  EXPECT_TRUE(Holds("b"));
  EXPECT_EQ(Counted(), "2");
}

// As after a kill before the end of the turn: nothing was promised.
TEST_F(CommitGroupTest, WhatWasNotAnsweredMayBeLostButNeverInPart) {
  Put("a");
  Restart();
  EXPECT_FALSE(Holds("a"));
  EXPECT_EQ(Counted(), "0");
}

TEST_F(CommitGroupTest, LaterRequestsOfTheTurnSeeWhatWaits) {
  Put("a");
  EXPECT_TRUE(Holds("a"));
  Put("b");
  const std::string scanned = answers_[Ask("Scan", "{'TableName':'table','Select':'COUNT'}")].body;
  EXPECT_NE(scanned.find("\"Count\":2"), std::string::npos) << scanned;
  Put("c");
  EXPECT_EQ(Counted(), "3");
}

TEST_F(CommitGroupTest, ConditionsAreJudgedInTheOrderOfTheRequests) {
  const std::size_t first = Put("a", ",'ConditionExpression':'attribute_not_exists(pk)'");
  const std::size_t second = Put("a", ",'ConditionExpression':'attribute_not_exists(pk)'");
  EndTurn();
  EXPECT_EQ(StatusOf(first), 200);
  EXPECT_EQ(StatusOf(second), 400);
  EXPECT_NE(answers_[second].body.find("ConditionalCheckFailedException"), std::string::npos);
}

TEST_F(CommitGroupTest, ManyUpdatesOfOneItemInATurnAllCount) {
  constexpr int kUpdates = 50;
  for (int i = 0; i < kUpdates; ++i) {
    Ask("UpdateItem",
        "{'TableName':'table','Key':{'pk':{'S':'n'}},'UpdateExpression':'ADD n :one',"
        "'ExpressionAttributeValues':{':one':{'N':'1'}}}");
  }
  EndTurn();
  Restart();
  const std::string item =
      answers_[Ask("GetItem", "{'TableName':'table','Key':{'pk':{'S':'n'}}}")].body;
  EXPECT_NE(item.find("\"50\""), std::string::npos) << item;
  EXPECT_EQ(Counted(), "1");
}

TEST_F(CommitGroupTest, AnIdempotentTransactionRepeatedInItsTurnIsMadeOnce) {
  const std::string_view body =
      "{'ClientRequestToken':'token','TransactItems':[{'Update':{'TableName':'table','Key':{'pk':{'"
      "S':"
      "'n'}},'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}}}}]}";
  const std::size_t first = Ask("TransactWriteItems", body);
  const std::size_t second = Ask("TransactWriteItems", body);
  EndTurn();
  EXPECT_EQ(StatusOf(first), 200);
  EXPECT_EQ(StatusOf(second), 200);
  const std::string item =
      answers_[Ask("GetItem", "{'TableName':'table','Key':{'pk':{'S':'n'}}}")].body;
  EXPECT_NE(item.find("\"N\":\"1\""), std::string::npos) << item;
}

TEST_F(CommitGroupTest, MoreThanMayWaitIsMadeWithinTheTurn) {
  constexpr int kPuts = 2500;
  for (int i = 0; i < kPuts; ++i) Put("k" + std::to_string(i));
  Restart();  // before the end of the turn
  EXPECT_GE(std::stoi(Counted()), 2000);
  const std::string scanned = answers_[Ask("Scan", "{'TableName':'table','Select':'COUNT'}")].body;
  EXPECT_NE(scanned.find("\"Count\":" + Counted() + ","), std::string::npos)
      << "the counts are those of the items: " << scanned;
}

// In a process of its own: the library's build on Debian ends the process at the next use of a file
// that could not be written.
void RunWithoutClosing(const std::function<void()>& body) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        body();
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(CommitGroupTest, WhatCannotBeWrittenIsAnsweredAsSuchAndChangesNothing) {
  RunWithoutClosing([this] {
    Put("kept");
    EndTurn();
    const base::testing::FullDisk full;
    const std::size_t first = Put("a");
    const std::size_t second = Put("b");
    EndTurn();
    EXPECT_EQ(StatusOf(first), 500);
    EXPECT_EQ(StatusOf(second), 500);
    EXPECT_NE(answers_[first].body.find("InternalServerError"), std::string::npos);
    EXPECT_FALSE(Holds("a"));
    EXPECT_TRUE(Holds("kept"));
    EXPECT_EQ(Counted(), "1");
  });
}

TEST_F(CommitGroupTest, AReaderInTheTurnOfAFailedWriteFindsTheTruth) {
  RunWithoutClosing([this] {
    const base::testing::FullDisk full;
    const std::size_t put = Put("a");
    EXPECT_FALSE(Holds("a"));
    EXPECT_FALSE(Answered(put));
    EndTurn();
    EXPECT_EQ(StatusOf(put), 500);
  });
}

TEST_F(CommitGroupTest, AStreamShowsTheTurnsChangesInTheirOrder) {
  Ask("UpdateTable",
      "{'TableName':'table','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'KEYS_"
      "ONLY'}"
      "}");
  Turn(1s);
  for (const char* key : {"a", "b", "c", "b"}) Put(key);
  Ask("DeleteItem", "{'TableName':'table','Key':{'pk':{'S':'a'}}}");
  EndTurn();
  const std::string described = Call("DescribeTable", "{'TableName':'table'}");
  const std::size_t at = described.find("'LatestStreamArn':'") + 19;
  const std::string arn = described.substr(at, described.find('\'', at) - at);
  const std::string stream = Call("DescribeStream", "{'StreamArn':'" + arn + "'}");
  const std::size_t shard_at = stream.find("'ShardId':'") + 11;
  const std::string shard = stream.substr(shard_at, stream.find('\'', shard_at) - shard_at);
  const std::string iterator =
      Call("GetShardIterator", "{'StreamArn':'" + arn + "','ShardId':'" + shard +
                                   "','ShardIteratorType':'TRIM_HORIZON'}");
  const std::size_t from = iterator.find("'ShardIterator':'") + 17;
  const std::string records =
      Call("GetRecords",
           "{'ShardIterator':'" + iterator.substr(from, iterator.find('\'', from) - from) + "'}");
  std::string seen;
  for (std::size_t i = records.find("'eventName':'"); i != std::string::npos;
       i = records.find("'eventName':'", i + 1)) {
    const std::size_t key = records.find("'Keys':{'pk':{'S':'", i) + 19;
    seen += records.substr(i + 13, 1) + records.substr(key, 1) + " ";
  }
  // The second write of b changed nothing, which a stream does not show.
  EXPECT_EQ(seen, "Ia Ib Ic Ra ") << records;
}

}  // namespace
}  // namespace leeward::lab::tables
