#include "cli/look.h"

#include <future>
#include <utility>

#include "cli/store_address.h"
#include "probe/canary.h"
#include "probe/redis.h"
#include "probe/sql_session.h"
#include "shapes/value.h"
#include "steps/backups.h"
#include "steps/datasync.h"
#include "steps/ebs.h"
#include "steps/efs.h"
#include "steps/items.h"
#include "steps/kms.h"
#include "steps/rds.h"
#include "steps/s3.h"
#include "steps/secretsmanager.h"

namespace leeward::cli {
namespace {

using model::Region;
using shapes::Value;

constexpr base::Duration kLookPatience{2'000'000'000};
constexpr int kMaxClusterEndpoints = 8;

constexpr char kNotKnown[] = "its address is not in the inventory; run `leeward protect` first";

// Looks at one store by its own protocol; `seen` is filled in, or its failure returned.
struct LookAtKind {
  World& world;
  const model::Inventory& inventory;
  const model::Region& other;  // where it is written when it is not here
  const model::ApplicationName& application;
  StoreSeen& seen;
  const model::Regions& regions;

  base::Status operator()(const model::Rds& rds) const {
    probe::SqlAddress address = StoreAddress(world, rds, inventory, seen.component, seen.region);
    address.access = probe::Access::kReadOnly;
    if (address.host.empty() && rds.restores() && !inventory.facts.empty()) {
      ASSIGN_OR_RETURN(const bool restored, LookForRestored(rds, address));
      if (!restored) return base::Ok();
    }
    if (address.host.empty()) return base::NotFound(kNotKnown);
    const base::MonotonicTime deadline = world.clock.Monotonic() + kLookPatience;
    ASSIGN_OR_RETURN(const auto session,
                     probe::SqlSession::Open(address, *world.resolver, deadline, world.clock));
    ASSIGN_OR_RETURN(seen.position, session->Position(deadline));
    seen.role = seen.position->replica ? StoreRole::kReplica : StoreRole::kWriter;
    const auto canary = session->NewestCanary(deadline);
    if (canary.ok()) seen.newest_canary = *canary;
    return base::Ok();
  }
  // The address of a restored instance; false where there is none, and a backup at best.
  base::Result<bool> LookForRestored(const model::Rds& rds, probe::SqlAddress& address) const {
    const auto told =
        Ask("rds", "DescribeDBInstances", Value::Struct({{"DBInstanceIdentifier", rds.instance}}));
    if (!told.ok() && told.error().code() != base::ErrorCode::kNotFound) return told.error();
    if (told.ok() && !told->Items("DBInstances").empty()) {
      const Value& endpoint = told->Items("DBInstances").front().Sub("Endpoint");
      if (!endpoint.Has("Address")) return base::WrongState("it is being restored");
      address.host = endpoint.String("Address");
      address.port = static_cast<int>(endpoint.Int("Port", address.port));
      return true;
    }
    ASSIGN_OR_RETURN(const Value backups,
                     Ask("rds", "DescribeDBInstanceAutomatedBackups", Value::Struct()));
    const auto newest =
        steps::NewestOf(steps::ReadBackupCopies(backups, seen.region), other, rds.instance,
                        inventory.Fact(seen.component, other, "instance.resource-id"));
    if (!newest) return base::NotFound("there is no backup of it to restore");
    seen.role = StoreRole::kBackup;
    seen.newest_canary = newest->latest;
    return false;
  }
  base::Status operator()(const model::Elasticache& cache) const {
    const probe::RedisAddress address =
        CacheAddress(world, cache, inventory, seen.component, seen.region);
    if (address.host.empty()) return base::NotFound(kNotKnown);
    const base::MonotonicTime deadline = world.clock.Monotonic() + kLookPatience;
    ASSIGN_OR_RETURN(const auto session,
                     probe::RedisSession::Open(address, *world.resolver, deadline, world.clock));
    ASSIGN_OR_RETURN(const probe::RedisStanding standing, probe::ReadStanding(*session, deadline));
    seen.role = standing.primary ? StoreRole::kWriter : StoreRole::kReplica;
    const auto canary = probe::GetStamp(*session, probe::CanaryOf(other.str()), deadline);
    if (canary.ok()) seen.newest_canary = *canary;
    return base::Ok();
  }
  base::Status operator()(const model::Dynamodb& dynamodb) const {
    aws::CallOptions options;
    options.deadline = kLookPatience;
    options.max_attempts = 1;
    const steps::ItemTable table =
        ItemsOf(world, dynamodb, inventory, seen.component, seen.region, options);
    if (table.key.hash.name.empty() && dynamodb.backup.restores() && !inventory.facts.empty())
      return LookForPoint(dynamodb);
    if (table.key.hash.name.empty())
      return base::NotFound("its key is not in the inventory; run `leeward protect` first");
    ASSIGN_OR_RETURN(seen.newest_canary, steps::GetStamp(table, probe::CanaryOf(other.str())));
    seen.role = StoreRole::kPeer;
    return base::Ok();
  }
  // A table that the inventory does not know here was restored since, or there are backups at best.
  base::Status LookForPoint(const model::Dynamodb& dynamodb) const {
    const auto told =
        Ask("dynamodb", "DescribeTable", Value::Struct({{"TableName", dynamodb.table}}));
    if (!told.ok() && told.error().code() != base::ErrorCode::kNotFound) return told.error();
    if (told.ok()) {
      seen.role = StoreRole::kPeer;
      return base::Ok();
    }
    return NewestPointOf(dynamodb.backup, "table.arn");
  }
  // It takes no writes here, also where nothing can be restored.
  base::Status NewestPointOf(const model::Backed& backup, std::string_view arn) const {
    const std::string lost(inventory.Fact(seen.component, other, arn));
    const auto points = world.aws->Paginate("backup", "ListRecoveryPointsByBackupVault",
                                            steps::PointsOf(backup, lost), PatientlyHere());
    if (!points.ok() && points.error().code() != base::ErrorCode::kNotFound) return points.error();
    seen.role = StoreRole::kBackup;
    if (!points.ok()) {
      seen.standing = {false, "backup, and there is no vault " + backup.vault};
      return base::Ok();
    }
    const auto newest = steps::NewestPoint(*points);
    if (newest) seen.newest_canary = newest->begun;
    return base::Ok();
  }
  base::Status operator()(const model::Efs& efs) const {
    const bool known = !inventory.Fact(seen.component, seen.region, "file-system.id").empty();
    if (!known && efs.backup.restores() && !inventory.facts.empty()) return LookForFiles(efs);
    ASSIGN_OR_RETURN(const steps::FileSystem system, FileSystemSeen());
    const std::string& id = system.id;
    const Value of = Value::Struct({{"FileSystemId", id}});
    const auto replications = AskFiles("DescribeReplicationConfigurations", of);
    if (!replications.ok() && replications.error().code() != base::ErrorCode::kNotFound)
      return replications.error();
    std::optional<steps::Replication> replication;
    if (replications.ok()) replication = steps::ReadReplication(*replications);
    seen.role = steps::TakesWrites(system, replication) ? StoreRole::kWriter : StoreRole::kReplica;
    if (replication && replication->destination_id == id)
      seen.newest_canary = replication->last_replicated;
    return base::Ok();
  }
  // One that the inventory does not know here was restored since, or there are backups at best.
  base::Status LookForFiles(const model::Efs& efs) const {
    ASSIGN_OR_RETURN(const Value all, world.aws->Paginate("efs", "DescribeFileSystems",
                                                          Value::Struct(), PatientlyHere()));
    if (steps::Named(all, efs.file_system).empty())
      return NewestPointOf(efs.backup, "file-system.arn");
    seen.role = StoreRole::kWriter;
    return base::Ok();
  }
  // A copy is told by its tag, and how old it is by the task that the inventory knows.
  base::Status operator()(const model::DataSync&) const {
    ASSIGN_OR_RETURN(const steps::FileSystem system, FileSystemSeen());
    seen.role = system.copy_of.empty() ? StoreRole::kWriter : StoreRole::kReplica;
    const std::string task(inventory.Fact(seen.component, seen.region, "task.arn"));
    if (system.copy_of.empty() || task.empty()) return base::Ok();
    const steps::AskSync ask = [this](std::string_view operation, const Value& input) {
      const bool lists = operation.starts_with("List");
      return lists ? world.aws->Paginate("datasync", operation, input, PatientlyHere())
                   : Ask("datasync", operation, input);
    };
    ASSIGN_OR_RETURN(seen.newest_canary, steps::NewestWhole(ask, task, system.copy_since));
    return base::Ok();
  }
  base::Result<steps::FileSystem> FileSystemSeen() const {
    const std::string id(inventory.Fact(seen.component, seen.region, "file-system.id"));
    if (id.empty())
      return base::NotFound("its id is not in the inventory; run `leeward protect` first");
    ASSIGN_OR_RETURN(const Value told,
                     AskFiles("DescribeFileSystems", Value::Struct({{"FileSystemId", id}})));
    if (told.Items("FileSystems").empty()) return base::NotFound(id + " is gone");
    return steps::ReadFileSystem(told.Items("FileSystems").front());
  }
  aws::CallOptions PatientlyHere() const {
    aws::CallOptions options;
    options.region = seen.region.str();
    options.deadline = kLookPatience;
    options.max_attempts = 1;
    return options;
  }
  base::Result<Value> AskFiles(std::string_view operation, const Value& input) const {
    return Ask("efs", operation, input);
  }
  base::Result<Value> Ask(std::string_view service, std::string_view operation,
                          const Value& input) const {
    return world.aws->Call(service, operation, input, PatientlyHere());
  }
  base::Status operator()(const model::Ebs& ebs) const {
    ASSIGN_OR_RETURN(const Value volumes, AskDisks("DescribeVolumes", steps::VolumesWith(ebs)));
    ASSIGN_OR_RETURN(
        const Value snapshots,
        AskDisks("DescribeSnapshots", steps::SnapshotsOf(application, seen.component)));
    const std::vector<steps::SnapshotSet> sets = steps::ReadSets(snapshots);
    const steps::SnapshotSet* newest = steps::NewestComplete(sets);
    const bool here = !steps::Chosen(volumes).empty();
    if (!here && newest == nullptr)
      return base::NotFound("no volume has its tag, and no set of snapshots is complete");
    seen.role = here ? StoreRole::kWriter : StoreRole::kReplica;
    if (!here) seen.newest_canary = newest->started;
    return base::Ok();
  }
  base::Result<Value> AskDisks(std::string_view operation, const Value& input) const {
    return world.aws->Paginate("ec2", operation, input, PatientlyHere());
  }
  // The primary alone says whether a replica is in sync, so that both are asked.
  base::Status operator()(const model::Secret& secret) const {
    ASSIGN_OR_RETURN(const steps::SecretSeen here, SecretIn(secret, seen.region));
    const bool replica = here.IsReplicaIn(seen.region);
    seen.role = replica ? StoreRole::kReplica : StoreRole::kWriter;
    if (!replica) return base::Ok();
    const auto primary = SecretIn(secret, Region(here.primary_region));
    if (!primary.ok()) {
      seen.standing = {false, "replica, sync unknown: " + primary.error().message()};
      return base::Ok();
    }
    const steps::SecretSync sync = steps::CompareSecrets(*primary, here, seen.region);
    seen.standing = {sync.state == steps::SecretSync::State::kInSync, "replica, " + sync.told};
    return base::Ok();
  }
  base::Result<steps::SecretSeen> SecretIn(const model::Secret& secret,
                                           const Region& region) const {
    aws::CallOptions options = PatientlyHere();
    options.region = region.str();
    ASSIGN_OR_RETURN(const Value told,
                     world.aws->Call("secretsmanager", "DescribeSecret",
                                     Value::Struct({{"SecretId", secret.secret}}), options));
    steps::SecretSeen read = steps::ReadSecret(told);
    if (read.deleted) return base::WrongState("it is to be deleted");
    return read;
  }
  // Each works alone; that they are one key is seen in both Regions.
  base::Status operator()(const model::Kms& kms) const {
    ASSIGN_OR_RETURN(const steps::KeyTold here, KeyIn(kms, seen.region));
    seen.role = StoreRole::kPeer;
    const std::string state = (here.primary_region == seen.region.str() ? "primary, "
                               : here.multi_region                      ? "replica, "
                                                                        : "of one Region, ") +
                              here.state;
    const auto there = KeyIn(kms, other);
    if (!there.ok()) {
      seen.standing = {false,
                       state + ", that of " + other.str() + " unknown: " + there.error().message()};
      return base::Ok();
    }
    const bool one = here.multi_region && there->id == here.id;
    seen.standing = {one && here.Usable(),
                     state + (one ? "" : ", and another key than in " + other.str())};
    return base::Ok();
  }
  base::Result<steps::KeyTold> KeyIn(const model::Kms& kms, const Region& region) const {
    aws::CallOptions options = PatientlyHere();
    options.region = region.str();
    ASSIGN_OR_RETURN(
        const Value told,
        world.aws->Call("kms", "DescribeKey", Value::Struct({{"KeyId", kms.key}}), options));
    return steps::ReadKey(told);
  }
  // Both buckets take writes; what is told of one besides is what keeps the other from its copies.
  base::Status operator()(const model::S3& s3) const {
    const steps::Bucket bucket{bucket_here(s3), s3.prefix,
                               [this](std::string_view operation, const Value& input) {
                                 return Ask("s3", operation, input);
                               }};
    ASSIGN_OR_RETURN(const auto canary, steps::GetStamp(bucket, probe::CanaryOf(other.str())));
    if (canary) seen.newest_canary = canary->stamp;
    seen.role = StoreRole::kPeer;
    const std::string why = WhyNotCopied(s3);
    if (!why.empty()) seen.standing = {false, "takes writes, " + why};
    return base::Ok();
  }
  const std::string& bucket_here(const model::S3& s3) const {
    return seen.region == regions.home ? s3.home_bucket : s3.recovery_bucket;
  }
  std::string WhyNotCopied(const model::S3& s3) const {
    const Value input = Value::Struct({{"Bucket", bucket_here(s3)}});
    const auto versioning = Ask("s3", "GetBucketVersioning", input);
    if (!versioning.ok()) return "its versioning unknown: " + versioning.error().message();
    if (versioning->String("Status") != "Enabled") return "not versioned, so nothing is copied";
    const auto replication = Ask("s3", "GetBucketReplication", input);
    const bool none = !replication.ok() &&
                      replication.error().service_code() == "ReplicationConfigurationNotFoundError";
    if (!replication.ok() && !none) return "its rules unknown: " + replication.error().message();
    const std::string id = steps::ReplicationRuleId(application, seen.component);
    if (!none) {
      for (const Value& rule : replication->Sub("ReplicationConfiguration").Items("Rules")) {
        if (rule.String("ID") == id && rule.String("Status") == "Enabled") return "";
      }
    }
    return "its rule " + id +
           " is not there or disabled, so nothing is copied; run `leeward "
           "protect`";
  }
  base::Status operator()(const model::Ecs&) const { return base::Ok(); }
  base::Status operator()(const model::Route53&) const { return base::Ok(); }
};

StoreSeen LookAtStore(World& world, const model::Inventory& inventory,
                      const model::Component& component, const Region& region,
                      const model::Application& application) {
  StoreSeen seen{component.name, region};
  const model::Regions& regions = application.regions;
  const Region& other = region == regions.home ? regions.recovery : regions.home;
  const base::Status looked = std::visit(
      LookAtKind{world, inventory, other, application.name, seen, regions}, component.kind);
  if (!looked.ok()) seen.failure = looked.error().message();
  return seen;
}

base::Status LookAtControlPlane(World& world, const Region& region) {
  aws::CallOptions options;
  options.region = region.str();
  options.deadline = kLookPatience;
  options.max_attempts = 1;
  const auto answer = world.aws->Call("sts", "GetCallerIdentity", Value::Struct(), options);
  if (!answer.ok()) return answer.error();
  return base::Ok();
}

// The state of one routing control, from the first of its cluster's endpoints that answers.
std::optional<bool> LookAtControl(World& world, const model::Inventory& inventory,
                                  const model::ComponentName& traffic, const Region& region) {
  const std::string_view control = inventory.Fact(traffic, region, "routing-control.arn");
  if (control.empty()) return std::nullopt;
  for (int i = 0; i < kMaxClusterEndpoints; ++i) {
    const std::string n = std::to_string(i);
    const std::string_view endpoint = inventory.Fact(traffic, Region(), "cluster-endpoint." + n);
    if (endpoint.empty()) break;
    aws::CallOptions options;
    options.endpoint_url = std::string(endpoint);
    options.region = std::string(inventory.Fact(traffic, Region(), "cluster-endpoint-region." + n));
    options.deadline = kLookPatience / 4;
    options.max_attempts = 1;
    const auto answer = world.aws->Call("route53-recovery-cluster", "GetRoutingControlState",
                                        Value::Struct({{"RoutingControlArn", control}}), options);
    if (answer.ok()) return answer->String("RoutingControlState") == "On";
  }
  return std::nullopt;
}

// The Region that a store says takes its writes. The standby following it says the same of a silent
// source.
std::optional<Region> WriterOf(const Seen& seen, const model::ComponentName& store,
                               const model::Regions& regions) {
  std::optional<bool> home, recovery;  // whether it is writable
  for (const StoreSeen& look : seen.stores) {
    if (look.component != store || !look.role || look.role == StoreRole::kPeer) continue;
    (look.region == regions.home ? home : recovery) = look.role == StoreRole::kWriter;
  }
  if (home == true && recovery != true) return regions.home;
  if (recovery == true && home != true) return regions.recovery;
  if (recovery == false && !home) return regions.home;
  if (home == false && !recovery) return regions.recovery;
  return std::nullopt;
}

std::optional<Region> RoutedTo(const Seen& seen, const model::Regions& regions) {
  const auto on = [&](const Region& region) {
    const auto found = seen.routing_on.find(region);
    return found != seen.routing_on.end() && found->second;
  };
  if (on(regions.home) == on(regions.recovery)) return std::nullopt;
  return on(regions.home) ? regions.home : regions.recovery;
}

// Whether one Region at a time is the store's writer by the store's own word.
bool HasWriter(const model::ComponentKind& kind) {
  return model::IsStore(kind) && !std::holds_alternative<model::Dynamodb>(kind) &&
         !std::holds_alternative<model::S3>(kind);
}

model::Verdict VerdictFromHere(const Seen& seen, const Region& region) {
  model::Verdict verdict{
      region, model::Health::kDown, 1, 1, seen.at, "seen from here only: nothing answers"};
  for (const StoreSeen& store : seen.stores) {
    if (store.region == region && store.role) verdict.health = model::Health::kUp;
  }
  const auto control = seen.control_planes.find(region);
  if (control != seen.control_planes.end() && verdict.health != model::Health::kUp) {
    const base::Status& answer = control->second;
    if (answer.ok() || IsAnswer(answer.error())) {
      verdict.health = model::Health::kUp;
    } else if (answer.error().code() == base::ErrorCode::kDenied) {
      verdict.health = model::Health::kUnknown;
      verdict.reason = "seen from here only: nobody could be asked without credentials";
    }
  }
  if (verdict.health == model::Health::kUp) verdict.reason = "seen from here only: it answers";
  return verdict;
}

enum class Tables { kLeftOut, kAsked };

bool IsLookedAt(const model::ComponentKind& kind, Tables tables) {
  if (std::holds_alternative<model::Dynamodb>(kind) || std::holds_alternative<model::S3>(kind) ||
      std::holds_alternative<model::Secret>(kind) || std::holds_alternative<model::Kms>(kind))
    return tables == Tables::kAsked;
  return model::IsStore(kind);
}

Seen LookAtAll(World& world, const Project& project, const model::Inventory& inventory,
               Tables tables) {
  Seen seen;
  seen.at = world.clock.Now();
  std::vector<std::future<StoreSeen>> stores;
  std::map<Region, std::future<std::optional<bool>>> controls;
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery}) {
    for (const model::Component& component : project.application.components) {
      if (IsLookedAt(component.kind, tables)) {
        stores.push_back(
            std::async(std::launch::async, [&world, &inventory, &component, &project, region] {
              return LookAtStore(world, inventory, component, region, project.application);
            }));
      } else if (std::holds_alternative<model::Route53>(component.kind)) {
        controls[region] = std::async(std::launch::async, [&world, &inventory, &component, region] {
          return LookAtControl(world, inventory, component.name, region);
        });
      }
    }
  }
  for (auto& store : stores) seen.stores.push_back(store.get());
  for (auto& [region, control] : controls) {
    if (const std::optional<bool> on = control.get()) seen.routing_on[region] = *on;
  }
  return seen;
}

}  // namespace

