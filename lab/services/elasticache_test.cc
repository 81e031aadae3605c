#include "lab/services/elasticache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "lab/services/elasticache_test_world.h"
#include "lab/services/keys_testing.h"

namespace leeward::lab::elasticache {
namespace {

using shapes::Value;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

// Remembers the newest value of each metric.
class Metrics : public Service, public MetricSink {
 public:
  std::string_view name() const override { return "cloudwatch"; }
  std::vector<std::string_view> operations() const override { return {}; }
  void Handle(const Call&, Reply) override {}
  base::Status Start() override { return base::Ok(); }
  void Publish(std::string_view, std::string_view metric, const Dimensions& dimensions,
               std::string_view, double value) override {
    newest[std::string(metric) + " " + dimensions.front().second] = value;
  }
  std::map<std::string, double> newest;
};

// Three Regions with an ElastiCache each and real servers.
class ElastiCacheTest : public testing::Test {
 protected:
  struct Side {
    Side(TestWorld& world, const std::string& region, int block) : host(world, region, block) {}
    CarryingRegion host;
    Metrics metrics;
    std::unique_ptr<ElastiCache> service;
  };

  ElastiCacheTest() {
    for (Side* side : {&a, &b, &c}) {
      side->host.everyone = &everyone;
      everyone.push_back(&side->host);
      Begin(*side);
    }
  }
  ~ElastiCacheTest() override {
    for (Side* side : {&a, &b, &c}) {
      side->host.Die();
      side->service.reset();
    }
  }

  void Begin(Side& side) {
    side.service = std::make_unique<ElastiCache>(side.host);
    side.service->limits.tell = 100ms;
    side.service->limits.call = 500ms;
    side.service->limits.monitor = 100ms;
    side.host.services["elasticache"] = side.service.get();
    side.host.services["cloudwatch"] = &side.metrics;
    const base::Status started = side.service->Start();
    EXPECT_TRUE(started.ok()) << started.error().message();
  }
  void Darken(Side& side) { SetDark(side, true); }
  void Lighten(Side& side) { SetDark(side, false); }
  void SetDark(Side& side, bool dark) {
    if (dark) {
      world.dark.insert(side.host.region());
    } else {
      world.dark.erase(side.host.region());
    }
    side.host.SetSilent(dark);
    for (CarryingRegion* other : everyone) other->SetLinkSilent(side.host.region(), dark);
  }
  void Lose(Side& side) {
    Darken(side);
    side.host.Die();
    side.service.reset();
  }
  void Heal(Side& side) {
    Lighten(side);
    Begin(side);
  }

