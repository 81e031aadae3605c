#include "lab/tables/backup_parts.h"

#include "lab/tables/tables_test_world.h"
#include "shapes/value.h"

namespace leeward::lab::tables {
namespace {

using shapes::Value;

// Two stores, as of two Regions.
class BackupPartsTest : public TablesWorld {
 protected:
  class Away : public TablesWorld {
   public:
    using TablesWorld::Do;
    using TablesWorld::Fail;
    using TablesWorld::Restart;
    using TablesWorld::Turn;
    void TestBody() override {}
    Engine& engine() { return *engine_; }
  };

  static Value Part(Engine& engine, std::string_view operation, const Value& input) {
    auto answer = engine.HandleBackupParts(operation, input);
    EXPECT_TRUE(answer.ok()) << operation << ": " << answer.error().message();
    return answer.ok() ? *answer : Value::Struct();
  }
  static Value Named(std::string_view arn) { return Value::Struct({{"BackupArn", arn}}); }

  void Fill(int items) {
    for (int i = 0; i < items; ++i) {
      Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'" + std::to_string(i) +
                        "'},'v':{'S':'" + std::to_string(i * i) + "'}}}");
    }
  }
  std::string BackUp() {
    const Value made =
        Part(*engine_, "BackUp", Value::Struct({{"TableName", "carts"}, {"Name", "job"}}));
    std::string arn(made.String("BackupArn"));
    Turn(1s);
    EXPECT_EQ(Part(*engine_, "State", Named(arn)).String("Status"), "AVAILABLE");
    return arn;
  }
  // In pieces of some items; the number of pieces.
  int Bring(const std::string& from, Away& away, const std::string& to) {
    Value begin = Named(to);
    begin.Set("Form", Part(*engine_, "Form", Named(from)).String("Form"));
    Part(away.engine(), "BeginImport", begin);
    Value ask = Named(from);
    ask.Set("Most", 500);
    for (int pieces = 1;; ++pieces) {
      const Value piece = Part(*engine_, "Export", ask);
      Value put = Named(to);
      put.Set("Data", piece.Sub("Data"));
      Part(away.engine(), "Import", put);
      if (!piece.Has("Next")) return pieces;
      ask.Set("After", *piece.Find("Next"));
    }
  }
  static constexpr const char* kPoint = "arn:aws:backup:us-west-2:123456789012:recovery-point:0123";
  static std::string Restore() {
    return std::string("{'TargetTableName':'again','BackupArn':'") + kPoint + "'}";
  }
};

TEST_F(BackupPartsTest, ATableIsRestoredInAnotherStoreAsItWas) {
  MakeTable("carts");
  Fill(100);
  const std::string arn = BackUp();
  Do("PutItem", "{'TableName':'carts','Item':{'pk':{'S':'7'},'v':{'S':'later'}}}");
  EXPECT_EQ(Do("ListBackups", "{'BackupType':'ALL'}"), "{'BackupSummaries':[]}");
  Away away;
  EXPECT_GT(Bring(arn, away, kPoint), 3);
  EXPECT_TRUE(away.Fail("RestoreTableFromBackup", Restore()).starts_with("BackupInUseException"));
  Part(away.engine(), "EndImport", Named(kPoint));
  away.Do("RestoreTableFromBackup", Restore());
  EXPECT_FALSE(away.engine().HandleBackupParts("Forget", Named(kPoint)).ok());
  away.Turn(10s);
  Part(away.engine(), "Forget", Named(kPoint));
  Part(*engine_, "Forget", Named(arn));
  EXPECT_EQ(away.Do("Scan", "{'TableName':'again','Select':'COUNT'}"),
            "{'Count':100,'ScannedCount':100}");
  EXPECT_EQ(away.Do("GetItem", "{'TableName':'again','Key':{'pk':{'S':'7'}}}"),
            "{'Item':{'pk':{'S':'7'},'v':{'S':'49'}}}");
}

TEST_F(BackupPartsTest, WhatWasOnItsWayDoesNotOutliveTheProcess) {
  MakeTable("carts");
  Fill(10);
  const std::string arn = BackUp();
  Away away;
  Bring(arn, away, kPoint);
  away.Restart();
  EXPECT_FALSE(away.engine().HandleBackupParts("State", Named(kPoint)).ok());
  Restart();
  EXPECT_FALSE(engine_->HandleBackupParts("State", Named(arn)).ok());
  // And the number that it had is given to nothing else.
  Bring(BackUp(), away, kPoint);
  Part(away.engine(), "EndImport", Named(kPoint));
  away.Do("RestoreTableFromBackup", Restore());
  away.Turn(10s);
  EXPECT_EQ(away.Do("Scan", "{'TableName':'again','Select':'COUNT'}"),
            "{'Count':10,'ScannedCount':10}");
}

TEST_F(BackupPartsTest, APieceThatIsCutIsRefused) {
  MakeTable("carts");
  Fill(3);
  const std::string arn = BackUp();
  Value ask = Named(arn);
  std::string data = Part(*engine_, "Export", ask.Set("Most", 5000)).Sub("Data").blob().bytes;
  Value begin = Named(kPoint);
  Part(*engine_, "BeginImport",
       begin.Set("Form", Part(*engine_, "Form", Named(arn)).String("Form")));
  for (const std::size_t size : {data.size() - 1, std::size_t{7}, std::size_t{9}}) {
    Value put = Named(kPoint);
    put.Set("Data", shapes::Blob{data.substr(0, size)});
    EXPECT_FALSE(engine_->HandleBackupParts("Import", put).ok()) << size;
  }
  EXPECT_FALSE(engine_->HandleBackupParts("Steal", Value::Struct()).ok());
}

}  // namespace
}  // namespace leeward::lab::tables
