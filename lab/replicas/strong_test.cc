#include "lab/replicas/strong.h"

#include <gtest/gtest.h>

#include "lab/replicas/testing.h"

namespace leeward::lab::replicas {
namespace {

using shapes::Value;

const std::string kA = "us-east-1";
const std::string kB = "us-west-2";
const std::string kC = "us-east-2";
constexpr int kHealed = 100;  // times that links which were cut are mended, in a long test
const std::vector<std::string> kRegions{kA, kB, kC};

Value Key(const std::string& key) { return Value::Struct({{"pk", Value::Struct({{"S", key}})}}); }

class StrongTest : public testing::Test {
 protected:
  void SetUp() override {
    const Value input = Value::Struct(
        {{"TableName", "carts"},
         {"AttributeDefinitions",
          Value::List{Value::Struct({{"AttributeName", "pk"}, {"AttributeType", "S"}})}},
         {"KeySchema", Value::List{Value::Struct({{"AttributeName", "pk"}, {"KeyType", "HASH"}})}},
         {"BillingMode", "PAY_PER_REQUEST"}});
    const auto made = world_.Call(kA, "CreateTable", input);
    ASSERT_EQ(made.status, 200) << shapes::ToJson(input) << shapes::ToJson(made.body);
    ASSERT_TRUE(world_.TurnUntil([&] { return Status() == "ACTIVE"; }));
  }
  std::string Status() { return std::string(Table(kA).String("TableStatus")); }
  Value Table(const std::string& region) {
    return world_.Call(region, "DescribeTable", Value::Struct({{"TableName", "carts"}}))
        .body.Sub("Table");
  }
  World::Answer Update(const std::string& kind, const std::vector<std::string>& regions) {
    Value::List updates;
    for (const std::string& region : regions)
      updates.push_back(Value::Struct({{kind, Value::Struct({{"RegionName", region}})}}));
    Value input = Value::Struct({{"TableName", "carts"}, {"ReplicaUpdates", std::move(updates)}});
    if (kind == "Create") input.Set("MultiRegionConsistency", "STRONG");
    return world_.Call(kA, "UpdateTable", input);
  }
  void MakeStrong() {
    const auto answer = Update("Create", {kB, kC});
    ASSERT_EQ(answer.status, 200) << shapes::ToJson(answer.body);
    ASSERT_TRUE(world_.TurnUntil([&] { return Status() == "ACTIVE"; }));
    ASSERT_EQ(Table(kA).String("MultiRegionConsistency"), "STRONG");
    ASSERT_EQ(Table(kC).Items("Replicas").size(), 2U);
  }
  World::Answer Put(const std::string& region, const std::string& key, const std::string& value,
                    const std::string& condition = "") {
    Value item = Key(key);
    item.Set("v", Value::Struct({{"S", value}}));
    Value input = Value::Struct({{"TableName", "carts"}, {"Item", item}});
    if (!condition.empty()) input.Set("ConditionExpression", condition);
    return world_.Call(region, "PutItem", input);
  }
  // "?" when it is not known.
  std::string Get(const std::string& region, const std::string& key) {
    const auto answer = world_.Call(
        region, "GetItem",
        Value::Struct({{"TableName", "carts"}, {"Key", Key(key)}, {"ConsistentRead", true}}));
    if (answer.status != 200) return "?";
    return std::string(answer.body.Sub("Item").Sub("v").String("S", "-"));
  }
  std::size_t Count(const std::string& region) {
    const auto answer = world_.Call(
        region, "Scan", Value::Struct({{"TableName", "carts"}, {"ConsistentRead", true}}));
    return answer.status == 200 ? static_cast<std::size_t>(answer.body.Int("Count")) : 0;
  }
  Value Increment() {
    return Value::Struct(
        {{"TableName", "carts"},
         {"Key", Key("counter")},
         {"UpdateExpression", "ADD n :one"},
         {"ExpressionAttributeValues", Value::Struct({{":one", Value::Struct({{"N", "1"}})}})}});
  }
  int Counter(const std::string& region) {
    const auto answer = world_.Call(
        region, "GetItem",
        Value::Struct({{"TableName", "carts"}, {"Key", Key("counter")}, {"ConsistentRead", true}}));
    if (answer.status != 200) return -1;
    return std::stoi(std::string(answer.body.Sub("Item").Sub("n").String("N", "0")));
  }

