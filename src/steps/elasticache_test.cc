#include "steps/elasticache.h"

#include <gtest/gtest.h>

#include "probe/canary.h"
#include "probe/testing/redis_server.h"
#include "steps/testing/shop.h"

namespace leeward::steps {
namespace {

using base::ErrorCode;
using probe::testing::RedisServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::SeenCall;
using testing::Shop;

base::Error Service(ErrorCode code, const std::string& name) {
  return base::Error(code, "elasticache: " + name).WithServiceCode(name);
}

Limits QuickLimits() {
  Limits limits;
  limits.datastore_failover = milliseconds(300);
  limits.api_poll_most = milliseconds(100);
  return limits;
}

// Two real servers, and AWS's words about them.
class ElasticacheTest : public ::testing::Test {
 protected:
  struct Side {
    explicit Side(const std::string& name) : region(name) {}
    std::string region;
    RedisServer server;
    bool exists = false;
    std::string datastore, role, engine = "redis", status = "available";
    int shards = 1;
    bool encrypted = false;
  };

  explicit ElasticacheTest(const Limits& limits = QuickLimits()) : shop_(limits) {
    model::Elasticache sessions;
    sessions.replication_group = sessions.datastore = "sessions";
    shop_.application.components.push_back({model::ComponentName("sessions"), sessions, {}});
    home_.exists = true;
    const auto serve = [&](const char* operation, auto answer) {
      shop_.aws.On(std::string("elasticache:") + operation,
                   [this, answer](const SeenCall& call) -> Result<Value> {
                     Side& side = call.options.region == "us-east-1" ? home_ : recovery_;
                     if (side.region == dark_) return base::Unreachable("no answer in 1.0 s");
                     return (this->*answer)(side, call);
                   });
    };
    serve("DescribeReplicationGroups", &ElasticacheTest::Describe);
    serve("DescribeGlobalReplicationGroups", &ElasticacheTest::DescribeGlobal);
    serve("CreateGlobalReplicationGroup", &ElasticacheTest::CreateGlobal);
    serve("CreateReplicationGroup", &ElasticacheTest::CreateSecondary);
    serve("FailoverGlobalReplicationGroup", &ElasticacheTest::Failover);
    serve("DisassociateGlobalReplicationGroup", &ElasticacheTest::Disassociate);
    serve("DeleteGlobalReplicationGroup", &ElasticacheTest::DeleteGlobal);
    serve("DeleteReplicationGroup", &ElasticacheTest::Delete);
  }

  Result<Value> Describe(Side& side, const SeenCall&) {
    if (!side.exists) return Service(ErrorCode::kNotFound, "ReplicationGroupNotFoundFault");
    const Value endpoint = Value::Struct({{"Address", "127.0.0.1"}, {"Port", side.server.port()}});
    Value::List shards(static_cast<std::size_t>(side.shards),
                       Value::Struct({{"PrimaryEndpoint", endpoint}}));
    Value group = Value::Struct({{"ReplicationGroupId", "sessions"},
                                 {"ARN", "arn:" + side.region},
                                 {"Status", side.status},
                                 {"Engine", side.engine},
                                 {"AtRestEncryptionEnabled", side.encrypted},
                                 {"MemberClusters", Value::List{"sessions-001"}},
                                 {"NodeGroups", shards}});
    if (!side.datastore.empty()) {
      group.Set("GlobalReplicationGroupInfo",
                Value::Struct({{"GlobalReplicationGroupId", side.datastore},
                               {"GlobalReplicationGroupMemberRole", side.role}}));
    }
    return Value::Struct({{"ReplicationGroups", Value::List{group}}});
  }
  Result<Value> DescribeGlobal(Side&, const SeenCall&) {
    return Value::Struct(
        {{"GlobalReplicationGroups", Value::List{Value::Struct({{"Status", "available"}})}}});
  }
  Result<Value> CreateGlobal(Side& side, const SeenCall& call) {
    side.datastore = "ldgnf-" + std::string(call.input.String("GlobalReplicationGroupIdSuffix"));
    side.role = "PRIMARY";
    return Value::Struct();
  }
  Result<Value> CreateSecondary(Side& side, const SeenCall& call) {
    side.exists = true;
    side.datastore = call.input.String("GlobalReplicationGroupId");
    side.role = "SECONDARY";
    side.status = "available";
    side.server.Follow(&side == &home_ ? recovery_.server : home_.server);
    return Value::Struct();
  }
  Result<Value> Failover(Side& side, const SeenCall&) {
    if (stuck_) return Service(ErrorCode::kWrongState, "InvalidGlobalReplicationGroupState");
    Side& old = &side == &home_ ? recovery_ : home_;
    side.server.FollowNobody();
    side.role = "PRIMARY";
    if (old.region != dark_) {
      old.server.Follow(side.server);
      old.role = "SECONDARY";
    }
    return Value::Struct();
  }
  Result<Value> Disassociate(Side& side, const SeenCall&) {
    side.server.FollowNobody();
    side.datastore.clear();
    side.role.clear();
    return Value::Struct();
  }
  Result<Value> DeleteGlobal(Side& side, const SeenCall& call) {
    EXPECT_TRUE(call.input.Flag("RetainPrimaryReplicationGroup", false));
    side.datastore.clear();
    side.role.clear();
    return Value::Struct();
  }
  Result<Value> Delete(Side& side, const SeenCall& call) {
    snapshot_ = call.input.String("FinalSnapshotIdentifier");
    side.exists = false;
    return Value::Struct();
  }

