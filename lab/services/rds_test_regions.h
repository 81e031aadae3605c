// For tests: two Regions with an RDS each and real servers.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/services/rds.h"
#include "lab/services/rds_test_world.h"

namespace leeward::lab::rds {

class RdsRegions : public testing::Test {
 protected:
  using Value = shapes::Value;

  struct Side {
    Side(TestWorld& world, const std::string& region, int block) : host(world, region, block) {}
    TestRegion host;
    std::unique_ptr<Rds> rds;
  };

  // Templates are made once for the whole program; the Regions' own passwords must be those in it.
  explicit RdsRegions(const EngineType& engine) : type(engine) {
    const auto shared = SharedTemplateDirectory(type.template_directory);
    Template cluster(a.host, type, shared, {"admin-secret", "replication-secret"});
    const auto ready = Finish<base::Result<std::filesystem::path>>(world, cluster.Ready());
    EXPECT_TRUE(ready.ok()) << ready.error().message();
    for (Side* side : {&a, &b}) {
      const auto directory = side->host.StateDirectory("rds");
      std::filesystem::create_symlink(shared, directory / type.template_directory);
      std::ofstream(directory / "state.json")
          << R"({"AdminPassword":"admin-secret","ReplicationPassword":"replication-secret"})";
      Begin(*side);
    }
  }
  ~RdsRegions() override {
    for (Side* side : {&a, &b}) {
      side->rds.reset();
      side->host.Kill();
    }
  }

  void Begin(Side& side) {
    side.rds = std::make_unique<Rds>(side.host);
    side.rds->limits.backup_settle = std::chrono::milliseconds(300);
    side.rds->limits.notice_retry = std::chrono::milliseconds(100);
    side.rds->limits.monitor = std::chrono::milliseconds(200);
    side.rds->limits.link_error = std::chrono::milliseconds(500);
    side.rds->limits.log_copy = std::chrono::milliseconds(100);
    side.rds->limits.log_pull = std::chrono::milliseconds(100);
    side.host.services["rds"] = side.rds.get();
    const base::Status started = side.rds->Start();
    EXPECT_TRUE(started.ok()) << started.error().message();
  }
  void Lose(Side& side) {
    world.dark.insert(side.host.region());
    side.host.services.clear();
    side.host.Kill();
    side.rds.reset();
  }
  void Heal(Side& side) {
    world.dark.erase(side.host.region());
    Begin(side);
  }

  Answer Do(Side& side, std::string_view operation, Value input) {
    Call call;
    call.model = shapes::FindModel("rds");
    CHECK(call.model != nullptr);
    call.operation = call.model->FindOperation(operation);
    CHECK(call.operation != nullptr);
    call.input = std::move(input);
    std::optional<Answer> answer;
    side.rds->Handle(call, [&](Answer given) { answer = std::move(given); });
    EXPECT_TRUE(world.RunUntil([&] { return answer.has_value(); }));
    return *answer;
  }
  Value Done(Side& side, std::string_view operation, Value input) {
    const Answer answer = Do(side, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return {};
    }
    return std::get<Value>(answer);
  }
  std::string Code(Side& side, std::string_view operation, Value input) {
    const Answer answer = Do(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code;
  }
  Value Look(Side& side, const std::string& id) {
    const Answer answer =
        Do(side, "DescribeDBInstances", Value::Struct({{"DBInstanceIdentifier", id}}));
    if (IsError(answer)) return Value::Struct({{"DBInstanceStatus", "gone"}});
    return std::get<Value>(answer).Items("DBInstances").front();
  }
  std::string Status(Side& side, const std::string& id) {
    return std::string(Look(side, id).String("DBInstanceStatus"));
  }
  void Await(Side& side, const std::string& id, const std::string& status) {
    std::string now;
    EXPECT_TRUE(world.RunUntil([&] {
      now = Status(side, id);
      return now == status || now == "failed";
    }));
    EXPECT_EQ(now, status) << id << ": " << Events(side);
  }
  // What becomes of a snapshot that is made or copied.
  std::string Settled(Side& side, const std::string& id) {
    std::string now;
    EXPECT_TRUE(world.RunUntil([&] {
      const Value found =
          Done(side, "DescribeDBSnapshots", Value::Struct({{"DBSnapshotIdentifier", id}}));
      now = found.Items("DBSnapshots").front().String("Status");
      return now != "creating";
    }));
    return now;
  }
  std::string MakeSnapshot(Side& side, const std::string& instance, const std::string& id) {
    Done(side, "CreateDBSnapshot",
         Value::Struct({{"DBInstanceIdentifier", instance}, {"DBSnapshotIdentifier", id}}));
    return Settled(side, id);
  }
  // Into the other Region.
  std::string CopySnapshot(const std::string& id, const std::string& to) {
    Done(b, "CopyDBSnapshot",
         Value::Struct(
             {{"SourceDBSnapshotIdentifier", "arn:aws:rds:us-east-1:123456789012:snapshot:" + id},
              {"TargetDBSnapshotIdentifier", to}}));
    return Settled(b, to);
  }
  void Restore(Side& side, const std::string& snapshot, const std::string& id) {
    Done(side, "RestoreDBInstanceFromDBSnapshot",
         Value::Struct({{"DBInstanceIdentifier", id}, {"DBSnapshotIdentifier", snapshot}}));
    Await(side, id, "available");
  }
  // The directories of all snapshots of a Region, shown or not.
  static std::vector<std::filesystem::path> SnapshotDirectories(Side& side) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(side.host.StateDirectory("rds"))) {
      if (entry.path().filename().string().starts_with("snapshot-")) found.push_back(entry.path());
    }
    return found;
  }
  // What the Region says of an instance that failed.
  std::string Events(Side& side) {
    const Value events = Done(side, "DescribeEvents", Value::Struct());
    const Value::List& list = events.Items("Events");
    std::string said;
    for (const Value& event : list) said += std::string(event.String("Message")) + "; ";
    return said;
  }
  static Value Named(const std::string& id) {
    return Value::Struct({{"DBInstanceIdentifier", id}});
  }
  Value Orders() const {
    return Value::Struct({{"DBInstanceIdentifier", "Orders"},
                          {"DBInstanceClass", "db.t3.micro"},
                          {"Engine", type.name},
                          {"AllocatedStorage", 20},
                          {"DBName", "shop"},
                          {"MasterUsername", "leeward"},
                          {"MasterUserPassword", "correct-horse"}});
  }
  void MakeOrders() {
    Done(a, "CreateDBInstance", Orders());
    Await(a, "orders", "available");
  }
  void MakeReplica() {
    Done(b, "CreateDBInstanceReadReplica",
         Value::Struct(
             {{"DBInstanceIdentifier", "orders-b"}, {"SourceDBInstanceIdentifier", kOrdersArn}}));
    Await(b, "orders-b", "available");
  }

  static constexpr std::string_view kOrdersArn = "arn:aws:rds:us-east-1:123456789012:db:orders";

  const EngineType& type;
  TestWorld world;
  Side a{world, "us-east-1", 71};
  Side b{world, "us-west-2", 72};
};

}  // namespace leeward::lab::rds