  Answer Do(Side& side, std::string_view operation, Value input) {
    Call call;
    call.model = shapes::FindModel("elasticache");
    CHECK(call.model != nullptr);
    call.operation = call.model->FindOperation(operation);
    CHECK(call.operation != nullptr);
    call.input = std::move(input);
    std::optional<Answer> answer;
    side.service->Handle(call, [&](Answer given) { answer = std::move(given); });
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
  std::string Refusal(Side& side, Value input) {
    const Answer answer = Do(side, "CreateReplicationGroup", std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }

  static Value Named(const std::string& id) { return Value::Struct({{"ReplicationGroupId", id}}); }
  static Value Group(const std::string& id, int nodes = 1) {
    return Value::Struct({{"ReplicationGroupId", id},
                          {"ReplicationGroupDescription", "sessions of the shop"},
                          {"Engine", "redis"},
                          {"CacheNodeType", "cache.r6g.large"},
                          {"NumCacheClusters", nodes},
                          {"AutomaticFailoverEnabled", nodes > 1}});
  }
  Value Look(Side& side, const std::string& id) {
    const Answer answer = Do(side, "DescribeReplicationGroups", Named(id));
    if (IsError(answer)) return Value::Struct({{"Status", "gone"}});
    return std::get<Value>(answer).Items("ReplicationGroups").front();
  }
  std::string Status(Side& side, const std::string& id) {
    return std::string(Look(side, id).String("Status"));
  }
  void Await(Side& side, const std::string& id, const std::string& status) {
    EXPECT_TRUE(world.RunUntil([&] { return Status(side, id) == status; }))
        << id << " is " << Status(side, id) << ", not " << status;
  }
  void Make(Side& side, const std::string& id, int nodes = 1) {
    Done(side, "CreateReplicationGroup", Group(id, nodes));
    Await(side, id, "available");
  }
  Value Cluster(Side& side, const std::string& id) {
    return Done(side, "DescribeCacheClusters",
                Value::Struct({{"CacheClusterId", id}, {"ShowCacheNodeInfo", true}}))
        .Items("CacheClusters")
        .front();
  }

  // As a client would: through a published endpoint's backend, as the default user.
  std::string Ask(Side& side, const std::string& endpoint, const std::string& command) {
    const auto found = side.host.endpoints.find("elasticache:" + endpoint);
    if (found == side.host.endpoints.end()) return "no endpoint";
    const std::string line =
        "timeout 5 redis-cli -s " + found->second.backend.string() + " " + command + " 2>&1";
    FILE* pipe = popen(line.c_str(), "r");
    std::string out;
    char bytes[4096];
    while (std::size_t got = fread(bytes, 1, sizeof bytes, pipe)) out.append(bytes, got);
    pclose(pipe);
    while (out.ends_with('\n')) out.pop_back();
    return out;
  }
  bool Sees(Side& side, const std::string& endpoint, const std::string& key,
            const std::string& value) {
    return world.RunUntil([&] { return Ask(side, endpoint, "get " + key) == value; }, 20s);
  }
  std::vector<std::string> Events(Side& side, const std::string& source) {
    std::vector<std::string> messages;
    const Value told = Done(side, "DescribeEvents", Value::Struct());
    for (const Value& event : told.Items("Events")) {
      if (event.String("SourceIdentifier") == source) {
        messages.emplace_back(event.String("Message"));
      }
    }
    return messages;
  }
  // Never 0, which would name this program's own group.
  int PidOf(Side& side, const std::string& node) {
    int pid = 0;
    world.RunUntil([&] {
      const std::string info = Ask(side, node, "info server");
      const auto at = info.find("process_id:");
      if (at != std::string::npos) pid = std::stoi(info.substr(at + 11));
      return pid > 1;
    });
    CHECK(pid > 1);
    return pid;
  }

  static Value Global(const std::string& id) {
    return Value::Struct({{"GlobalReplicationGroupId", id}, {"ShowMemberInfo", true}});
  }
  Value LookGlobal(Side& side, const std::string& id = "ldgnf-sessions") {
    const Answer answer = Do(side, "DescribeGlobalReplicationGroups", Global(id));
    if (IsError(answer)) return Value::Struct({{"Status", "gone"}});
    return std::get<Value>(answer).Items("GlobalReplicationGroups").front();
  }
  std::string RoleIn(Side& side, const std::string& region) {
    const Value record = LookGlobal(side);
    for (const Value& member : record.Items("Members")) {
      if (member.String("ReplicationGroupRegion") == region) {
        return std::string(member.String("Role"));
      }
    }
    return "none";
  }
  void AwaitGlobal(Side& side, const std::string& status) {
    EXPECT_TRUE(world.RunUntil([&] { return LookGlobal(side).String("Status") == status; }))
        << LookGlobal(side).String("Status");
  }
  static Value Secondary(const std::string& id) {
    return Value::Struct({{"ReplicationGroupId", id},
                          {"ReplicationGroupDescription", "the same elsewhere"},
                          {"GlobalReplicationGroupId", "ldgnf-sessions"}});
  }
  void MakeGlobal() {
    Make(a, "sessions");
    const Value made = Done(a, "CreateGlobalReplicationGroup",
                            Value::Struct({{"GlobalReplicationGroupIdSuffix", "sessions"},
                                           {"PrimaryReplicationGroupId", "sessions"}}))
                           .Sub("GlobalReplicationGroup");
    EXPECT_EQ(made.String("GlobalReplicationGroupId"), "ldgnf-sessions");
    EXPECT_EQ(made.String("Status"), "creating");
    AwaitGlobal(a, "primary-only");
    Join(b, "sessions-b");
  }
  void Join(Side& side, const std::string& id) {
    const Value made = Done(side, "CreateReplicationGroup", Secondary(id)).Sub("ReplicationGroup");
    EXPECT_EQ(made.Sub("GlobalReplicationGroupInfo").String("GlobalReplicationGroupMemberRole"),
              "SECONDARY");
    Await(side, id, "available");
    AwaitGlobal(a, "available");
    AwaitGlobal(side, "available");
  }
  static Value FailTo(const std::string& region, const std::string& group) {
    return Value::Struct({{"GlobalReplicationGroupId", "ldgnf-sessions"},
                          {"PrimaryRegion", region},
                          {"PrimaryReplicationGroupId", group}});
  }

  TestWorld world;
  std::vector<CarryingRegion*> everyone;
  Side a{world, "us-east-1", 81};
  Side b{world, "us-west-2", 82};
  Side c{world, "eu-west-1", 83};
};

TEST_F(ElastiCacheTest, GroupIsMadeUsedAndDeleted) {
  const Value made =
      Done(a, "CreateReplicationGroup", Group("Sessions", 2)).Sub("ReplicationGroup");
  EXPECT_EQ(made.String("ReplicationGroupId"), "sessions");
  EXPECT_EQ(made.String("Status"), "creating");
  EXPECT_FALSE(made.Has("NodeGroups"));
  EXPECT_EQ(Code(a, "CreateReplicationGroup", Group("sessions")), "ReplicationGroupAlreadyExists");
  Await(a, "sessions", "available");

  const Value group = Look(a, "sessions");
  const Value& shard = group.Items("NodeGroups").front();
  EXPECT_EQ(shard.Sub("PrimaryEndpoint").Int("Port"), 6379);
  EXPECT_THAT(std::string(shard.Sub("PrimaryEndpoint").String("Address")), HasSubstr("127.81.0."));
  EXPECT_EQ(shard.Items("NodeGroupMembers")[0].String("CurrentRole"), "primary");
  EXPECT_EQ(shard.Items("NodeGroupMembers")[1].String("CurrentRole"), "replica");
  EXPECT_EQ(Cluster(a, "sessions-002").Items("CacheNodes").front().String("CacheNodeStatus"),
            "available");

  EXPECT_EQ(Ask(a, "sessions", "set user:1 ana"), "OK");
  EXPECT_TRUE(Sees(a, "sessions-002", "user:1", "ana"));
  EXPECT_THAT(Ask(a, "sessions:reader", "set user:1 eva"), HasSubstr("READONLY"));
  EXPECT_THAT(Ask(a, "sessions", "config get dir"), HasSubstr("NOPERM"));
  EXPECT_THAT(Ask(a, "sessions", "replicaof no one"), HasSubstr("NOPERM"));

  Done(a, "DeleteReplicationGroup", Named("sessions"));
  Await(a, "sessions", "gone");
  EXPECT_TRUE(a.host.endpoints.empty());
  EXPECT_EQ(Code(a, "DescribeReplicationGroups", Named("sessions")),
            "ReplicationGroupNotFoundFault");
}

TEST_F(ElastiCacheTest, WhatElastiCacheDoesNotHaveIsRefusedByName) {
  const auto with = [](const std::string& name, Value value) {
    return Group("sessions").Set(name, std::move(value));
  };
  EXPECT_THAT(Refusal(a, with("Engine", "memcached")),
              HasSubstr("InvalidParameterValue: The engine memcached"));
  EXPECT_THAT(Refusal(a, with("EngineVersion", "3.2.6")), HasSubstr("Cannot find version 3.2.6"));
  EXPECT_THAT(Refusal(a, with("TransitEncryptionEnabled", true)),
              HasSubstr("TransitEncryptionEnabled"));
  EXPECT_THAT(Refusal(a, with("AuthToken", "a-token-of-16-chars")),
              HasSubstr("AuthToken can only be"));
  EXPECT_THAT(Refusal(a, with("CacheNodeType", "db.t3.micro")),
              HasSubstr("Invalid cache node type"));
  EXPECT_THAT(Refusal(a, with("AutomaticFailoverEnabled", true)),
              HasSubstr("InvalidParameterCombination"));
  EXPECT_THAT(Refusal(a, with("MultiAZEnabled", true)), HasSubstr("automatic failover"));
  EXPECT_THAT(Refusal(a, with("NumNodeGroups", 3)), HasSubstr("Cluster mode"));
  EXPECT_THAT(Refusal(a, with("CacheParameterGroupName", "default.redis7.cluster.on")),
              HasSubstr("Cluster mode"));
  EXPECT_THAT(Refusal(a, with("CacheParameterGroupName", "mine")),
              HasSubstr("CacheParameterGroupNotFound"));
  EXPECT_THAT(Refusal(a, with("CacheSubnetGroupName", "mine")),
              HasSubstr("CacheSubnetGroupNotFoundFault"));
  EXPECT_THAT(Refusal(a, with("SnapshotName", "mine")), HasSubstr("SnapshotNotFoundFault"));
  EXPECT_THAT(Refusal(a, with("ReplicationGroupId", "1st")), HasSubstr("not a valid identifier"));
  EXPECT_THAT(Refusal(a, with("GlobalReplicationGroupId", "ldgnf-absent")),
              HasSubstr("Engine, CacheNodeType cannot be specified"));
}

TEST_F(ElastiCacheTest, KilledPrimaryFailsOverToItsReplicaAndIsReplaced) {
  Make(a, "sessions", 2);
  Ask(a, "sessions", "set user:1 ana");
  ASSERT_TRUE(Sees(a, "sessions-002", "user:1", "ana"));
  ASSERT_TRUE(kill(PidOf(a, "sessions-001"), SIGKILL) == 0);
  EXPECT_TRUE(world.RunUntil([&] { return Status(a, "sessions") != "available"; }, 5s));
  EXPECT_NE(Cluster(a, "sessions-001").String("CacheClusterStatus"), "available");
  Await(a, "sessions", "available");
  EXPECT_EQ(Look(a, "sessions")
                .Items("NodeGroups")
                .front()
                .Items("NodeGroupMembers")[1]
                .String("CurrentRole"),
            "primary");
  EXPECT_EQ(Ask(a, "sessions", "get user:1"), "ana");
  EXPECT_EQ(Ask(a, "sessions", "set user:2 eva"), "OK");
  EXPECT_TRUE(Sees(a, "sessions-001", "user:2", "eva"));
  EXPECT_THAT(Events(a, "sessions-001"),
              ElementsAre("Cache cluster created",
                          "Cache node 0001 has failed: its server ended with signal 9",
                          "Recovering cache nodes 0001", "Finished recovery for cache nodes 0001"));
  EXPECT_THAT(Events(a, "sessions"),
              Contains("Failover from primary node sessions-001 to replica node sessions-002 "
                       "completed"));
}

TEST_F(ElastiCacheTest, WithoutAutomaticFailoverTheNewPrimaryCopiesAReplica) {
  Value input = Group("sessions", 2);
  Done(a, "CreateReplicationGroup", input.Set("AutomaticFailoverEnabled", false));
  Await(a, "sessions", "available");
  Ask(a, "sessions", "set user:1 ana");
  ASSERT_TRUE(Sees(a, "sessions-002", "user:1", "ana"));
  ASSERT_TRUE(kill(PidOf(a, "sessions-001"), SIGKILL) == 0);
  EXPECT_TRUE(world.RunUntil([&] { return Status(a, "sessions") != "available"; }, 5s));
  Await(a, "sessions", "available");
  EXPECT_EQ(Ask(a, "sessions-001", "get user:1"), "ana");
  EXPECT_EQ(Ask(a, "sessions", "set user:2 eva"), "OK");
  EXPECT_TRUE(Sees(a, "sessions-002", "user:2", "eva"));
  EXPECT_EQ(Code(a, "TestFailover", Named("sessions").Set("NodeGroupId", "0001")),
            "InvalidReplicationGroupState");
  Done(a, "ModifyReplicationGroup", Named("sessions").Set("PrimaryClusterId", "sessions-002"));
  Await(a, "sessions", "available");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(a, "sessions-002", "set user:3 eve") == "OK"; }));
  EXPECT_TRUE(Sees(a, "sessions-001", "user:3", "eve"));
}

TEST_F(ElastiCacheTest, AServerThatHangsIsReplacedToo) {
  Make(a, "sessions", 2);
  const int pid = PidOf(a, "sessions-001");
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  EXPECT_TRUE(world.RunUntil([&] { return Status(a, "sessions") != "available"; }, 10s));
  Await(a, "sessions", "available");
  EXPECT_NE(PidOf(a, "sessions-001"), pid);
  EXPECT_THAT(Events(a, "sessions-001"),
              Contains("Cache node 0001 does not answer and is replaced"));
}

TEST_F(ElastiCacheTest, TestFailoverMovesThePrimaryAndTellsSo) {
  Make(a, "sessions", 2);
  EXPECT_EQ(Code(a, "TestFailover", Named("sessions").Set("NodeGroupId", "0002")),
            "NodeGroupNotFoundFault");
  const Value answer = Done(a, "TestFailover", Named("sessions").Set("NodeGroupId", "0001"));
  EXPECT_EQ(answer.Sub("ReplicationGroup").String("Status"), "modifying");
  Await(a, "sessions", "available");
  EXPECT_EQ(Look(a, "sessions")
                .Items("NodeGroups")
                .front()
                .Items("NodeGroupMembers")[1]
                .String("CurrentRole"),
            "primary");
  EXPECT_THAT(Events(a, "sessions"), Contains("Test Failover API called for node group 0001"));
}

TEST_F(ElastiCacheTest, SnapshotIsTakenCopiedAndRestored) {
  Make(a, "sessions");
  Ask(a, "sessions", "set user:1 ana");
  const Value taken =
      Done(a, "CreateSnapshot", Named("sessions").Set("SnapshotName", "monday")).Sub("Snapshot");
  EXPECT_EQ(taken.String("SnapshotStatus"), "creating");
  EXPECT_EQ(Code(a, "CreateSnapshot", Named("sessions").Set("SnapshotName", "monday")),
            "SnapshotAlreadyExistsFault");
  Await(a, "sessions", "available");
  Ask(a, "sessions", "set user:1 eva");
  Done(a, "CopySnapshot",
       Value::Struct({{"SourceSnapshotName", "monday"}, {"TargetSnapshotName", "kept"}}));
  EXPECT_TRUE(world.RunUntil([&] {
    return Done(a, "DescribeSnapshots", Value::Struct({{"SnapshotName", "kept"}}))
               .Items("Snapshots")
               .front()
               .String("SnapshotStatus") == "available";
  }));
  Done(a, "DeleteSnapshot", Value::Struct({{"SnapshotName", "monday"}}));
  Done(a, "CreateReplicationGroup", Group("again").Set("SnapshotName", "kept"));
  Await(a, "again", "available");
  EXPECT_EQ(Ask(a, "again", "get user:1"), "ana");
  EXPECT_EQ(Ask(a, "sessions", "get user:1"), "eva");
}

TEST_F(ElastiCacheTest, DailySnapshotIsTakenInItsWindow) {
  const std::string hour = base::FormatIso8601(world.clock().Now()).substr(11, 2);
  const int later = (std::stoi(hour) + 2) % 24;
  const std::string window =
      hour + ":00-" + (later < 10 ? "0" : "") + std::to_string(later) + ":00";
  Value input = Group("sessions");
  input.Set("SnapshotRetentionLimit", 1).Set("SnapshotWindow", window);
  Done(a, "CreateReplicationGroup", input);
  const auto taken = [&] {
    return Done(a, "DescribeSnapshots", Value::Struct({{"SnapshotSource", "system"}}));
  };
  ASSERT_TRUE(world.RunUntil([&] {
    const Value all = taken();
    const Value::List& snapshots = all.Items("Snapshots");
    return !snapshots.empty() && snapshots.front().String("SnapshotStatus") == "available";
  }));
  world.RunFor(300ms);
  const Value all = taken();
  ASSERT_EQ(all.Items("Snapshots").size(), 1u);
  EXPECT_THAT(std::string(all.Items("Snapshots").front().String("SnapshotName")),
              HasSubstr("automatic.sessions-20"));
}

TEST_F(ElastiCacheTest, NodeThatCouldNotBeReplacedIsTriedAgain) {
  a.service->limits.recover_again = 300ms;
  Make(a, "sessions");
  const std::filesystem::path folder =
      a.host.endpoints.at("elasticache:sessions").backend.parent_path();
  const int pid = PidOf(a, "sessions");
  std::filesystem::remove_all(folder);
  std::ofstream(folder) << "in the way";
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(world.RunUntil(
      [&] { return Cluster(a, "sessions-001").String("CacheClusterStatus") == "restore-failed"; }));
  EXPECT_EQ(Status(a, "sessions"), "modifying");
  std::filesystem::remove(folder);
  Await(a, "sessions", "available");
  EXPECT_EQ(Ask(a, "sessions", "set user:1 ana"), "OK");
}

TEST_F(ElastiCacheTest, TagsSubnetGroupsAndPagesAreAsAsked) {
  Make(a, "sessions");
  const std::string arn(Look(a, "sessions").String("ARN"));
  const Value tag = Value::Struct({{"Key", "team"}, {"Value", "shop"}});
  Done(a, "AddTagsToResource",
       Value::Struct({{"ResourceName", arn}, {"Tags", Value(Value::List{tag})}}));
  EXPECT_EQ(Done(a, "ListTagsForResource", Value::Struct({{"ResourceName", arn}}))
                .Items("TagList")
                .front()
                .String("Value"),
            "shop");
  EXPECT_EQ(Code(a, "RemoveTagsFromResource",
                 Value::Struct({{"ResourceName", arn}, {"TagKeys", Value(Value::List{"other"})}})),
            "TagNotFound");
  EXPECT_EQ(Code(a, "DescribeReplicationGroups", Value::Struct({{"MaxRecords", 5}})),
            "InvalidParameterValue");
  EXPECT_EQ(Code(a, "DescribeCacheSubnetGroups", Value::Struct({{"CacheSubnetGroupName", "x"}})),
            "CacheSubnetGroupNotFoundFault");
  EXPECT_EQ(
      Done(a, "DescribeCacheParameterGroups", Value::Struct()).Items("CacheParameterGroups").size(),
      3u);
}

TEST_F(ElastiCacheTest, LostRegionComesBackEmptyAsNodesWithoutPowerDo) {
  Make(a, "sessions");
  Ask(a, "sessions", "set user:1 ana");
  Lose(a);
  Heal(a);
  Await(a, "sessions", "available");
  EXPECT_EQ(Ask(a, "sessions", "dbsize"), "0");
  EXPECT_EQ(Ask(a, "sessions", "set user:1 ana"), "OK");
}

TEST_F(ElastiCacheTest, SecondaryFollowsAndIsReadOnly) {
  MakeGlobal();
  EXPECT_EQ(Look(a, "sessions")
                .Sub("GlobalReplicationGroupInfo")
                .String("GlobalReplicationGroupMemberRole"),
            "PRIMARY");
  EXPECT_EQ(Look(b, "sessions-b").String("CacheNodeType"), "cache.r6g.large");
  EXPECT_EQ(Ask(a, "sessions", "set user:1 ana"), "OK");
  EXPECT_TRUE(Sees(b, "sessions-b", "user:1", "ana"));
  EXPECT_THAT(Ask(b, "sessions-b", "set user:1 eva"), HasSubstr("READONLY"));
  EXPECT_TRUE(world.RunUntil(
      [&] { return b.metrics.newest.contains("GlobalDatastoreReplicationLag sessions-b-001"); }));
  EXPECT_LT(b.metrics.newest["GlobalDatastoreReplicationLag sessions-b-001"], 3.0);
  EXPECT_FALSE(a.metrics.newest.contains("GlobalDatastoreReplicationLag sessions-001"));
  EXPECT_EQ(Code(b, "DeleteReplicationGroup", Named("sessions-b")), "InvalidReplicationGroupState");
  EXPECT_EQ(Code(a, "DeleteGlobalReplicationGroup",
                 Global("ldgnf-sessions").Set("RetainPrimaryReplicationGroup", true)),
            "InvalidGlobalReplicationGroupState");
  Join(c, "sessions-c");
  EXPECT_TRUE(Sees(c, "sessions-c", "user:1", "ana"));
}

TEST_F(ElastiCacheTest, WhatADatastoreDoesNotTakeIsRefused) {
  MakeGlobal();
  const Value decided = Value::Struct(
      {{"Engine", "redis"}, {"CacheNodeType", "cache.r6g.large"}, {"NumNodeGroups", 1}});
  for (const auto& [name, value] : decided.members()) {
    EXPECT_THAT(Refusal(c, Secondary("sessions-c").Set(name, value)), HasSubstr(name));
  }
  EXPECT_THAT(Refusal(c, Secondary("sessions-c").Set("GlobalReplicationGroupId", "ldgnf-absent")),
              HasSubstr("GlobalReplicationGroupNotFoundFault"));
  EXPECT_THAT(Refusal(b, Secondary("second")), HasSubstr("already has a member"));
  Value small = Group("small");
  Done(a, "CreateReplicationGroup", small.Set("CacheNodeType", "cache.t3.micro"));
  Await(a, "small", "available");
  const auto global = [](const std::string& group) {
    return Value::Struct(
        {{"GlobalReplicationGroupIdSuffix", "other"}, {"PrimaryReplicationGroupId", group}});
  };
  EXPECT_EQ(Code(a, "CreateGlobalReplicationGroup", global("small")), "InvalidParameterValue");
  EXPECT_EQ(Code(a, "CreateGlobalReplicationGroup", global("absent")),
            "ReplicationGroupNotFoundFault");
  EXPECT_EQ(Code(a, "CreateGlobalReplicationGroup", global("sessions")),
            "InvalidReplicationGroupState");
  EXPECT_EQ(Code(b, "FailoverGlobalReplicationGroup", FailTo("us-east-1", "sessions")),
            "InvalidParameterValue");
  EXPECT_EQ(Code(b, "FailoverGlobalReplicationGroup", FailTo("eu-west-1", "sessions")),
            "InvalidParameterValue");
  EXPECT_EQ(
      Code(a, "ModifyReplicationGroup", Named("sessions").Set("CacheNodeType", "cache.m5.large")),
      "InvalidParameterCombination");
}

TEST_F(ElastiCacheTest, GroupsAreEncryptedUnderKeysOfTheirRegions) {
  FakeKeys keys_of_a(a.host);
  FakeKeys keys_of_b(b.host);
  a.host.services["kms"] = &keys_of_a;
  b.host.services["kms"] = &keys_of_b;
  const std::string here = keys_of_a.Put("own", "alias/own", true);
  EXPECT_THAT(Refusal(a, Group("sessions").Set("KmsKeyId", "alias/own")),
              HasSubstr("only be specified when AtRestEncryptionEnabled is true"));
  const Value encrypted = Group("sessions").Set("AtRestEncryptionEnabled", true);
  EXPECT_THAT(Refusal(a, Value(encrypted).Set("KmsKeyId", "alias/none")),
              HasSubstr("does not exist in us-east-1"));
  EXPECT_THAT(Refusal(a, Value(encrypted).Set("KmsKeyId", "alias/aws/rds")),
              HasSubstr("does not exist"));
  keys_of_a.Put("own", "alias/own", false);
  EXPECT_THAT(Refusal(a, Value(encrypted).Set("KmsKeyId", "alias/own")),
              HasSubstr("is not enabled"));
  keys_of_a.Put("own", "alias/own", true);
  Done(a, "CreateReplicationGroup", Value(encrypted).Set("KmsKeyId", "alias/own"));
  Await(a, "sessions", "available");
  EXPECT_TRUE(Look(a, "sessions").Flag("AtRestEncryptionEnabled", false));
  EXPECT_EQ(Look(a, "sessions").String("KmsKeyId"), here);
  EXPECT_TRUE(Cluster(a, "sessions-001").Flag("AtRestEncryptionEnabled", false));

  Done(a, "CreateGlobalReplicationGroup",
       Value::Struct({{"GlobalReplicationGroupIdSuffix", "sessions"},
                      {"PrimaryReplicationGroupId", "sessions"}}));
  AwaitGlobal(a, "primary-only");
  EXPECT_TRUE(LookGlobal(a).Flag("AtRestEncryptionEnabled", false));
  EXPECT_THAT(Refusal(b, Secondary("sessions-b").Set("KmsKeyId", "alias/own")),
              HasSubstr("does not exist in us-west-2"));
  const std::string there = keys_of_b.Put("own", "alias/own", true);
  Done(b, "CreateReplicationGroup", Secondary("sessions-b").Set("KmsKeyId", "alias/own"));
  Await(b, "sessions-b", "available");
  EXPECT_TRUE(Look(b, "sessions-b").Flag("AtRestEncryptionEnabled", false));
  EXPECT_EQ(Look(b, "sessions-b").String("KmsKeyId"), there);
  a.host.services.erase("kms");
  b.host.services.erase("kms");
}

TEST_F(ElastiCacheTest, ASecondaryHasAKeyOnlyWhereItsPrimaryIsEncrypted) {
  MakeGlobal();
  FakeKeys keys(c.host);
  c.host.services["kms"] = &keys;
  keys.Put("own", "alias/own", true);
  EXPECT_THAT(Refusal(c, Secondary("sessions-c").Set("KmsKeyId", "alias/own")),
              HasSubstr("is not encrypted at rest"));
  EXPECT_EQ(Status(c, "sessions-c"), "gone");
  c.host.services.erase("kms");
}

TEST_F(ElastiCacheTest, PlannedFailoverAndBackKeepsWhatHadCrossed) {
  MakeGlobal();
  Ask(a, "sessions", "set user:1 ana");
  ASSERT_TRUE(Sees(b, "sessions-b", "user:1", "ana"));
  const Value begun = Done(a, "FailoverGlobalReplicationGroup", FailTo("us-west-2", "sessions-b"))
                          .Sub("GlobalReplicationGroup");
  EXPECT_EQ(begun.String("Status"), "modifying");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "sessions-b", "set user:2 eva") == "OK"; }));
  EXPECT_TRUE(world.RunUntil([&] { return RoleIn(a, "us-west-2") == "PRIMARY"; }));
  EXPECT_TRUE(Sees(a, "sessions", "user:2", "eva"));
  EXPECT_EQ(Ask(a, "sessions", "get user:1"), "ana");
  EXPECT_THAT(Ask(a, "sessions", "set user:3 eve"), HasSubstr("READONLY"));
  AwaitGlobal(b, "available");
  Done(b, "FailoverGlobalReplicationGroup", FailTo("us-east-1", "sessions"));
  EXPECT_TRUE(world.RunUntil([&] { return Ask(a, "sessions", "set user:3 eve") == "OK"; }));
  EXPECT_TRUE(Sees(b, "sessions-b", "user:3", "eve"));
  AwaitGlobal(b, "available");
  Value change = Global("ldgnf-sessions");
  change.Erase("ShowMemberInfo");
  EXPECT_EQ(Code(b, "ModifyGlobalReplicationGroup", change), "InvalidParameterValue");
  change.Set("ApplyImmediately", true).Set("CacheNodeType", "cache.r6g.xlarge");
  Done(b, "ModifyGlobalReplicationGroup", change);
  EXPECT_TRUE(world.RunUntil(
      [&] { return Look(a, "sessions").String("CacheNodeType") == "cache.r6g.xlarge"; }));
  EXPECT_EQ(Look(b, "sessions-b").String("CacheNodeType"), "cache.r6g.xlarge");
}