bool IsAnswer(const base::Error& error) {
  const bool refused =
      error.code() == base::ErrorCode::kDenied || error.code() == base::ErrorCode::kThrottled;
  return refused && !error.service_code().empty();
}

Seen Look(World& world, const Project& project, const model::Inventory& inventory) {
  return LookAtAll(world, project, inventory, Tables::kLeftOut);
}

Seen LookAround(World& world, const Project& project, const model::Inventory& inventory) {
  std::map<Region, std::future<base::Status>> planes;
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery}) {
    planes[region] = std::async(std::launch::async,
                                [&world, region] { return LookAtControlPlane(world, region); });
  }
  Seen seen = LookAtAll(world, project, inventory, Tables::kAsked);
  for (auto& [region, plane] : planes) seen.control_planes.emplace(region, plane.get());
  return seen;
}

model::Snapshot SnapshotOf(const Seen& seen, const Project& project,
                           const model::Inventory& inventory) {
  model::Snapshot snapshot;
  snapshot.at = seen.at;
  const model::Regions& regions = project.application.regions;
  for (const Region& region : {regions.home, regions.recovery})
    snapshot.verdicts.push_back(VerdictFromHere(seen, region));
  if (inventory.facts
          .empty()) {  // nothing is protected yet: the application is where the spec says it lives
    for (const model::Component& component : project.application.components)
      snapshot.active[component.name] = regions.home;
    return snapshot;
  }
  const std::optional<Region> routed = RoutedTo(seen, regions);
  std::optional<Region> writer;
  for (const model::Component& component : project.application.components) {
    if (!HasWriter(component.kind)) continue;
    std::optional<Region> own = WriterOf(seen, component.name, regions);
    if (!own)
      own = routed;  // both Regions say they are the writer: a lost one came back; traffic tells
                     // them apart
    if (own) snapshot.active[component.name] = *own;
    if (own && !writer) writer = own;
  }
  const std::optional<Region> serving = routed ? routed : writer;
  for (const model::Component& component : project.application.components) {
    if (HasWriter(component.kind) || !serving) continue;
    snapshot.active[component.name] = *serving;
  }
  return snapshot;
}

}  // namespace leeward::cli
