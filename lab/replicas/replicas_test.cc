#include <gtest/gtest.h>

#include "lab/items/encoding.h"
#include "lab/items/testing.h"
#include "lab/replicas/testing.h"

namespace leeward::lab::replicas {
namespace {

using shapes::Value;

const std::string kA = "us-east-1";
const std::string kB = "us-west-2";
const std::string kC = "us-east-2";
constexpr int kHealed = 100;  // times that links which were cut are mended, in a long test

Value Key(const std::string& key) { return Value::Struct({{"pk", Value::Struct({{"S", key}})}}); }

class ReplicasTest : public testing::Test {
 protected:
  void MakeTable(const std::string& region, const Value& more = Value::Struct()) {
    Value input = Value::Struct(
        {{"TableName", "carts"},
         {"AttributeDefinitions",
          Value::List{Value::Struct({{"AttributeName", "pk"}, {"AttributeType", "S"}})}},
         {"KeySchema", Value::List{Value::Struct({{"AttributeName", "pk"}, {"KeyType", "HASH"}})}},
         {"BillingMode", "PAY_PER_REQUEST"}});
    for (const auto& [name, value] : more.members()) input.Set(name, value);
    const auto made = world_.Call(region, "CreateTable", input);
    ASSERT_EQ(made.status, 200) << shapes::ToJson(input) << shapes::ToJson(made.body);
    ASSERT_TRUE(world_.TurnUntil([&] { return Table(region).String("TableStatus") == "ACTIVE"; }));
  }
  Value Table(const std::string& region) {
    return world_.Call(region, "DescribeTable", Value::Struct({{"TableName", "carts"}}))
        .body.Sub("Table");
  }
  World::Answer Replica(const std::string& region, const std::string& kind, const std::string& of) {
    return world_.Call(
        region, "UpdateTable",
        Value::Struct({{"TableName", "carts"},
                       {"ReplicaUpdates", Value::List{Value::Struct(
                                              {{kind, Value::Struct({{"RegionName", of}})}})}}}));
  }
  void Add(const std::string& region, const std::string& of) {
    const auto answer = Replica(region, "Create", of);
    ASSERT_EQ(answer.status, 200) << shapes::ToJson(answer.body);
    EXPECT_EQ(answer.body.Sub("TableDescription").String("TableStatus"), "UPDATING");
    ASSERT_TRUE(world_.TurnUntil([&] { return Table(region).String("TableStatus") == "ACTIVE"; }));
  }
  World::Answer Put(const std::string& region, const std::string& key, const std::string& value) {
    Value item = Key(key);
    item.Set("v", Value::Struct({{"S", value}}));
    return world_.Call(region, "PutItem", Value::Struct({{"TableName", "carts"}, {"Item", item}}));
  }
  std::string Get(const std::string& region, const std::string& key) {
    return std::string(
        world_.Call(region, "GetItem", Value::Struct({{"TableName", "carts"}, {"Key", Key(key)}}))
            .body.Sub("Item")
            .Sub("v")
            .String("S", "-"));
  }
  // All there is in a Region: items, tombstones and versions, as text.
  std::string All(const std::string& region) {
    std::string all;
    std::string from;
    do {
      const auto piece = world_.Replication(region).Ship("carts", from, 1 << 20);
      if (!piece.ok()) return piece.error().message();
      all += shapes::ToJson(ToValue(piece->changes));
      from = piece->next;
    } while (!from.empty());
    return all;
  }
  bool Same() { return All(kA) == All(kB) && All(kB) == All(kC); }