TEST_F(ElastiCacheTest, FailoverNeedsNothingOfADarkPrimaryAndLosesWhatHadNotCrossed) {
  MakeGlobal();
  Ask(a, "sessions", "set user:1 ana");
  ASSERT_TRUE(Sees(b, "sessions-b", "user:1", "ana"));
  Darken(a);
  EXPECT_EQ(Ask(a, "sessions", "set user:2 lost"), "OK");
  EXPECT_EQ(Code(b, "FailoverGlobalReplicationGroup", FailTo("us-west-2", "sessions-b")), "done");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "sessions-b", "set user:3 eva") == "OK"; }, 5s));
  EXPECT_TRUE(world.RunUntil([&] { return RoleIn(b, "us-west-2") == "PRIMARY"; }, 5s));
  // A has not heard of it, and goes on.
  EXPECT_EQ(Ask(a, "sessions", "set user:4 lost"), "OK");
  EXPECT_EQ(RoleIn(a, "us-east-1"), "PRIMARY");
  Lighten(a);
  EXPECT_TRUE(world.RunUntil([&] { return RoleIn(a, "us-east-1") == "SECONDARY"; }, 10s));
  EXPECT_TRUE(Sees(a, "sessions", "user:3", "eva"));
  EXPECT_EQ(Ask(a, "sessions", "exists user:2 user:4"), "0");
  EXPECT_THAT(Ask(a, "sessions", "set user:5 no"), HasSubstr("READONLY"));
}