  void Protect() {
    const auto made =
        Run("elasticache.replicate", shop_.recovery, {{"source-region", "us-east-1"}});
    ASSERT_TRUE(made.ok()) << Detail(made);
    for (Side* side : {&home_, &recovery_}) {
      const Region region(side->region);
      shop_.Know("sessions", region, "endpoint.address", "127.0.0.1");
      shop_.Know("sessions", region, "endpoint.port", std::to_string(side->server.port()));
      shop_.Know("sessions", region, "datastore.id", side->datastore);
    }
  }
  Result<StepOutcome> Run(const std::string& kind, const Region& region,
                          std::map<std::string, std::string> parameters = {}) {
    return shop_.AddAndRun(kind + "/sessions", region, std::move(parameters));
  }
  Result<StepOutcome> Promote(const char* how) {
    return Run("elasticache.promote", shop_.recovery,
               {{"source-region", "us-east-1"}, {"how", how}});
  }
  static std::string Detail(const Result<StepOutcome>& outcome) {
    return outcome.ok() ? outcome->detail : outcome.error().message();
  }
  bool Writes(Side& side) {
    return side.server.Session()
        ->Command({"SET", "a", "1"}, shop_.clock.Monotonic() + milliseconds(300))
        .ok();
  }

  Shop shop_;
  Side home_{"us-east-1"}, recovery_{"us-west-2"};
  std::string dark_, snapshot_;
  bool stuck_ = false;
};

TEST_F(ElasticacheTest, ProtectMakesADatastoreAndASecondaryOfWhatTheSourceIs) {
  ASSERT_TRUE(Run("elasticache.check-source", shop_.home).ok());
  Protect();
  const auto created = shop_.aws.Calls("elasticache:CreateReplicationGroup");
  ASSERT_EQ(created.size(), 1u);
  EXPECT_EQ(created.front().input.String("GlobalReplicationGroupId"), "ldgnf-sessions")
      << "the id is read from AWS, not made";
  for (const char* inherited : {"Engine", "CacheNodeType", "NumNodeGroups"})
    EXPECT_FALSE(created.front().input.Has(inherited)) << inherited;
  const auto again = shop_.Run("elasticache.replicate/sessions");
  ASSERT_TRUE(again.ok()) << Detail(again);
  EXPECT_EQ(again->detail.find("was there already"), 0u);
  EXPECT_EQ(shop_.aws.Calls("elasticache:CreateGlobalReplicationGroup").size(), 1u);
  EXPECT_EQ(shop_.aws.Calls("elasticache:CreateReplicationGroup").size(), 1u);
}

TEST_F(ElasticacheTest, WhatCannotBeReplicatedIsRefusedByName) {
  home_.exists = false;
  EXPECT_EQ(Run("elasticache.check-source", shop_.home).error().code(), ErrorCode::kNotFound);
  home_.exists = true;
  home_.engine = "valkey";
  EXPECT_EQ(Detail(shop_.Run("elasticache.check-source/sessions")),
            "sessions in us-east-1 runs valkey, the spec says redis");
  home_.engine = "redis";
  home_.shards = 3;
  EXPECT_NE(Detail(shop_.Run("elasticache.check-source/sessions")).find("3 shards"),
            std::string::npos);
  home_.shards = 1;
  recovery_.exists = true;
  const auto stranger =
      Run("elasticache.replicate", shop_.recovery, {{"source-region", "us-east-1"}});
  EXPECT_EQ(stranger.error().code(), ErrorCode::kWrongState);
  EXPECT_NE(Detail(stranger).find("joining would wipe it"), std::string::npos);
  recovery_.datastore = "ldgnf-sessions";
  recovery_.status = "create-failed";
  EXPECT_NE(Detail(shop_.Run("elasticache.replicate/sessions")).find("create-failed"),
            std::string::npos);
}

TEST_F(ElasticacheTest, ASecondaryIsMadeUnderTheKeyThatTheSpecNames) {
  for (model::Component& component : shop_.application.components) {
    auto* cache = std::get_if<model::Elasticache>(&component.kind);
    if (cache != nullptr) cache->kms_key = "alias/shop";
  }
  shop_.aws.On("kms:DescribeKey", [](const SeenCall& call) -> Result<Value> {
    EXPECT_EQ(call.options.region, "us-west-2");
    return Value::Struct({{"KeyMetadata", Value::Struct({{"KeyState", "Enabled"}})}});
  });
  const auto open = Run("elasticache.replicate", shop_.recovery, {{"source-region", "us-east-1"}});
  EXPECT_NE(Detail(open).find("is not encrypted at rest"), std::string::npos) << Detail(open);
  home_.encrypted = true;
  const auto made = shop_.Run("elasticache.replicate/sessions");
  ASSERT_TRUE(made.ok()) << Detail(made);
  EXPECT_EQ(shop_.aws.Calls("elasticache:CreateReplicationGroup").front().input.String("KmsKeyId"),
            "alias/shop");
}

TEST_F(ElasticacheTest, AHalfMadeSecondaryIsWaitedForByTheNextRun) {
  shop_.aws.On("elasticache:CreateReplicationGroup", [&](const SeenCall& call) -> Result<Value> {
    (void)CreateSecondary(recovery_, call);
    return Service(ErrorCode::kAlready, "ReplicationGroupAlreadyExists");
  });
  Protect();
  EXPECT_EQ(home_.datastore, recovery_.datastore);
}

TEST_F(ElasticacheTest, TheBoundIsTheAgeOfTheNewestCanary) {
  Protect();
  const auto measured =
      Run("elasticache.measure", shop_.recovery, {{"source-region", "us-east-1"}});
  ASSERT_TRUE(measured.ok()) << Detail(measured);
  EXPECT_LT(std::stoll(measured->outputs.at("bound_ns")), base::Duration(seconds(20)).count());
  recovery_.server.FollowNobody();
  const auto hand = shop_.Run("elasticache.measure/sessions");
  EXPECT_FALSE(hand->outputs.contains("already_promoted")) << "somebody promoted it by hand";
  EXPECT_FALSE(hand->outputs.contains("bound_ns"));
  EXPECT_NE(hand->outputs.at("unknown_because").find("who promoted it is not known"),
            std::string::npos);
  shop_.plan.steps.back().parameters["promoted-by"] = "switchover-1";
  EXPECT_EQ(shop_.Run("elasticache.measure/sessions")->outputs.at("already_promoted"), "yes");
}

TEST_F(ElasticacheTest, APromotionIsDoneWhenTheNodeTakesAWriteAndAsksNothingOfTheLostRegion) {
  Protect();
  home_.server.Stop();
  dark_ = "us-east-1";
  shop_.aws.ForgetCalls();
  const auto promoted = Promote("unplanned");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "failover");
  EXPECT_TRUE(Writes(recovery_));
  for (const SeenCall& call : shop_.aws.Calls()) EXPECT_EQ(call.options.region, "us-west-2");
  const auto again = shop_.Run("elasticache.promote/sessions");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->detail.find("was promoted already"), 0u) << again->detail;
  EXPECT_EQ(shop_.aws.Calls("elasticache:FailoverGlobalReplicationGroup").size(), 1u);
}