  World world_{{kA, kB, kC}};
};

TEST_F(ReplicasTest, ANewReplicaGetsWhatThereIsAndWhatIsWrittenAnywhereAfterwards) {
  MakeTable(kA);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Put(kA, "k" + std::to_string(i), "old").status, 200);
  Add(kA, kB);
  EXPECT_EQ(Get(kB, "k49"), "old");
  const Value here = Table(kA);
  EXPECT_EQ(here.String("GlobalTableVersion"), "2019.11.21");
  EXPECT_EQ(here.String("MultiRegionConsistency"), "EVENTUAL");
  EXPECT_EQ(here.Sub("StreamSpecification").String("StreamViewType"), "NEW_AND_OLD_IMAGES")
      << "it is forced on";
  ASSERT_EQ(here.Items("Replicas").size(), 1U);
  EXPECT_EQ(here.Items("Replicas").front().String("RegionName"), kB);
  EXPECT_EQ(here.Items("Replicas").front().String("ReplicaStatus"), "ACTIVE");
  EXPECT_EQ(Table(kB).Items("Replicas").front().String("RegionName"), kA);
  ASSERT_EQ(Put(kB, "new", "there").status, 200);
  EXPECT_EQ(Get(kA, "new"), "-") << "not at once";
  world_.Turn(1s);
  EXPECT_EQ(Get(kA, "new"), "there");
  Add(kB, kC);
  EXPECT_EQ(Table(kA).Items("Replicas").size(), 2U);
  EXPECT_EQ(Get(kC, "new"), "there");
  EXPECT_TRUE(Same());
}

TEST_F(ReplicasTest, WritesDuringTheAdditionArriveTooWhereverTheyAreMade) {
  MakeTable(kA);
  Add(kA, kB);
  ASSERT_EQ(Replica(kA, "Create", kC).status, 200);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Put(i % 2 == 0 ? kA : kB, "k" + std::to_string(i), "v").status, 200);
    world_.Turn(1ms);
  }
  ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }));
  ASSERT_TRUE(world_.TurnUntil([&] { return Same(); }));
  EXPECT_EQ(Get(kC, "k199"), "v");
}

TEST_F(ReplicasTest, WhatCannotBeIsRefused) {
  MakeTable(kA);
  EXPECT_EQ(Replica(kA, "Create", "mars-1").code(), "ValidationException");
  EXPECT_EQ(Replica(kA, "Create", kA).code(), "ValidationException");
  EXPECT_EQ(Replica(kA, "Delete", kB).code(), "ValidationException");
  EXPECT_FALSE(Table(kA).Has("Replicas")) << "nothing came of it";
  ASSERT_EQ(Replica(kA, "Create", kB).status, 200);
  EXPECT_EQ(Replica(kA, "Create", kC).code(), "ResourceInUseException");
  ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }));
  EXPECT_EQ(Replica(kB, "Delete", kA).code(), "ValidationException")
      << "it was copied from within 24 hours";
  world_.Skew(kB, 25h);
  EXPECT_EQ(Replica(kB, "Delete", kA).status, 200);
}

class ReplicaKeysTest : public ReplicasTest {
 protected:
  ReplicaKeysTest() {
    for (const std::string& region : {kA, kB, kC}) {
      for (const char* name : {"alias/own", "alias/aws/dynamodb"}) {
        const std::string arn = "arn:aws:kms:" + region + ":123456789012:key/" + name;
        world_.keys[region][name] = world_.keys[region][arn] = {arn, true};
      }
      world_.Kill(region);
      world_.Start(region);
    }
  }
  static Value Under(const std::string& key) {
    Value spec = Value::Struct({{"Enabled", true}, {"SSEType", "KMS"}});
    if (!key.empty()) spec.Set("KMSMasterKeyId", key);
    return Value::Struct({{"SSESpecification", spec}});
  }
  World::Answer AddUnder(const std::string& of, const std::string& key) {
    Value create = Value::Struct({{"RegionName", of}, {"KMSMasterKeyId", key}});
    Value input = Value::Struct({{"TableName", "carts"}});
    input.Set("ReplicaUpdates", Value::List{Value::Struct({{"Create", create}})});
    return world_.Call(kA, "UpdateTable", input);
  }
  void AwaitActive() {
    ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }));
  }
  std::string KeyOf(const std::string& region) {
    return std::string(Table(region).Sub("SSEDescription").String("KMSMasterKeyArn"));
  }
};

