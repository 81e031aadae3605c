#include "lab/tables/tables_test_world.h"

namespace leeward::lab::tables {
namespace {

class RestoreTest : public TablesWorld {
 protected:
  void Put(std::string_view pk, std::string_view v) {
    Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'" + std::string(pk) + "'},'v':{'S':'" +
                      std::string(v) + "'}}}");
  }
  std::string Get(std::string_view table, std::string_view pk) {
    return Do("GetItem", "{'TableName':'" + std::string(table) + "','Key':{'pk':{'S':'" +
                             std::string(pk) + "'}}}");
  }
  std::string Seconds() const {
    return std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().since_epoch).count());
  }
};

TEST_F(RestoreTest, ToASecondOfItsHistory) {
  MakeTable("carts");
  Put("before", "1");
  Do("UpdateContinuousBackups",
     "{'TableName':'carts','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}"
     "}");
  Turn(10s);
  Put("changed", "old");
  Put("deleted", "was there");
  Turn(10s);
  const std::string when = Seconds();
  Turn(10s);
  Put("changed", "new");
  Put("changed", "newer");
  Put("made", "later");
  Do("DeleteItem", "{'TableName':'carts','Key':{'pk':{'S':'deleted'}}}");
  for (int i = 0; i < 1200; ++i) Put(std::to_string(i), "many");
  Turn(10s);
  Do("RestoreTableToPointInTime",
     "{'SourceTableName':'carts','TargetTableName':'again',"
     "'RestoreDateTime':" +
         when + "}");
  Restart();
  Turn(5s);
  EXPECT_EQ(Get("again", "before"), "{'Item':{'pk':{'S':'before'},'v':{'S':'1'}}}");
  EXPECT_EQ(Get("again", "changed"), "{'Item':{'pk':{'S':'changed'},'v':{'S':'old'}}}");
  EXPECT_EQ(Get("again", "deleted"), "{'Item':{'pk':{'S':'deleted'},'v':{'S':'was there'}}}");
  EXPECT_EQ(Get("again", "made"), "{}");
  EXPECT_EQ(Do("Scan", "{'TableName':'again','Select':'COUNT'}"), "{'Count':3,'ScannedCount':3}");
  EXPECT_NE(Do("DescribeTable", "{'TableName':'again'}").find("'RestoreInProgress':false"),
            std::string::npos);
  EXPECT_EQ(Fail("RestoreTableToPointInTime",
                 "{'SourceTableName':'again','TargetTableName':'third',"
                 "'UseLatestRestorableTime':true}"),
            "PointInTimeRecoveryUnavailableException: Point in time recovery is not enabled for "
            "table 'again'");
  EXPECT_TRUE(Fail("RestoreTableToPointInTime",
                   "{'SourceTableName':'carts','TargetTableName':'third','RestoreDateTime':1}")
                  .starts_with("InvalidRestoreTimeException"));
}

TEST_F(RestoreTest, FromABackupOfATableThatIsGone) {
  MakeTable("carts",
            ",'GlobalSecondaryIndexes':[{'IndexName':'byp','KeySchema':[{'AttributeName':'pk',"
            "'KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}]");
  Put("a", "1");
  const std::string created = Do("CreateBackup", "{'TableName':'carts','BackupName':'nightly'}");
  const std::size_t at = created.find("arn:aws");
  const std::string arn = created.substr(at, created.find('\'', at) - at);
  Put("b", "2");
  Turn(1s);
  EXPECT_NE(Do("DescribeBackup", "{'BackupArn':'" + arn + "'}").find("'BackupStatus':'AVAILABLE'"),
            std::string::npos);
  EXPECT_NE(Do("ListBackups", "{'TableName':'carts'}").find(arn), std::string::npos);
  Do("DeleteTable", "{'TableName':'carts'}");
  Turn(1s);
  Restart();
  Do("RestoreTableFromBackup", "{'TargetTableName':'carts','BackupArn':'" + arn + "'}");
  Turn(1s);
  EXPECT_EQ(Get("carts", "a"), "{'Item':{'pk':{'S':'a'},'v':{'S':'1'}}}");
  EXPECT_EQ(Get("carts", "b"), "{}");
  EXPECT_EQ(Do("Scan", "{'TableName':'carts','IndexName':'byp','Select':'COUNT'}"),
            "{'Count':1,'ScannedCount':1}");
  Do("DeleteBackup", "{'BackupArn':'" + arn + "'}");
  EXPECT_EQ(Fail("DescribeBackup", "{'BackupArn':'" + arn + "'}"),
            "BackupNotFoundException: Backup not found: " + arn);
}

}  // namespace
}  // namespace leeward::lab::tables
