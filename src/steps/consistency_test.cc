#include "steps/consistency.h"

#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"
#include "probe/testing/postgres_server.h"
#include "probe/testing/redis_server.h"
#include "probe/testing/small_servers.h"
#include "steps/testing/fake_items.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using probe::testing::PostgresServer;
using probe::testing::RedisServer;
using testing::FakeItems;
using testing::SeenCall;
using testing::Shop;

constexpr char kStep[] = "app.consistency";

Limits FewRows() {
  Limits limits;
  limits.reference_rows = 6;
  limits.reference_settle = std::chrono::milliseconds(1);
  return limits;
}

// Real rows, a real cache and an application; the table is AWS's words.
class ConsistencyStepTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = PostgresServer::Primary(); }
  static void TearDownTestSuite() { database_.reset(); }

  ConsistencyStepTest() {
    model::Elasticache sessions;
    sessions.replication_group = sessions.datastore = "sessions";
    shop_.ecs.port = front_.port();
    shop_.application.components = {
        {model::ComponentName("orders"), shop_.rds, {}},
        {model::ComponentName("carts"), model::Dynamodb{.table = "carts"}, {}},
        {model::ComponentName("sessions"), sessions, {}},
        {model::ComponentName("uploads"), model::Efs{}, {}},
        {model::ComponentName("web"), shop_.ecs, {}}};
    shop_.Know("carts", shop_.recovery, "key.hash.name", "id");
    shop_.Know("carts", shop_.recovery, "key.hash.type", "S");
    shop_.Know("sessions", shop_.recovery, "endpoint.address", "127.0.0.1");
    shop_.Know("sessions", shop_.recovery, "endpoint.port", std::to_string(cache_.port()));
    shop_.Know("web", shop_.recovery, "load-balancer.address", "127.0.0.1");
    shop_.aws.On("rds:DescribeDBInstances", [](const SeenCall&) -> Result<Value> {
      return Value::Struct(
          {{"DBInstances",
            Value::List{Value::Struct({{"DBInstanceIdentifier", "orders"},
                                       {"DBInstanceStatus", "available"},
                                       {"Endpoint", Value::Struct({{"Address", database_->socket()},
                                                                   {"Port", 5432}})}})}}});
    });
    items_.recovery().exists = true;
    database_->Sql("shop", "drop table if exists orders");
    database_->Sql("shop", "create table orders (id text, cart text, at timestamptz)");
    database_->Sql("shop", "alter table orders owner to owner");
    for (const char* store : {"orders", "carts", "sessions"})
      shop_.Add(std::string("rds.measure/") + store, shop_.recovery);
    shop_.Add(kStep, shop_.recovery,
              {{"measures", "rds.measure/orders,rds.measure/carts,rds.measure/sessions"}});
  }

  // Seconds before the old Region's last write.
  void Point(const std::string& store, int earlier) {
    shop_.outputs["rds.measure/" + store + ".read_at"] = base::FormatIso8601(cut_);
    shop_.outputs["rds.measure/" + store + ".bound_ns"] =
        std::to_string(base::Duration(std::chrono::seconds(earlier)).count());
  }
  void Order(const std::string& id, int earlier, const std::string& cart = "") {
    database_->Sql("shop", "insert into orders values ('" + id + "', " +
                               (cart == "NULL" ? "null" : "'" + (cart.empty() ? id : cart) + "'") +
                               ", timestamptz '" +
                               base::FormatIso8601(cut_ - std::chrono::seconds(earlier)) + "')");
  }
  void Cart(const std::string& id) {
    const Value key = Value::Struct({{"S", id}});
    items_.recovery().items[ToJson(key)] = Value::Struct({{"id", key}});
  }
  model::Reference& Refer(const std::string& to, const std::string& key,
                          const std::string& get = "") {
    model::Reference reference;
    reference.name = "orders name their " + to;
    reference.from = model::ComponentName("orders");
    reference.sql = "select * from orders; ";
    reference.at = "at";
    reference.to = model::ComponentName(to);
    reference.key = key;
    reference.get = get;
    reference.through = model::ComponentName("web");
    shop_.application.references.push_back(reference);
    return shop_.application.references.back();
  }
  model::RepairList MustRun() {
    const auto outcome = shop_.Run(kStep);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message();
    if (!outcome.ok()) return {};
    outcome_ = *outcome;
    EXPECT_EQ(outcome_.outputs.at("list_sha256"), base::Sha256Hex(saved_));
    const auto list = model::RepairListFromJsonLines(saved_);
    EXPECT_TRUE(list.ok()) << list.error().message();
    return list.ok() ? *list : model::RepairList{};
  }
  static std::set<std::string> Named(const model::RepairList& list, model::Named found) {
    std::set<std::string> names;
    for (const model::RepairEntry& entry : list.entries) {
      if (entry.found == found) names.insert(entry.names);
    }
    return names;
  }

  static std::unique_ptr<PostgresServer> database_;
  std::map<std::string, int> uploads_;
  probe::testing::HttpServer front_{
      "127.0.0.1", 0, [this](const std::string&, const std::string& path, const std::string&) {
        const auto found = uploads_.find(path);
        return found == uploads_.end() ? 404 : found->second;
      }};
  std::string saved_;
  Shop shop_{FewRows(), {{"127.0.0.1", 9}}, [this](const auto&, const std::string& text) {
               saved_ = text;
               return Result<std::string>("/state/list.jsonl");
             }};
  FakeItems items_{shop_};
  RedisServer cache_;
  const base::WallTime cut_ =
      base::WallTime{std::chrono::seconds(shop_.clock.Now().since_epoch / std::chrono::seconds(1))};
  StepOutcome outcome_;
};
std::unique_ptr<PostgresServer> ConsistencyStepTest::database_;