TEST_F(ReplicaKeysTest, ATableUnderAKeyOfOnesOwnNeedsOneForEachReplica) {
  MakeTable(kA, Under("alias/own"));
  EXPECT_EQ(KeyOf(kA), world_.keys[kA]["alias/own"].arn);
  EXPECT_EQ(Replica(kA, "Create", kB).code(), "ValidationException");
  ASSERT_EQ(AddUnder(kB, "alias/own").status, 200);
  AwaitActive();
  EXPECT_EQ(KeyOf(kB), world_.keys[kB]["alias/own"].arn);
  EXPECT_EQ(Table(kA).Items("Replicas").front().String("KMSMasterKeyId"), "alias/own");
  EXPECT_EQ(Table(kB).Items("Replicas").front().String("KMSMasterKeyId"), KeyOf(kA));
  Value change = Value::Struct({{"TableName", "carts"}});
  change.Set("SSESpecification", Under("").Sub("SSESpecification"));
  EXPECT_EQ(world_.Call(kA, "UpdateTable", change).code(), "ValidationException");
}

TEST_F(ReplicaKeysTest, AKeyThatIsNotInTheReplicasRegionMakesNone) {
  MakeTable(kA, Under("alias/own"));
  world_.keys[kB]["alias/own"].usable = false;
  ASSERT_EQ(AddUnder(kB, "alias/own").status, 200);
  AwaitActive();
  const Value replica = Table(kA).Items("Replicas").front();
  EXPECT_EQ(replica.String("ReplicaStatus"), "CREATION_FAILED");
  EXPECT_NE(replica.String("ReplicaStatusDescription").find("is not enabled"), std::string::npos);
  EXPECT_TRUE(Table(kB).is_null());
}

TEST_F(ReplicaKeysTest, AReplicaOfATableUnderAwsKeysTakesNoOther) {
  MakeTable(kA, Under(""));
  EXPECT_EQ(KeyOf(kA), world_.keys[kA]["alias/aws/dynamodb"].arn);
  EXPECT_EQ(AddUnder(kB, "alias/own").code(), "ValidationException");
  Add(kA, kB);
  EXPECT_EQ(KeyOf(kB), world_.keys[kB]["alias/aws/dynamodb"].arn);
}

TEST_F(ReplicaKeysTest, ATableIsNotMadeUnderAKeyThatIsNotThere) {
  Value input = Under("alias/none");
  input.Set("TableName", "carts").Set("BillingMode", "PAY_PER_REQUEST");
  input.Set("AttributeDefinitions",
            Value::List{Value::Struct({{"AttributeName", "pk"}, {"AttributeType", "S"}})});
  input.Set("KeySchema",
            Value::List{Value::Struct({{"AttributeName", "pk"}, {"KeyType", "HASH"}})});
  const auto refused = world_.Call(kA, "CreateTable", input);
  EXPECT_EQ(refused.code(), "ValidationException");
  EXPECT_NE(refused.body.String("message").find("alias/none' does not exist"), std::string::npos);
}

TEST_F(ReplicasTest, ATableThatIsThereAlreadyIsNotTakenOver) {
  MakeTable(kA);
  MakeTable(kB);
  ASSERT_EQ(Put(kB, "k", "theirs").status, 200);
  Add(kA, kB);
  const Value replica = Table(kA).Items("Replicas").front();
  EXPECT_EQ(replica.String("ReplicaStatus"), "CREATION_FAILED");
  EXPECT_EQ(Get(kB, "k"), "theirs");
  EXPECT_FALSE(Table(kB).Has("Replicas"));
}

TEST_F(ReplicasTest, ARemovedReplicaIsDeletedAndTheRestStays) {
  MakeTable(kA);
  Add(kA, kB);
  Add(kA, kC);
  ASSERT_EQ(Put(kA, "k", "v").status, 200);
  world_.Turn(1s);
  ASSERT_EQ(Replica(kA, "Delete", kC).status, 200);
  ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }));
  EXPECT_EQ(world_.Call(kC, "DescribeTable", Value::Struct({{"TableName", "carts"}})).code(),
            "ResourceNotFoundException");
  EXPECT_EQ(Table(kA).Items("Replicas").size(), 1U);
  EXPECT_EQ(Table(kB).Items("Replicas").size(), 1U);
  EXPECT_EQ(Get(kB, "k"), "v");
  ASSERT_EQ(Replica(kA, "Delete", kB).status, 200);
  ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }));
  EXPECT_FALSE(Table(kA).Has("Replicas")) << "a table like any other again";
  EXPECT_EQ(world_.Call(kA, "DeleteTable", Value::Struct({{"TableName", "carts"}})).status, 200);
}