TEST_F(ElasticacheTest, WhatCannotBePromotedInItsDatastoreIsCutLoose) {
  Protect();
  stuck_ = true;
  dark_ = "us-east-1";
  const auto promoted = Promote("unplanned");
  ASSERT_TRUE(promoted.ok()) << Detail(promoted);
  EXPECT_EQ(promoted->outputs.at("how"), "disassociated");
  EXPECT_TRUE(Writes(recovery_));
}

TEST_F(ElasticacheTest, APlannedMoveNeverCutsLoose) {
  Protect();
  stuck_ = true;
  ASSERT_TRUE(Run("elasticache.quiesce", shop_.home).ok());
  shop_.patience = seconds(1);
  EXPECT_EQ(Promote("planned").error().code(), ErrorCode::kUnreachable);
  EXPECT_TRUE(shop_.aws.Calls("elasticache:DisassociateGlobalReplicationGroup").empty());
  shop_.patience = seconds(20);
  ASSERT_TRUE(Run("elasticache.open", shop_.home).ok()) << "called off";
  EXPECT_TRUE(Writes(home_));
}

Limits BriefHold() {
  Limits limits = QuickLimits();
  limits.writes_held = seconds(2);
  return limits;
}

class LongFlipTest : public ElasticacheTest {
 protected:
  LongFlipTest() : ElasticacheTest(BriefHold()) {}
};

