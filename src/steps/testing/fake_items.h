// FakeItems: DynamoDB in two Regions as far as the steps of `dynamodb` see it: one global table,
// items that cross when a test lets them, resource policies that take effect after some tries.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "steps/dynamodb.h"
#include "steps/testing/shop.h"

namespace leeward::steps::testing {

class FakeItems {
 public:
  struct Side {
    bool exists = false;
    std::map<std::string, Value> items;  // by key as JSON
    std::string policy;
    int revision = 0;
    int policy_lag = 0;  // writes until the policy is obeyed
    bool point_in_time = false, protection = false;
    Value::List tags;
    std::string status = "ACTIVE";
  };

  explicit FakeItems(Shop& shop) : shop_(shop) {
    home().exists = true;
    const auto serve = [&](const char* operation, auto answer) {
      shop.aws.On(std::string("dynamodb:") + operation,
                  [this, answer](const SeenCall& call) -> Result<Value> {
                    Side& side = sides[call.options.region];
                    if (dark.contains(call.options.region))
                      return base::Unreachable("no answer in 1.0 s");
                    if (throttled-- > 0) return base::Throttled("slow down");
                    return (this->*answer)(side, call);
                  });
    };
    serve("DescribeTable", &FakeItems::Describe);
    serve("UpdateTable", &FakeItems::Update);
    serve("PutItem", &FakeItems::Put);
    serve("GetItem", &FakeItems::Get);
    serve("BatchGetItem", &FakeItems::BatchGet);
    serve("Scan", &FakeItems::Scan);
    serve("GetResourcePolicy", &FakeItems::GetPolicy);
    serve("PutResourcePolicy", &FakeItems::PutPolicy);
    serve("DeleteResourcePolicy", &FakeItems::DeletePolicy);
    serve("DescribeContinuousBackups", &FakeItems::Backups);
    serve("UpdateContinuousBackups", &FakeItems::TurnOnBackups);
    serve("ListTagsOfResource", &FakeItems::Tags);
    serve("TagResource", &FakeItems::Tag);
  }

  Side& home() { return sides["us-east-1"]; }
  Side& recovery() { return sides["us-west-2"]; }
  void MakeReplica() {
    recovery().exists = true;
    replica = "ACTIVE";
  }
  static std::string Arn(const std::string& region) {
    return "arn:aws:dynamodb:" + region + ":123456789012:table/carts";
  }
  // Everything that one side has, to the other.
  void Replicate() {
    for (auto& [key, item] : home().items) recovery().items[key] = item;
    for (auto& [key, item] : recovery().items) home().items[key] = item;
  }

  std::map<std::string, Side> sides;
  std::set<std::string> dark;
  int throttled = 0;    // so many calls
  std::string replica;  // its status; empty: there is none
  std::string version = "2019.11.21", stream_view, consistency;
  std::string encryption;  // SSEType; empty: a key that AWS owns
  bool replicating = true;

 private:
  static base::Error Service(base::ErrorCode code, const std::string& name) {
    return base::Error(code, "dynamodb: " + name).WithServiceCode(name);
  }

  Result<Value> Describe(Side& side, const SeenCall& call) {
    if (!side.exists) return Service(base::ErrorCode::kNotFound, "ResourceNotFoundException");
    Value key = Value::Struct({{"AttributeName", "id"}, {"KeyType", "HASH"}});
    Value type = Value::Struct({{"AttributeName", "id"}, {"AttributeType", "S"}});
    Value table = Value::Struct({{"TableName", "carts"},
                                 {"TableArn", Arn(call.options.region)},
                                 {"SSEDescription", Value::Struct({{"SSEType", encryption}})},
                                 {"TableStatus", side.status},
                                 {"DeletionProtectionEnabled", side.protection},
                                 {"KeySchema", Value::List{key}},
                                 {"AttributeDefinitions", Value::List{type}}});
    if (!replica.empty()) {
      const bool at_home = call.options.region == "us-east-1";
      table.Set("GlobalTableVersion", version);
      table.Set("Replicas",
                Value::List{Value::Struct({{"RegionName", at_home ? "us-west-2" : "us-east-1"},
                                           {"ReplicaStatus", at_home ? replica : "ACTIVE"}})});
    }
    if (!consistency.empty()) table.Set("MultiRegionConsistency", consistency);
    if (!stream_view.empty()) {
      table.Set("LatestStreamArn", Arn(call.options.region) + "/stream/1");
      table.Set("StreamSpecification",
                Value::Struct({{"StreamEnabled", true}, {"StreamViewType", stream_view}}));
    }
    return Value::Struct({{"Table", table}});
  }