TEST_F(ConsistencyStepTest, OrdersBeyondTheLineThatLackTheirCartAreListedAndNoOther) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("carts", "{cart}");
  Order("old", 60), Order("edge", 9), Order("lost-1", 8), Order("lost-2", 1);
  Order("none", 5, "NULL");
  for (const char* cart : {"old", "edge"}) Cart(cart);
  const model::RepairList list = MustRun();
  EXPECT_EQ(list.line.at, cut_ - std::chrono::seconds(10));
  EXPECT_EQ(list.line.store.str(), "carts");
  EXPECT_EQ(Named(list, model::Named::kMissing), (std::set<std::string>{"lost-1", "lost-2"}));
  EXPECT_EQ(Named(list, model::Named::kThere), std::set<std::string>{"edge"})
      << "it may be older than its order";
  ASSERT_EQ(list.references.size(), 1u);
  EXPECT_EQ(list.references[0].rows, 5);
  EXPECT_EQ(list.references[0].nameless, 1);
  EXPECT_EQ(list.references[0].beyond, 4);
  EXPECT_EQ(outcome_.outputs.at("complete"), "yes");
  EXPECT_EQ(outcome_.outputs.at("point.sessions"),
            base::FormatIso8601(cut_ - std::chrono::seconds(2)));
  EXPECT_EQ(outcome_.detail,
            "2 missing and 0 not verified of what 5 rows name; 3 in the repair list");
  EXPECT_EQ(database_->Sql("shop", "select count(*) from orders"), "5") << "nothing is deleted";
  EXPECT_EQ(list.entries.at(0).row.at("id"), "edge");
  EXPECT_EQ(outcome_.outputs.at("entry.01").find("\"row\":{}") != std::string::npos, true)
      << "what rows hold is not in the journal";
  EXPECT_NE(outcome_.outputs.at("entry.01").find("\"missing\""), std::string::npos)
      << "what is missing comes before what may be older";
}

TEST_F(ConsistencyStepTest, TheLineBoundsTheRowsThatAreReadAndIsUnknownWithAPoint) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("carts", "{cart}").sql = "select * from orders where at > {line} - interval '5 s'";
  Order("old", 60), Order("new", 12);
  EXPECT_EQ(MustRun().references.at(0).rows, 1);
  shop_.outputs.erase("rds.measure/sessions.bound_ns");
  const model::RepairList list = MustRun();
  EXPECT_EQ(list.line.at, std::nullopt);
  EXPECT_EQ(list.line.store.str(), "sessions");
  EXPECT_EQ(list.references.at(0).rows, 2) << "every row may be beyond it";
  EXPECT_EQ(outcome_.outputs.at("line"), "unknown");
}