TEST_F(ElastiCacheTest, LagGrowsWhileThePrimaryIsOutOfSight) {
  MakeGlobal();
  Darken(a);
  EXPECT_TRUE(world.RunUntil(
      [&] { return b.metrics.newest["GlobalDatastoreReplicationLag sessions-b-001"] > 4.0; }, 20s));
  Lighten(a);
  EXPECT_TRUE(world.RunUntil(
      [&] { return b.metrics.newest["GlobalDatastoreReplicationLag sessions-b-001"] == 0.0; },
      30s));
}

TEST_F(ElastiCacheTest, APrimaryThatWasKilledComesBackAsASecondary) {
  MakeGlobal();
  Ask(a, "sessions", "set user:1 ana");
  ASSERT_TRUE(Sees(b, "sessions-b", "user:1", "ana"));
  Lose(a);
  Done(b, "FailoverGlobalReplicationGroup", FailTo("us-west-2", "sessions-b"));
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "sessions-b", "set user:2 eva") == "OK"; }, 5s));
  Heal(a);
  Await(a, "sessions", "available");
  EXPECT_TRUE(Sees(a, "sessions", "user:2", "eva"));
  EXPECT_EQ(Ask(a, "sessions", "get user:1"), "ana");
  EXPECT_THAT(Ask(a, "sessions", "set user:3 no"), HasSubstr("READONLY"));
  EXPECT_EQ(RoleIn(a, "us-east-1"), "SECONDARY");
  // And it is told apart from a first failover: the way back works, too.
  Done(a, "FailoverGlobalReplicationGroup", FailTo("us-east-1", "sessions"));
  EXPECT_TRUE(world.RunUntil([&] { return Ask(a, "sessions", "set user:3 eve") == "OK"; }, 5s));
  EXPECT_TRUE(Sees(b, "sessions-b", "user:3", "eve"));
}

