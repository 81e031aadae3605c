// FakeFiles: EFS and ECS in two Regions as far as the steps of file systems see them: file systems
// without files, one replication at most, deletions that need both Regions, tasks that take a while
// to end.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "steps/efs.h"
#include "steps/testing/shop.h"

namespace leeward::steps::testing {

class FakeFiles {
 public:
  struct System {
    std::string id, region, token, name, state = "available", zone, protection = "ENABLED";
    bool encrypted = true;
    std::int64_t bytes = 6144;
    std::vector<std::pair<std::string, std::string>> tags = {};
    std::set<std::string> mounted_in = {};  // zones
  };
  // What one Region knows of a replication.
  struct Side {
    std::string source, destination, status = "ENABLED";
  };
  struct Service {
    std::int64_t desired = 3;
    int ending = 0;  // looks until its tasks that were told to end have
  };

  explicit FakeFiles(Shop& shop) : shop_(shop) {
    Add({"fs-home", kHome, "uploads", ""});
    services[kHome] = {3, 0};
    services[kRecovery] = {1, 0};
    On("efs:DescribeFileSystems", &FakeFiles::Describe);
    On("efs:DescribeReplicationConfigurations", &FakeFiles::DescribeReplications);
    On("efs:CreateReplicationConfiguration", &FakeFiles::Create);
    On("efs:DeleteReplicationConfiguration", &FakeFiles::Delete);
    On("efs:UpdateFileSystemProtection", &FakeFiles::Protect);
    On("efs:TagResource", &FakeFiles::Tag);
    On("efs:UntagResource", &FakeFiles::Untag);
    On("efs:CreateFileSystem", &FakeFiles::Make);
    On("efs:DescribeMountTargetSecurityGroups", &FakeFiles::Groups);
    On("efs:DescribeMountTargets", &FakeFiles::DescribeMounts);
    On("efs:CreateMountTarget", &FakeFiles::Mount);
    On("ec2:DescribeSubnets", &FakeFiles::Subnets);
    On("ecs:DescribeServices", &FakeFiles::Services);
    On("ecs:UpdateService", &FakeFiles::Update);
    On("ecs:ListTasks", &FakeFiles::Tasks);
    On("ecs:DescribeTasks", &FakeFiles::TaskStates);
  }

  System& Add(System system) {
    systems.push_back(std::move(system));
    return systems.back();
  }
  System& Of(const std::string& id) {
    const auto found = std::find_if(systems.begin(), systems.end(),
                                    [&](const System& one) { return one.id == id; });
    CHECK_MSG(found != systems.end(), id.c_str());
    return *found;
  }
  // A replica in the recovery Region, as `efs.replicate` would have made it.
  void MakeReplica() {
    Add({"fs-away", kRecovery, "made-by-efs", "uploads"}).protection = "REPLICATING";
    sides[kHome] = sides[kRecovery] = Side{"fs-home", "fs-away"};
    shop_.Know("uploads", shop_.home, "file-system.id", "fs-home");
    shop_.Know("uploads", shop_.recovery, "file-system.id", "fs-away");
  }

  static constexpr char kHome[] = "us-east-1", kRecovery[] = "us-west-2";
  std::vector<System> systems;
  std::map<std::string, Side> sides;  // by Region; absent: it knows of none
  std::map<std::string, Service> services;
  std::set<std::string> dark;
  bool other_refuses = false;               // to end a replication
  std::optional<base::Duration> behind{0};  // what has arrived; absent: the first copy is not whole
  int throttled = 0;                        // so many calls

 private:
  void On(const char* operation, Result<Value> (FakeFiles::*answer)(const SeenCall& call)) {
    shop_.aws.On(operation, [this, answer](const SeenCall& call) -> Result<Value> {
      if (dark.contains(call.options.region)) return base::Unreachable("no answer in 1.0 s");
      if (throttled > 0) {
        --throttled;
        return base::Throttled("slow down");
      }
      return (this->*answer)(call);
    });
  }
  static base::Error Refusal(base::ErrorCode code, const std::string& name) {
    return base::Error(code, "efs: " + name).WithServiceCode(name);
  }
  static std::string OtherOf(const std::string& region) {
    return region == kHome ? kRecovery : kHome;
  }
  System* Find(const std::string& region, std::string_view id) {
    for (System& system : systems) {
      if (system.region == region && system.id == id) return &system;
    }
    return nullptr;
  }