TEST_F(ConsistencyStepTest, KeysOfACacheAndFilesBehindTheApplicationAreLookedFor) {
  Point("orders", 0), Point("carts", 1), Point("sessions", 10);
  Refer("sessions", "session:{id}");
  Refer("uploads", "", "/uploads/{cart}");
  Order("a", 20), Order("b b", 5), Order("c", 4), Order("../c", 3);
  cache_.Do({"SET", "session:a", "1"});
  uploads_ = {{"/uploads/a", 200}, {"/uploads/c", 503}};
  const model::RepairList list = MustRun();
  EXPECT_EQ(Named(list, model::Named::kMissing),
            (std::set<std::string>{"session:b b", "session:c", "session:../c", "/uploads/b%20b"}));
  EXPECT_EQ(Named(list, model::Named::kUnverified), (std::set<std::string>{"/uploads/c", ""}));
  for (const model::RepairEntry& entry : list.entries) {
    if (entry.names == "/uploads/c") {
      EXPECT_EQ(entry.why, "/uploads/c answers 503");
    }
    if (entry.names.empty()) {
      EXPECT_EQ(entry.why, "'../c' is no name in a path");
    }
  }
}

TEST_F(ConsistencyStepTest, WhatCannotBeAskedIsNotVerifiedAndNeverMissing) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("carts", "{cart}");
  Refer("sessions", "{id}");
  Order("a", 5), Order("b", 4);
  items_.dark.insert("us-west-2");
  cache_.Stop();
  const model::RepairList list = MustRun();
  EXPECT_TRUE(Named(list, model::Named::kMissing).empty());
  EXPECT_EQ(list.entries.size(), 4u);
  for (const model::ReferenceCounts& counts : list.references) EXPECT_EQ(counts.unverified, 2);
}

TEST_F(ConsistencyStepTest, ANameThatMayHaveBeenCutIsNotVerified) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("sessions", "{cart}");
  Order("long", 5, std::string(3000, 'x'));
  cache_.Do({"SET", std::string(3000, 'x'), "1"});
  const model::RepairList list = MustRun();
  EXPECT_EQ(list.references.at(0).missing, 0);
  EXPECT_EQ(list.references.at(0).unverified, 1);
}

TEST_F(ConsistencyStepTest, MoreRowsThanTheLimitAreNotComplete) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("carts", "{cart}");
  for (int i = 0; i < 7; ++i) Order("o" + std::to_string(i), 5);
  const model::RepairList list = MustRun();
  EXPECT_EQ(list.references.at(0).rows, 6);
  EXPECT_FALSE(list.references.at(0).complete);
  EXPECT_EQ(list.references.at(0).problem,
            "there are more than 6 rows, and the others were not read; narrow its sql with {line}");
  EXPECT_EQ(outcome_.outputs.at("complete"), "no");
}

TEST_F(ConsistencyStepTest, AQueryThatIsWrongIsToldAndTheOthersAreLookedAt) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("carts", "{cart}").sql = "select * from nowhere";
  Refer("sessions", "{id}");
  Order("a", 5);
  const model::RepairList list = MustRun();
  EXPECT_FALSE(list.references.at(0).complete);
  EXPECT_NE(list.references.at(0).problem.find("its rows could not be read"), std::string::npos);
  EXPECT_EQ(list.references.at(1).missing, 1);
}

TEST_F(ConsistencyStepTest, AQuestionThatNothingAnswersIsDoubted) {
  Point("orders", 0), Point("carts", 10), Point("sessions", 2);
  Refer("carts", "wrong:{cart}");
  Order("old", 60), Order("new", 5);
  Cart("old"), Cart("new");
  const std::string problem = MustRun().references.at(0).problem;
  EXPECT_NE(problem.find("not even from before the line"), std::string::npos) << problem;
}

TEST_F(ConsistencyStepTest, NumbersAreComparedAsTheTableWritesThem) {
  EXPECT_EQ(PlainNumber("007"), "7");
  EXPECT_EQ(PlainNumber("1.50"), "1.5");
  EXPECT_EQ(PlainNumber("-0.0"), "0");
  EXPECT_EQ(PlainNumber("+3"), "3");
  EXPECT_EQ(PlainNumber("0"), "0");
  for (const char* bad : {"", "-", "1e3", "a", "1.2.3"}) EXPECT_EQ(PlainNumber(bad), "") << bad;
}

}  // namespace
}  // namespace leeward::steps