TEST_F(ElastiCacheTest, TwoFailoversOutOfSightOfEachOtherEndWithOneWriter) {
  MakeGlobal();
  Join(c, "sessions-c");
  Darken(b);
  EXPECT_EQ(Code(b, "FailoverGlobalReplicationGroup", FailTo("us-west-2", "sessions-b")), "done");
  EXPECT_EQ(Code(c, "FailoverGlobalReplicationGroup", FailTo("eu-west-1", "sessions-c")), "done");
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "sessions-b", "set user:b 1") == "OK"; }, 5s));
  EXPECT_TRUE(world.RunUntil([&] { return Ask(c, "sessions-c", "set user:c 1") == "OK"; }, 5s));
  Lighten(b);
  const auto one_writer = [&] {
    for (Side* side : {&a, &b, &c}) {
      if (RoleIn(*side, "us-west-2") != "PRIMARY" || RoleIn(*side, "eu-west-1") != "SECONDARY" ||
          LookGlobal(*side).String("Status") != "available") {
        return false;
      }
    }
    return true;
  };
  EXPECT_TRUE(world.RunUntil(one_writer, 20s));
  EXPECT_EQ(Ask(b, "sessions-b", "set user:d 1"), "OK");
  EXPECT_TRUE(Sees(a, "sessions", "user:d", "1"));
  EXPECT_TRUE(Sees(c, "sessions-c", "user:d", "1"));
  EXPECT_EQ(Ask(c, "sessions-c", "exists user:c"), "0");
  EXPECT_EQ(Ask(c, "sessions-c", "get user:b"), "1");
  EXPECT_THAT(Ask(c, "sessions-c", "set user:e 1"), HasSubstr("READONLY"));
}