  Result<Value> Describe(const SeenCall& call) {
    const std::string_view wanted = call.input.String("FileSystemId");
    Value::List told;
    for (const System& system : systems) {
      if (system.region != call.options.region) continue;
      if (!wanted.empty() && wanted != system.id) continue;
      Value::List tags;
      for (const auto& [key, value] : system.tags)
        tags.push_back(Value::Struct({{"Key", key}, {"Value", value}}));
      Value one =
          Value::Struct({{"FileSystemId", system.id},
                         {"FileSystemArn", "arn:aws:elasticfilesystem:" + system.region +
                                               ":123456789012:file-system/" + system.id},
                         {"CreationToken", system.token},
                         {"LifeCycleState", system.state},
                         {"Encrypted", system.encrypted},
                         {"SizeInBytes", Value::Struct({{"Value", system.bytes}})},
                         {"Tags", tags},
                         {"FileSystemProtection",
                          Value::Struct({{"ReplicationOverwriteProtection", system.protection}})}});
      if (!system.name.empty()) one.Set("Name", system.name);
      if (!system.zone.empty()) one.Set("AvailabilityZoneName", system.zone);
      told.push_back(std::move(one));
    }
    if (!wanted.empty() && told.empty())
      return Refusal(base::ErrorCode::kNotFound, "FileSystemNotFound");
    return Value::Struct({{"FileSystems", told}});
  }

  Result<Value> DescribeReplications(const SeenCall& call) {
    const auto side = sides.find(call.options.region);
    const std::string_view wanted = call.input.String("FileSystemId");
    const bool named = side != sides.end() &&
                       (wanted == side->second.source || wanted == side->second.destination);
    if (!named) return Refusal(base::ErrorCode::kNotFound, "ReplicationNotFound");
    Value destination = Value::Struct({{"FileSystemId", side->second.destination},
                                       {"Region", Of(side->second.destination).region},
                                       {"Status", side->second.status}});
    if (behind) destination.Set("LastReplicatedTimestamp", shop_.clock.Now() - *behind);
    return Value::Struct(
        {{"Replications",
          Value::List{Value::Struct({{"SourceFileSystemId", side->second.source},
                                     {"SourceFileSystemRegion", Of(side->second.source).region},
                                     {"Destinations", Value::List{destination}}})}}});
  }

  Result<Value> Create(const SeenCall& call) {
    const Value& asked = call.input.Items("Destinations").front();
    const std::string into(asked.String("Region"));
    std::string id(asked.String("FileSystemId"));
    if (id.empty()) {
      id = "fs-made-" + std::to_string(systems.size());
      Add({id, into, "made-by-efs", ""});
    }
    System& destination = Of(id);
    if (asked.Has("FileSystemId") && destination.protection != "DISABLED")
      return Refusal(base::ErrorCode::kWrongState, "ConflictException");
    destination.protection = "REPLICATING";
    sides[kHome] = sides[kRecovery] =
        Side{std::string(call.input.String("SourceFileSystemId")), id};
    return Value::Struct();
  }

  Result<Value> Delete(const SeenCall& call) {
    const std::string& here = call.options.region;
    const std::string other = OtherOf(here);
    if (!sides.contains(here)) return Refusal(base::ErrorCode::kNotFound, "ReplicationNotFound");
    const bool local = call.input.String("DeletionMode") == "LOCAL_CONFIGURATION_ONLY";
    if (!local && dark.contains(other)) return base::Unreachable("no answer in 1.0 s");
    if (!local && other_refuses) return Refusal(base::ErrorCode::kInvalid, "BadRequest");
    End(here);
    if (!local) End(other);
    if (local && sides.contains(other)) sides[other].status = "ERROR";
    return Value::Struct();
  }
  void End(const std::string& region) {
    System* destination = Find(region, sides[region].destination);
    if (destination != nullptr) destination->protection = "ENABLED";
    sides.erase(region);
  }