TEST_F(ReplicasTest, ADeletedReplicaLeavesTheOthers) {
  MakeTable(kA);
  Add(kA, kB);
  EXPECT_EQ(world_.Call(kA, "DeleteTable", Value::Struct({{"TableName", "carts"}})).code(),
            "ValidationException")
      << "it was copied from within 24 hours";
  ASSERT_EQ(world_.Call(kB, "DeleteTable", Value::Struct({{"TableName", "carts"}})).status, 200);
  ASSERT_TRUE(world_.TurnUntil([&] { return !Table(kA).Has("Replicas"); }));
}

TEST_F(ReplicasTest, TheLaterWriteWinsAndConditionsSeeTheirRegionOnly) {
  MakeTable(kA);
  Add(kA, kB);
  ASSERT_EQ(Put(kA, "k", "both").status, 200);
  world_.Turn(1s);
  world_.CutBoth(kA, kB);
  const auto once = [&](const std::string& region) {
    Value item = Key("lock");
    item.Set("v", Value::Struct({{"S", region}}));
    return world_.Call(region, "PutItem",
                       Value::Struct({{"TableName", "carts"},
                                      {"Item", item},
                                      {"ConditionExpression", "attribute_not_exists(pk)"}}));
  };
  EXPECT_EQ(once(kA).status, 200);
  world_.Turn(1s);
  EXPECT_EQ(once(kB).status, 200) << "an item of a global table is no lock";
  ASSERT_EQ(Put(kB, "k", "early").status, 200);
  world_.Turn(1s);
  ASSERT_EQ(Put(kA, "k", "late").status, 200);
  world_.Turn(30s);
  EXPECT_EQ(Get(kB, "k"), "early");
  world_.Heal();
  world_.Turn(10s);
  EXPECT_EQ(Get(kA, "lock"), kB);
  EXPECT_EQ(Get(kB, "k"), "late") << "stuck writes arrive when the link is back";
  EXPECT_EQ(All(kA), All(kB));
}

TEST_F(ReplicasTest, SharedSettingsFollowAndTheOthersDoNot) {
  MakeTable(kA);
  Add(kA, kB);
  const auto update = [&](const Value& what) {
    Value input = what;
    input.Set("TableName", "carts");
    ASSERT_EQ(world_.Call(kA, "UpdateTable", input).status, 200);
    ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }));
    world_.Turn(5s);
  };
  world_.CutBoth(kA, kB);
  update(Value::Struct({{"BillingMode", "PROVISIONED"},
                        {"ProvisionedThroughput",
                         Value::Struct({{"ReadCapacityUnits", 7}, {"WriteCapacityUnits", 8}})}}));
  update(Value::Struct({{"DeletionProtectionEnabled", true}}));
  world_.Kill(kA);
  world_.Start(kA);  // what was not sent yet is not forgotten
  world_.Heal();
  ASSERT_TRUE(world_.TurnUntil(
      [&] { return Table(kB).Sub("ProvisionedThroughput").Int("WriteCapacityUnits") == 8; }));
  EXPECT_FALSE(Table(kB).Flag("DeletionProtectionEnabled", false));
  const Value ttl = Value::Struct(
      {{"TableName", "carts"},
       {"TimeToLiveSpecification", Value::Struct({{"Enabled", true}, {"AttributeName", "ends"}})}});
  ASSERT_EQ(world_.Call(kA, "UpdateTimeToLive", ttl).status, 200);
  world_.Turn(10s);
  EXPECT_EQ(world_.Call(kB, "DescribeTimeToLive", Value::Struct({{"TableName", "carts"}}))
                .body.Sub("TimeToLiveDescription")
                .String("AttributeName"),
            "ends");
}