TEST_F(ElastiCacheTest, DisassociatedSecondaryWritesByItself) {
  MakeGlobal();
  Ask(a, "sessions", "set user:1 ana");
  ASSERT_TRUE(Sees(b, "sessions-b", "user:1", "ana"));
  const auto leave = [](const std::string& group, const std::string& region) {
    return Value::Struct({{"GlobalReplicationGroupId", "ldgnf-sessions"},
                          {"ReplicationGroupId", group},
                          {"ReplicationGroupRegion", region}});
  };
  EXPECT_EQ(Code(b, "DisassociateGlobalReplicationGroup", leave("sessions", "us-east-1")),
            "InvalidParameterValue");
  Darken(a);
  Done(b, "DisassociateGlobalReplicationGroup", leave("sessions-b", "us-west-2"));
  EXPECT_TRUE(world.RunUntil([&] { return Ask(b, "sessions-b", "set user:2 eva") == "OK"; }, 10s));
  EXPECT_EQ(Ask(b, "sessions-b", "get user:1"), "ana");
  EXPECT_FALSE(
      Look(b, "sessions-b").Sub("GlobalReplicationGroupInfo").Has("GlobalReplicationGroupId"));
  Lighten(a);
  AwaitGlobal(a, "primary-only");
  EXPECT_EQ(Ask(a, "sessions", "set user:3 eve"), "OK");
  Done(a, "DeleteGlobalReplicationGroup",
       Global("ldgnf-sessions").Set("RetainPrimaryReplicationGroup", true));
  AwaitGlobal(a, "gone");
  EXPECT_EQ(Ask(a, "sessions", "get user:3"), "eve");
  Done(b, "DeleteReplicationGroup", Named("sessions-b"));
  Await(b, "sessions-b", "gone");
}

}  // namespace
}  // namespace leeward::lab::elasticache