TEST_F(LongFlipTest, WritesWaitForAsLongAsAwsTakesAndAwsIsNotAskedAllTheTime) {
  Protect();
  stuck_ = true;
  ASSERT_TRUE(Run("elasticache.quiesce", shop_.home).ok());
  shop_.patience = seconds(5);
  EXPECT_EQ(Promote("planned").error().code(), ErrorCode::kUnreachable);
  EXPECT_FALSE(Writes(home_)) << "one hold was over long ago";
  EXPECT_LT(shop_.aws.Calls("elasticache:FailoverGlobalReplicationGroup").size(), 80u);
}

TEST_F(ElasticacheTest, APlannedMoveHoldsWaitsPromotesAndTheOldSideFollows) {
  Protect();
  ASSERT_TRUE(Run("elasticache.quiesce", shop_.home).ok());
  EXPECT_FALSE(Writes(home_)) << "its writes wait";
  ASSERT_TRUE(Run("elasticache.drain-to", shop_.recovery, {{"source-region", "us-east-1"}}).ok());
  ASSERT_TRUE(Promote("planned").ok());
  ASSERT_TRUE(Run("elasticache.open", shop_.recovery).ok());
  shop_
      .Add("elasticache.replicate/sessions@us-east-1", shop_.home, {{"source-region", "us-west-2"}})
      .component = model::ComponentName("sessions");
  const auto follows = shop_.Run("elasticache.replicate/sessions@us-east-1");
  ASSERT_TRUE(follows.ok()) << Detail(follows) << ": a node that is held cannot follow";
  EXPECT_TRUE(Writes(recovery_));
}

TEST_F(ElasticacheTest, AFenceHoldsWhatAnswersAndProvesNothingOfWhatDoesNot) {
  const auto unknown = Run("elasticache.fence", shop_.home);
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->outputs.at("proof"), "unreachable") << "not in the inventory";
  Protect();
  const auto held = shop_.Run("elasticache.fence/sessions");
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(held->outputs.at("proof"), "closed") << held->detail;
  EXPECT_FALSE(Writes(home_));
  home_.server.Stop();
  const auto gone = shop_.Run("elasticache.fence/sessions");
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(gone->outputs.at("proof"), "unreachable");
}

TEST_F(ElasticacheTest, WhatAnOldPrimaryAloneHoldsIsListedAndKeptBeforeItIsWiped) {
  Protect();
  stuck_ = true;
  dark_ = "us-east-1";
  ASSERT_TRUE(Promote("unplanned").ok());
  dark_.clear();
  home_.server.Do({"SET", "late", "1"});
  const auto kept = Run("elasticache.preserve-old", shop_.home, {{"writer-region", "us-west-2"}});
  ASSERT_TRUE(kept.ok()) << Detail(kept);
  EXPECT_EQ(kept->outputs.at("late_keys"), "1");
  EXPECT_EQ(snapshot_.find("sessions-before-"), 0u) << snapshot_;
  EXPECT_FALSE(home_.exists);
  const auto again = shop_.Run("elasticache.preserve-old/sessions");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->detail, "there is no old group in us-east-1");
}

TEST_F(ElasticacheTest, WhatAwsHasResynchronisedIsSaidToBeGone) {
  Protect();
  ASSERT_TRUE(Promote("unplanned").ok());
  const auto gone = Run("elasticache.preserve-old", shop_.home, {{"writer-region", "us-west-2"}});
  ASSERT_TRUE(gone.ok()) << Detail(gone);
  EXPECT_NE(gone->detail.find("what it alone held is gone"), std::string::npos);
  EXPECT_TRUE(home_.exists);
  EXPECT_TRUE(snapshot_.empty());
}

}  // namespace
}  // namespace leeward::steps