  World world_{kRegions};
};

TEST_F(StrongTest, ItTakesThreeRegionsOfOneSetAndAnEmptyTable) {
  EXPECT_EQ(Update("Create", {kB}).code(), "ValidationException");
  EXPECT_EQ(Update("Create", {kB, "eu-west-1"}).code(), "ValidationException");
  ASSERT_EQ(Put(kA, "k", "v").status, 200);
  EXPECT_EQ(Update("Create", {kB, kC}).code(), "ValidationException") << "it is not empty";
  const Value gone = Value::Struct({{"TableName", "carts"}, {"Key", Key("k")}});
  ASSERT_EQ(world_.Call(kA, "DeleteItem", gone).status, 200);
  MakeStrong();
  EXPECT_EQ(Update("Delete", {kB}).code(), "ValidationException") << "both or none";
  ASSERT_EQ(Update("Delete", {kB, kC}).status, 200);
  ASSERT_TRUE(world_.TurnUntil([&] { return Status() == "ACTIVE"; }));
  EXPECT_FALSE(Table(kA).Has("Replicas"));
  EXPECT_EQ(world_.Call(kB, "DescribeTable", Value::Struct({{"TableName", "carts"}})).code(),
            "ResourceNotFoundException");
}

TEST_F(StrongTest, AnAcknowledgedWriteIsReadEverywhereAtOnce) {
  MakeStrong();
  for (int i = 0; i < 30; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_EQ(Put(kRegions[static_cast<std::size_t>(i) % 3], "k", value).status, 200);
    for (const std::string& region : kRegions) ASSERT_EQ(Get(region, "k"), value) << region;
    ASSERT_EQ(Put(kRegions[static_cast<std::size_t>(i) % 3], "k" + value, value).status, 200);
    for (const std::string& region : kRegions)
      ASSERT_EQ(Count(region), static_cast<std::size_t>(i) + 2) << region;
  }
}

TEST_F(StrongTest, OfTwoRegionsThatWantTheSameItemOneGetsIt) {
  MakeStrong();
  world_.Skew(kA, 10s);
  const Value item = Value::Struct({{"TableName", "carts"},
                                    {"Item", Key("lock")},
                                    {"ConditionExpression", "attribute_not_exists(pk)"}});
  const auto one = world_.Begin(kA, "PutItem", item);
  const auto other = world_.Begin(kB, "PutItem", item);
  ASSERT_TRUE(world_.TurnUntil([&] { return one->status != 0 && other->status != 0; }));
  EXPECT_LE((one->status == 200 ? 1 : 0) + (other->status == 200 ? 1 : 0), 1);
  for (const auto& answer : {one, other}) {
    EXPECT_TRUE(answer->status == 200 || answer->code() == "ReplicatedWriteConflictException" ||
                answer->code() == "ConditionalCheckFailedException")
        << answer->code();
  }
}

TEST_F(StrongTest, NoIncrementIsLostHoweverManyRegionsCount) {
  MakeStrong();
  world_.Skew(kB, 5s);
  world_.Skew(kC, -5s);
  int counted = 0;
  for (int i = 0; i < 100; ++i) {
    std::vector<std::shared_ptr<World::Answer>> answers;
    for (const std::string& region : kRegions) {
      if (world_.random.Below(2) == 0)
        answers.push_back(world_.Begin(region, "UpdateItem", Increment()));
      world_.Turn(1ms * static_cast<int>(world_.random.Below(40)));
    }
    ASSERT_TRUE(world_.TurnUntil([&] {
      return std::all_of(answers.begin(), answers.end(),
                         [](const auto& answer) { return answer->status != 0; });
    }));
    for (const auto& answer : answers) {
      if (answer->status == 200) ++counted;
      EXPECT_TRUE(answer->status == 200 || answer->code() == "ReplicatedWriteConflictException");
    }
  }
  EXPECT_GT(counted, 20);
  for (const std::string& region : kRegions) EXPECT_EQ(Counter(region), counted) << region;
}

TEST_F(StrongTest, ARegionAloneNeitherWritesNorReads) {
  MakeStrong();
  ASSERT_EQ(Put(kA, "k", "old").status, 200);
  world_.CutBoth(kA, kB);
  world_.CutBoth(kA, kC);
  EXPECT_EQ(Put(kA, "k", "alone").status, 500);
  EXPECT_EQ(Get(kA, "k"), "?");
  world_.Turn(6s);  // what A had locked ends
  ASSERT_EQ(Put(kB, "k", "new").status, 200);
  EXPECT_EQ(Get(kC, "k"), "new");
  world_.Heal();
  EXPECT_EQ(Get(kA, "k"), "new");
}

// Each needs the other, and asks again as soon as it is refused.
TEST_F(StrongTest, TheTwoRegionsThatAreLeftDoNotKeepEachOtherFromAnItem) {
  MakeStrong();
  world_.Kill(kA);
  std::map<std::string, std::shared_ptr<World::Answer>> answers;
  std::map<std::string, int> counted;
  for (int i = 0; i < 5000; ++i) {
    for (const std::string& region : {kB, kC}) {
      auto& answer = answers[region];
      if (answer != nullptr && answer->status == 0) continue;
      if (answer != nullptr && answer->status == 200) ++counted[region];
      answer = world_.Begin(region, "UpdateItem", Increment());
    }
    world_.Turn(2ms);
  }
  EXPECT_GT(counted[kB], 10);
  EXPECT_GT(counted[kC], 10);
  world_.Turn(6s);
  for (const auto& [region, answer] : answers) counted[region] += answer->status == 200 ? 1 : 0;
  EXPECT_EQ(Counter(kB), counted[kB] + counted[kC]);
}

TEST_F(StrongTest, ALostRegionTakesNoAcknowledgedWriteAlong) {
  MakeStrong();
  std::map<std::string, std::string> written;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(world_.random.Below(40));
    const std::string value = std::to_string(i);
    if (Put(kRegions[world_.random.Below(3)], key, value).status == 200) written[key] = value;
  }
  // Its last write is on its way when it dies.
  Value last = Key("k0");
  last.Set("v", Value::Struct({{"S", "last"}}));
  const auto unknown =
      world_.Begin(kA, "PutItem", Value::Struct({{"TableName", "carts"}, {"Item", last}}));
  world_.Turn(35ms);
  if (unknown->status == 200) written["k0"] = "last";
  const bool maybe = unknown->status == 0;
  world_.Kill(kA);
  for (const std::string& region : {kB, kC}) {
    for (const auto& [key, value] : written) {
      const std::string got = Get(region, key);
      EXPECT_TRUE(got == value || (maybe && key == "k0" && got == "last"))
          << region << ' ' << key << ' ' << got;
    }
    EXPECT_EQ(Count(region), written.size());
  }
  world_.Turn(6s);
  ASSERT_EQ(Put(kC, "k1", "after").status, 200);
  world_.Start(kA);
  EXPECT_EQ(Get(kA, "k1"), "after");
  EXPECT_EQ(Count(kA), written.size() + (written.contains("k1") ? 0U : 1U));
}

TEST_F(StrongTest, CutsAndKillsLoseNothingThatWasAcknowledged) {
  MakeStrong();
  world_.Skew(kA, 3s);
  world_.Skew(kB, -40s);
  int acknowledged = 0;
  int unknown = 0;
  std::set<std::string> keys;
  for (int round = 0, healed = 0; healed < kHealed; ++round) {
    const std::string& from = kRegions[world_.random.Below(3)];
    const std::string& to = kRegions[world_.random.Below(3)];
    world_.random.Below(2) == 0 ? world_.Cut(from, to) : world_.CutBoth(from, to);
    std::vector<std::shared_ptr<World::Answer>> answers;
    for (int i = 0; i < 4; ++i) {
      const std::string& region = kRegions[world_.random.Below(3)];
      answers.push_back(world_.Begin(region, "UpdateItem", Increment()));
      world_.Turn(1ms * static_cast<int>(world_.random.Below(60)));
      const std::string key = std::to_string(round) + "." + std::to_string(i);
      if (Put(region, key, "v").status == 200) keys.insert(key);
    }
    if (world_.random.Below(6) == 0) {
      const std::string& dead = kRegions[world_.random.Below(3)];
      world_.Kill(dead);
      world_.Start(dead);
    }
    world_.TurnUntil(
        [&] {
          return std::all_of(answers.begin(), answers.end(),
                             [](const auto& answer) { return answer->status != 0; });
        },
        10s);
    for (const auto& answer : answers) {
      if (answer->status == 200) ++acknowledged;
      if (answer->status == 0 || answer->status == 500) ++unknown;
    }
    if (world_.random.Below(2) == 0) continue;
    world_.Heal();
    ++healed;
  }
  world_.Heal();
  world_.Turn(10s);
  EXPECT_GT(acknowledged, 20);
  for (const std::string& region : kRegions) {
    const int counter = Counter(region);
    EXPECT_GE(counter, acknowledged) << region;
    EXPECT_LE(counter, acknowledged + unknown) << region;
    for (const std::string& key : keys) EXPECT_EQ(Get(region, key), "v") << region << ' ' << key;
    EXPECT_GE(Count(region), keys.size());
  }
  EXPECT_EQ(Counter(kA), Counter(kB));
  EXPECT_EQ(Counter(kB), Counter(kC));
}

}  // namespace
}  // namespace leeward::lab::replicas