TEST_F(ReplicasTest, LatencyIsTheSourcesToKnow) {
  MakeTable(kA);
  Add(kA, kB);
  ASSERT_EQ(Put(kA, "k", "v").status, 200);
  world_.Turn(1s);
  EXPECT_EQ(world_.Metrics(kA), std::vector<std::string>{"ReplicationLatency " + kB});
  EXPECT_GE(world_.Latency(kA), 20);
  EXPECT_LT(world_.Latency(kA), 200);
  EXPECT_TRUE(world_.Metrics(kB).empty());
}

TEST_F(ReplicasTest, AnAdditionThatWasInterruptedGoesOn) {
  MakeTable(kA);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(Put(kA, "k" + std::to_string(i), "v").status, 200);
  for (const base::Duration stop : {0ms, 5ms, 15ms, 40ms, 80ms, 200ms}) {
    const std::string of = stop == 0ms ? kB : kC;
    ASSERT_TRUE(world_.TurnUntil([&] { return Replica(kA, "Create", of).status == 200; }))
        << stop.count() << shapes::ToJson(Replica(kA, "Create", of).body)
        << shapes::ToJson(Table(kA));
    world_.Turn(stop);
    world_.Kill(kA);
    world_.Kill(of);
    world_.Turn(100ms);
    world_.Start(of);
    world_.Start(kA);
    ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).String("TableStatus") == "ACTIVE"; }))
        << stop.count();
    ASSERT_TRUE(world_.TurnUntil([&] { return All(of) == All(kA); })) << stop.count();
    if (of == kB) continue;
    ASSERT_TRUE(world_.TurnUntil([&] { return Replica(kA, "Delete", kC).status == 200; }));
    ASSERT_TRUE(world_.TurnUntil([&] { return Table(kA).Items("Replicas").size() == 1; }));
    world_.Turn(5s);
  }
}

// Concurrent writes to few items, links cut and healed, processes killed: in the end all hold the
// same, and of each item the write with the highest version of all that were answered.
TEST_F(ReplicasTest, AllReplicasConvergeOnTheLastWrites) {
  MakeTable(kA);
  Add(kA, kB);
  Add(kA, kC);
  world_.Skew(kB, 300ms);
  world_.Skew(kC, -2s);
  const std::vector<std::string> regions{kA, kB, kC};
  std::map<std::string, std::pair<tables::Version, std::string>> last;
  ports::Random& random = world_.random;
  for (int round = 0, healed = 0; healed < kHealed; ++round) {
    const std::string& from = regions[random.Below(3)];
    const std::string& to = regions[random.Below(3)];
    random.Below(2) == 0 ? world_.Cut(from, to) : world_.CutBoth(from, to);
    if (random.Below(10) == 0) {
      world_.Kill(from);
      world_.Start(from);
    }
    for (int i = 0; i < 20; ++i) {
      const std::string& region = regions[random.Below(3)];
      const std::string key = "k" + std::to_string(random.Below(8));
      const std::string value = std::to_string(round) + "." + std::to_string(i);
      const bool gone = random.Below(5) == 0;
      const auto answer =
          gone ? world_.Call(region, "DeleteItem",
                             Value::Struct({{"TableName", "carts"}, {"Key", Key(key)}}))
               : Put(region, key, value);
      ASSERT_EQ(answer.status, 200);
      const items::Item item = items::testing::ItemOf(R"({"pk":{"S":")" + key + R"("}})");
      const auto version = world_.Replication(region).VersionOf("carts", items::ToStored(item));
      ASSERT_TRUE(version.ok());
      if (*version && last[key].first < **version) last[key] = {**version, gone ? "-" : value};
      world_.Turn(base::Duration(1ms) * static_cast<int>(random.Below(30)));
    }
    if (random.Below(2) == 0) continue;
    world_.Heal();
    ++healed;
  }
  world_.Heal();
  ASSERT_TRUE(world_.TurnUntil([&] { return Same(); }, 120s)) << All(kA) << "\n"
                                                              << All(kB) << "\n"
                                                              << All(kC);
  for (const auto& [key, write] : last) EXPECT_EQ(Get(kA, key), write.second) << key;
}

}  // namespace
}  // namespace leeward::lab::replicas