  Result<Value> Update(Side& side, const SeenCall& call) {
    const Value& stream = call.input.Sub("StreamSpecification");
    if (!stream.is_null()) stream_view = stream.String("StreamViewType");
    side.protection = call.input.Flag("DeletionProtectionEnabled", side.protection);
    if (call.input.Has("MultiRegionConsistency"))
      consistency = call.input.String("MultiRegionConsistency");
    if (call.input.Has("ReplicaUpdates")) MakeReplica();
    return Value::Struct();
  }

  Result<Value> Put(Side& side, const SeenCall& call) {
    if (!side.policy.empty() && HasFence(side.policy)) {
      if (side.policy_lag <= 0) return Service(base::ErrorCode::kDenied, "AccessDeniedException");
      --side.policy_lag;
    }
    const Value& item = call.input.Sub("Item");
    side.items[ToJson(item.Sub("id"))] = item;
    if (replicating) Replicate();
    return Value::Struct();
  }

  Result<Value> Get(Side& side, const SeenCall& call) {
    const auto found = side.items.find(ToJson(call.input.Sub("Key").Sub("id")));
    if (found == side.items.end()) return Value::Struct();
    return Value::Struct({{"Item", found->second}});
  }

  Result<Value> BatchGet(Side& side, const SeenCall& call) {
    Value::List items;
    for (const Value& key : call.input.Sub("RequestItems").Sub("carts").Items("Keys")) {
      const auto found = side.items.find(ToJson(key.Sub("id")));
      if (found != side.items.end()) items.push_back(found->second);
    }
    return Value::Struct({{"Responses", Value::Struct({{"carts", std::move(items)}})}});
  }

  Result<Value> Scan(Side& side, const SeenCall&) {
    return Value::Struct({{"Count", side.items.empty() ? 0 : 1}});
  }

  Result<Value> GetPolicy(Side& side, const SeenCall&) {
    if (side.policy.empty()) return Service(base::ErrorCode::kNotFound, "PolicyNotFoundException");
    return Value::Struct({{"Policy", side.policy}, {"RevisionId", std::to_string(side.revision)}});
  }
  Result<Value> PutPolicy(Side& side, const SeenCall& call) {
    side.policy = call.input.String("Policy");
    ++side.revision;
    return Value::Struct();
  }
  Result<Value> DeletePolicy(Side& side, const SeenCall&) {
    side.policy.clear();
    return Value::Struct();
  }

  Result<Value> Backups(Side& side, const SeenCall&) {
    Value state =
        Value::Struct({{"PointInTimeRecoveryStatus", side.point_in_time ? "ENABLED" : "DISABLED"}});
    if (side.point_in_time) state.Set("RecoveryPeriodInDays", 7);
    return Value::Struct({{"ContinuousBackupsDescription",
                           Value::Struct({{"PointInTimeRecoveryDescription", state}})}});
  }
  Result<Value> TurnOnBackups(Side& side, const SeenCall&) {
    side.point_in_time = true;
    return Value::Struct();
  }
  Result<Value> Tags(Side& side, const SeenCall&) { return Value::Struct({{"Tags", side.tags}}); }
  Result<Value> Tag(Side& side, const SeenCall& call) {
    for (const Value& tag : call.input.Items("Tags")) side.tags.push_back(tag);
    return Value::Struct();
  }

  Shop& shop_;
};

}  // namespace leeward::steps::testing