  Result<Value> Protect(const SeenCall& call) {
    Of(std::string(call.input.String("FileSystemId"))).protection =
        call.input.String("ReplicationOverwriteProtection");
    return Value::Struct();
  }
  Result<Value> Tag(const SeenCall& call) {
    System& system = Of(std::string(call.input.String("ResourceId")));
    for (const Value& tag : call.input.Items("Tags")) {
      if (tag.String("Key") == "Name") system.name = tag.String("Value");
      system.tags.emplace_back(tag.String("Key"), tag.String("Value"));
    }
    return Value::Struct();
  }

  Result<Value> Untag(const SeenCall& call) {
    System& system = Of(std::string(call.input.String("ResourceId")));
    for (const Value& key : call.input.Items("TagKeys"))
      std::erase_if(system.tags, [&](const auto& tag) { return tag.first == key.str(); });
    return Value::Struct();
  }
  Result<Value> Make(const SeenCall& call) {
    const std::string token(call.input.String("CreationToken"));
    for (const System& system : systems) {
      if (system.region == call.options.region && system.token == token)
        return Refusal(base::ErrorCode::kAlready, "FileSystemAlreadyExists");
    }
    System& made =
        Add({"fs-made-" + std::to_string(systems.size()), call.options.region, token, ""});
    made.encrypted = call.input.Flag("Encrypted", false);
    made.zone = call.input.String("AvailabilityZoneName");
    for (const Value& tag : call.input.Items("Tags")) {
      if (tag.String("Key") == "Name") made.name = tag.String("Value");
      made.tags.emplace_back(tag.String("Key"), tag.String("Value"));
    }
    return Value::Struct({{"FileSystemId", made.id}});
  }
  Result<Value> Groups(const SeenCall&) {
    return Value::Struct({{"SecurityGroups", Value::List{"sg-nfs"}}});
  }

  Result<Value> DescribeMounts(const SeenCall& call) {
    Value::List told;
    for (const std::string& zone : Of(std::string(call.input.String("FileSystemId"))).mounted_in) {
      told.push_back(Value::Struct({{"MountTargetId", "fsmt-" + zone},
                                    {"SubnetId", "subnet-" + zone},
                                    {"AvailabilityZoneName", zone},
                                    {"LifeCycleState", "available"}}));
    }
    return Value::Struct({{"MountTargets", told}});
  }
  Result<Value> Mount(const SeenCall& call) {
    const std::string subnet(call.input.String("SubnetId"));
    System& system = Of(std::string(call.input.String("FileSystemId")));
    if (!system.mounted_in.insert(subnet.substr(subnet.find('-') + 1)).second)
      return Refusal(base::ErrorCode::kWrongState, "MountTargetConflict");
    return Value::Struct();
  }
  Result<Value> Subnets(const SeenCall& call) {
    Value::List told;
    for (const char* zone : {"a", "b"}) {
      const std::string name = call.options.region + zone;
      told.push_back(Value::Struct({{"SubnetId", "subnet-" + name}, {"AvailabilityZone", name}}));
    }
    return Value::Struct({{"Subnets", told}});
  }

  Result<Value> Services(const SeenCall& call) {
    const Service& service = services[call.options.region];
    return Value::Struct({{"services", Value::List{Value::Struct({{"status", "ACTIVE"},
                                                                  {"desiredCount", service.desired},
                                                                  {"runningCount", service.desired},
                                                                  {"pendingCount", 0}})}}});
  }
  Result<Value> Update(const SeenCall& call) {
    services[call.options.region].desired = call.input.Int("desiredCount");
    return Value::Struct();
  }
  Result<Value> Tasks(const SeenCall& call) {
    EXPECT_EQ(call.input.String("desiredStatus"), "STOPPED");
    return Value::Struct({{"taskArns", Value::List{"arn:task-1"}}});
  }
  Result<Value> TaskStates(const SeenCall& call) {
    int& ending = services[call.options.region].ending;
    const char* now = ending > 0 ? "DEPROVISIONING" : "STOPPED";
    if (ending > 0) --ending;
    return Value::Struct({{"tasks", Value::List{Value::Struct({{"lastStatus", now}})}}});
  }

  Shop& shop_;
};

}  // namespace leeward::steps::testing
