// What can be wrong between keys that are each right.
#include <algorithm>

#include "spec/application.h"
#include "spec/kinds.h"

namespace leeward::spec {
namespace {

using model::Application;
using model::Component;
using model::ComponentName;

using Path = std::vector<std::string>;

// The node at a path of keys and list positions, or the nearest one above it that is there.
YAML::Node At(const YAML::Node& root, const Path& path) {
  YAML::Node node = YAML::Node(root);
  for (const std::string& part : path) {
    const YAML::Node& here = node;
    if (!here.IsMap() && !here.IsSequence()) break;
    const YAML::Node child = here.IsMap() ? here[part] : here[std::stoul(part)];
    if (!child.IsDefined()) break;
    node.reset(child);
  }
  return node;
}

std::vector<std::string> ComponentNames(const Application& application) {
  std::vector<std::string> names;
  for (const Component& component : application.components) names.push_back(component.name.str());
  return names;
}

std::string Partition(const model::Region& region) {
  if (region.str().starts_with("cn-")) return "aws-cn";
  if (region.str().starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

class Relations {
 public:
  Relations(Context& context, const YAML::Node& root, const Application& application)
      : context_(context), root_(root), application_(application) {}

  void Check() {
    CheckRegions();
    CheckDetection();
    CheckDownWhen();
    for (const Component& component : application_.components) CheckComponent(component);
    CheckCircles();
    for (std::size_t i = 0; i < application_.checks.size(); ++i) {
      const ComponentName& name = application_.checks[i].component;
      if (!name.empty())
        CheckDatabase(name, "check '" + application_.checks[i].name + "'",
                      {"checks", std::to_string(i), "component"});
    }
    CheckReads();
    CheckSessions();
    CheckGuard();
  }

 private:
  void Complain(const Path& path, std::string what, std::string fix) {
    context_.Complain(At(root_, path), std::move(what), std::move(fix));
  }

  void CheckRegions() {
    const model::Regions& regions = application_.regions;
    if (!regions.home.empty() && regions.home == regions.recovery) {
      Complain({"regions", "recovery"},
               "the recovery Region is the home Region, " + regions.home.str(),
               "write another Region: both would be lost together");
    }
    if (!regions.witness.empty() &&
        (regions.witness == regions.home || regions.witness == regions.recovery)) {
      Complain({"regions", "witness"}, "the witness Region is also the home or recovery Region",
               "write a third Region, or leave it out");
    }
    CheckPartition("recovery", regions.recovery);
    CheckPartition("witness", regions.witness);
  }

  void CheckPartition(const char* role, const model::Region& other) {
    const model::Region& home = application_.regions.home;
    if (other.empty() || home.empty() || Partition(other) == Partition(home)) return;
    Complain({"regions", role},
             home.str() + " and " + other.str() + " are in different AWS partitions",
             "write Regions of one partition: accounts and replication do not cross");
  }

  void CheckDetection() {
    const model::Detection& detection = application_.detection;
    if (detection.probe_timeout > detection.probe_every) {
      Complain({"detection", "probe-timeout"}, "'probe-timeout' is longer than 'probe-every'",
               "write at most " + base::FormatDuration(detection.probe_every));
    }
  }

  // What is left out means what is watched; what is written must be watched.
  void CheckDownWhen() {
    const auto& down_when = application_.detection.down_when;
    const YAML::Node detection = root_["detection"];
    if (!detection.IsDefined() || !detection.IsMap() || !AllComponentsRead()) return;
    const YAML::Node written = static_cast<const YAML::Node&>(detection)["down-when"];
    if (!written.IsDefined() || !written.IsSequence() || written.size() != down_when.size()) return;
    for (std::size_t i = 0; i < down_when.size(); ++i) {
      CheckWatched(down_when[i], {"detection", "down-when", std::to_string(i)});
    }
  }

  // A component whose entry is wrong is missing here, and nothing is to be said about its absence.
  bool AllComponentsRead() const {
    const YAML::Node components = root_["components"];
    return components.IsDefined() && components.IsMap() &&
           components.size() == application_.components.size();
  }

  void CheckWatched(const model::Combination& together, const Path& path) {
    const auto& components = application_.components;
    const bool stores = std::any_of(components.begin(), components.end(),
                                    [](const Component& one) { return model::IsProbed(one.kind); });
    const auto fronts = Fronts();
    for (const model::Signal signal : together) {
      if (signal == model::Signal::kStore && !stores) {
        Complain(path, "'store' counts, but no component is a store that can be asked",
                 "write 'application and control-plane', or leave 'down-when' out");
      }
      if (signal == model::Signal::kApplication && fronts.empty()) {
        Complain(path,
                 "'application' counts, but no component of kind ecs has a 'load-balancer' where "
                 "it could be asked",
                 "write 'store and control-plane', or leave 'down-when' out");
      }
    }
    const bool alone = together == model::Combination{model::Signal::kApplication};
    const bool sleeps = std::all_of(fronts.begin(), fronts.end(),
                                    [](const model::Ecs* front) { return front->standby == 0; });
    if (alone && !fronts.empty() && sleeps) {
      Complain(path,
               "'application' alone counts, and with 'standby: 0' it answers nobody in the Region "
               "that stands by, which would always count as down: no place to go to",
               "write 'application and store', or a 'standby' of 1 or more");
    }
  }

  // Where the application can be asked for its health.
  std::vector<const model::Ecs*> Fronts() const {
    std::vector<const model::Ecs*> fronts;
    for (const Component& component : application_.components) {
      const auto* ecs = std::get_if<model::Ecs>(&component.kind);
      if (ecs != nullptr && !ecs->load_balancer.empty()) fronts.push_back(ecs);
    }
    return fronts;
  }

  void CheckComponent(const Component& component) {
    const std::string where = "component " + component.name.str();
    for (std::size_t i = 0; i < component.needs.size(); ++i) {
      CheckKnown(component.needs[i], where,
                 {"components", component.name.str(), "needs", std::to_string(i)});
    }
    if (const auto* ecs = std::get_if<model::Ecs>(&component.kind)) {
      if (ecs->standby > ecs->active) {
        Complain({"components", component.name.str(), "standby"},
                 "'standby' is larger than 'active' in " + where,
                 "write at most " + std::to_string(ecs->active));
      }
      for (const auto& [variable, store] : ecs->environment) {
        CheckStore(store, where, {"components", component.name.str(), "environment", variable});
        CheckAddress(component.name.str(), variable, store);
        CheckStandby(*ecs, component.name.str(), variable, store);
      }
      for (const ComponentName& needed : component.needs)
        CheckMounted(*ecs, component.name.str(), needed);
    }
    CheckPattern(component);
    if (const auto* table = std::get_if<model::Dynamodb>(&component.kind))
      CheckTable(*table, component.name.str(), where);
    if (const auto* rds = std::get_if<model::Rds>(&component.kind)) {
      CheckEngine(*rds, component.name.str(), where);
      CheckHeld(*rds, component.name.str(), where);
    }
    if (model::FilesOf(component.kind) != nullptr) CheckWriters(component, where);
    if (const auto* efs = std::get_if<model::Efs>(&component.kind))
      CheckBacked(efs->backup, component.name.str(), where);
    if (const auto* synced = std::get_if<model::DataSync>(&component.kind))
      CheckSynced(component, *synced, where);
    if (const auto* ebs = std::get_if<model::Ebs>(&component.kind))
      CheckSchedule(component, *ebs, where);
    if (const auto* s3 = std::get_if<model::S3>(&component.kind))
      CheckBuckets(component, *s3, where);
  }

  void CheckAddress(const std::string& name, const std::string& variable,
                    const ComponentName& store) {
    const Component* found = application_.Find(store);
    if (found == nullptr || !std::holds_alternative<model::Ebs>(found->kind)) return;
    Complain({"components", name, "environment", variable},
             variable + " in component " + name + " names " + store.str() +
                 ", which is of kind ebs: volumes have no address that a container could be told",
             "leave it out");
  }

  // Tasks that stand by would ask for a store that is not there.
  void CheckStandby(const model::Ecs& ecs, const std::string& name, const std::string& variable,
                    const ComponentName& store) {
    const Component* found = application_.Find(store);
    if (found == nullptr || !model::Restores(found->kind) || ecs.standby == 0) return;
    Complain({"components", name, "standby"},
             "'standby' in component " + name + " is " + std::to_string(ecs.standby) + ", and " +
                 variable + " is the address of " + store.str() +
                 ", which is there only once it is restored",
             "write standby: 0, or recovery: replica in component " + store.str());
  }

  // Nor can they mount a file system that is not there.
  void CheckMounted(const model::Ecs& ecs, const std::string& name, const ComponentName& needed) {
    const Component* found = application_.Find(needed);
    if (found == nullptr || model::FilesOf(found->kind) == nullptr) return;
    if (!model::Restores(found->kind) || ecs.standby == 0) return;
    Complain({"components", name, "standby"},
             "'standby' in component " + name + " is " + std::to_string(ecs.standby) +
                 ", and it mounts " + needed.str() + ", which is there only once it is restored",
             "write standby: 0, or recovery: replica in component " + needed.str());
  }

  // Of the other kinds nothing can be restored yet, so none may be left to a pattern that says it
  // is.
  void CheckPattern(const Component& component) {
    if (application_.pattern != model::Pattern::kBackupAndRestore) return;
    if (!model::IsStore(component.kind) || std::holds_alternative<model::Rds>(component.kind) ||
        std::holds_alternative<model::Dynamodb>(component.kind) ||
        std::holds_alternative<model::Efs>(component.kind))
      return;
    const std::string kind(model::KindName(component.kind));
    Complain({"components", component.name.str(), "kind"},
             "component " + component.name.str() + " is of kind " + kind +
                 ", which pattern backup-and-restore does not cover",
             "write pattern: warm-standby, and recovery: restore where it is wanted");
  }

  // A guard holds its Region's database from before a move on; one that is restored is not there
  // until it takes writes.
  void CheckHeld(const model::Rds& rds, const std::string& name, const std::string& where) {
    if (!rds.restores() || !application_.failover.store) return;
    Complain({"components", name, "recovery"},
             where +
                 " is restored when it is needed, so no guard can hold it before, and 'store' in "
                 "failover has its writes held by a lease",
             "leave 'store' out of failover, or write recovery: replica");
  }

  // What PostgreSQL alone has.
  void CheckEngine(const model::Rds& rds, const std::string& name, const std::string& where) {
    if (rds.engine == model::Engine::kPostgres) return;
    const std::string engine(model::Name(rds.engine));
    if (rds.password_env.empty()) {
      Complain({"components", name, "engine"},
               "'password-env' is missing in " + where + ", and " + engine +
                   "'s client has no ways of its own",
               "add it: the environment variable with the password of 'user'");
    }
    if (application_.failover.store) {
      Complain(
          {"components", name, "engine"},
          where + " is " + engine +
              ", whose writes no guard holds, and 'store' in failover has them held by a lease",
          "leave 'store' out of failover, or write engine: postgres");
    }
  }

  // Files are closed by ending the tasks that have them mounted, so these have to be known.
  void CheckWriters(const Component& files, const std::string& where) {
    const bool known = std::any_of(
        application_.components.begin(), application_.components.end(), [&](const Component& one) {
          return std::holds_alternative<model::Ecs>(one.kind) &&
                 std::find(one.needs.begin(), one.needs.end(), files.name) != one.needs.end();
        });
    if (known || !AllComponentsRead()) return;
    Complain({"components", files.name.str()},
             where + " is needed by no component of kind ecs, so a move could end no writer of it",
             "add it to the 'needs' of the services that mount it");
  }

  void CheckSynced(const Component& component, const model::DataSync& synced,
                   const std::string& where) {
    const std::string& name = component.name.str();
    const bool compares = synced.transfer == model::SyncTransfer::kChanged;
    if (synced.deleted == model::SyncDeleted::kRemove && !compares) {
      Complain({"components", name, "deleted"},
               "'deleted' in " + where +
                   " is 'remove', and 'transfer' is 'all': then DataSync does not compare the two "
                   "sides, and cannot tell what was deleted",
               "write transfer: changed, or deleted: keep");
    }
    for (const Component& other : application_.components) {
      const model::Files* files = model::FilesOf(other.kind);
      if (files == nullptr || other.name == component.name) continue;
      if (files->file_system != synced.file_system) continue;
      Complain({"components", name},
               where + " and component " + other.name.str() + " both keep a copy of '" +
                   synced.file_system +
                   "': the copy of EFS's replication is read-only, so DataSync cannot write to it",
               "keep one of the two: they are alternatives");
    }
  }

  // A set is as old as the next one is late, and its copy takes time besides.
  void CheckSchedule(const Component& component, const model::Ebs& ebs, const std::string& where) {
    const base::Duration rpo = application_.RpoOf(component.name);
    if (ebs.every < rpo) return;
    Complain({"components", component.name.str()},
             where + " gets a set of snapshots every " + base::FormatDuration(ebs.every) +
                 ", which cannot keep an RPO of " + base::FormatDuration(rpo),
             "write a shorter 'every' (1m at least), or a longer 'rpo' in it");
  }

  void CheckBuckets(const Component& component, const model::S3& s3, const std::string& where) {
    const std::string& name = component.name.str();
    CheckWriters(component, where);
    if (!s3.home_bucket.empty() && s3.home_bucket == s3.recovery_bucket) {
      Complain({"components", name, "recovery-bucket"},
               where + " has the bucket '" + s3.home_bucket +
                   "' in both Regions, and a bucket is in one",
               "make a second bucket in " + application_.regions.recovery.str() +
                   ", and write its name");
    }
    for (const Component& other : application_.components) {
      const auto* same = std::get_if<model::S3>(&other.kind);
      if (same == nullptr || other.name == component.name || !Overlap(s3, *same)) continue;
      Complain({"components", name},
               where + " and component " + other.name.str() + " copy keys of one bucket twice",
               "give them prefixes of which none begins with the other, or make them one");
      break;
    }
    // Its canary is written so often, and S3 says nothing of how long a copy takes.
    constexpr base::Duration kShortest = std::chrono::minutes(1);
    const base::Duration rpo = application_.RpoOf(component.name);
    if (rpo >= kShortest) return;
    Complain({"components", name},
             where + " is copied by S3 in its own time, which cannot keep an RPO of " +
                 base::FormatDuration(rpo),
             "write a longer 'rpo' in it: 15m is what AWS holds S3 Replication Time Control to");
  }
  static bool Overlap(const model::S3& one, const model::S3& other) {
    const bool shared =
        one.home_bucket == other.home_bucket || one.recovery_bucket == other.recovery_bucket;
    return shared && (one.prefix.starts_with(other.prefix) || other.prefix.starts_with(one.prefix));
  }

  // A table is strong with three members in three Regions, and with nothing less.
  void CheckTable(const model::Dynamodb& table, const std::string& name, const std::string& where) {
    const bool strong = table.consistency == model::Consistency::kStrong;
    if (strong && application_.regions.witness.empty()) {
      Complain({"components", name, "consistency"},
               where + " is strong, which takes exactly three Regions, and the spec has two",
               "add the third as 'witness' in regions, or write eventual");
    }
    if (table.backup.restores() && strong) {
      Complain({"components", name, "consistency"},
               where + " is strong, and with recovery: restore there is one table at a time",
               "write recovery: replica, or leave 'consistency' out");
    }
    CheckBacked(table.backup, name, where);
    const YAML::Node third = At(root_, {"components", name})["third"];
    if (!strong && third.IsDefined()) {
      Complain({"components", name, "third"}, "'third' in " + where + " is only for strong tables",
               "leave it out, or write consistency: strong");
    }
  }

  void CheckBacked(const model::Backed& backup, const std::string& name, const std::string& where) {
    const base::Duration rpo = application_.RpoOf(ComponentName(name));
    if (!backup.restores() || backup.every < rpo) return;
    Complain({"components", name},
             where + " is backed up every " + base::FormatDuration(backup.every) +
                 ", which cannot keep an RPO of " + base::FormatDuration(rpo),
             "write a longer 'rpo' in it (2h with hourly backups), or recovery: replica");
  }

  void CheckReads() {
    if (!application_.workload) return;
    for (const auto& read : application_.workload->reads) {
      const std::string& name = read.first.str();
      CheckStore(read.first, "'reads' in workload", {"workload", "reads", name});
      if (read.second.path.find("{id}") == std::string::npos) {
        Complain({"workload", "reads", name},
                 "'" + name + "' in 'reads' asks for no write: its path has no {id}",
                 "write a path such as /" + name + "/{id}");
      }
    }
  }

  void CheckSessions() {
    if (!application_.workload) return;
    std::set<model::SessionMode> seen;
    for (std::size_t i = 0; i < application_.workload->sessions.size(); ++i) {
      const model::SessionLoad& load = application_.workload->sessions[i];
      const std::string where = "session load " + std::to_string(i + 1);
      const Path path = {"workload", "sessions", std::to_string(i)};
      // A mode that is wrong by itself has its complaint.
      if (At(root_, {path[0], path[1], path[2], "mode"}).Scalar() != model::Name(load.mode))
        continue;
      if (!seen.insert(load.mode).second) {
        Complain(path, where + " is another of mode " + std::string(model::Name(load.mode)),
                 "write each mode once");
      }
      CheckSessionStore(load, where, {path[0], path[1], path[2], "store"});
    }
  }

  // Whether sessions of that mode can be where the spec says.
  void CheckSessionStore(const model::SessionLoad& load, const std::string& where,
                         const Path& path) {
    const std::string of = where + ", of mode " + std::string(model::Name(load.mode));
    const bool own = load.mode == model::SessionMode::kSync;
    if (own && !load.store.empty()) {
      Complain(path, of + ", has a store", "leave it out: each Region's service keeps its own");
    }
    if (own) return;
    const bool cache = load.mode != model::SessionMode::kDynamodb;
    const bool table = load.mode != model::SessionMode::kRedis;
    const std::string kinds = cache && table ? "elasticache or dynamodb"
                              : cache        ? "elasticache"
                                             : "dynamodb";
    if (load.store.empty()) {
      Complain(path, of + ", has no store", "add store: a component of kind " + kinds);
      return;
    }
    if (!CheckKnown(load.store, where, path)) return;
    const model::ComponentKind& kind = application_.Find(load.store)->kind;
    if ((cache && std::holds_alternative<model::Elasticache>(kind)) ||
        (table && std::holds_alternative<model::Dynamodb>(kind)))
      return;
    Complain(path, of + ", has a store of kind " + std::string(model::KindName(kind)),
             "write a component of kind " + kinds);
  }

  void CheckGuard() {
    if (!application_.guard.on_fence) return;
    const YAML::Node failover = root_["failover"];
    if (failover.IsDefined() &&
        (!failover.IsMap() || static_cast<const YAML::Node&>(failover)["store"].IsDefined()))
      return;
    Complain({"guard", "on-fence"},
             "'on-fence' would never be run: without a store for the lease there is no guard",
             "add 'store' to failover, or leave 'on-fence' out");
  }

  bool CheckKnown(const ComponentName& name, const std::string& where, const Path& path) {
    if (application_.Find(name) != nullptr) return true;
    // A component whose own entry is wrong is not in the application; one complaint is enough.
    const YAML::Node components = root_["components"];
    if (components.IsDefined() && components.IsMap() && components[name.str()].IsDefined())
      return false;
    const std::string nearest = Nearest(name.str(), ComponentNames(application_));
    Complain(
        path, where + " names component '" + name.str() + "', which does not exist",
        nearest.empty() ? "write one of the spec's components" : "did you mean " + nearest + "?");
    return false;
  }

  void CheckStore(const ComponentName& name, const std::string& where, const Path& path) {
    if (!CheckKnown(name, where, path)) return;
    if (model::IsStore(application_.Find(name)->kind)) return;
    Complain(path, where + " names component '" + name.str() + "', which is not a store",
             "write a component of kind " + StoreKindChoice());
  }

  void CheckDatabase(const ComponentName& name, const std::string& where, const Path& path) {
    if (!CheckKnown(name, where, path)) return;
    if (std::holds_alternative<model::Rds>(application_.Find(name)->kind)) return;
    Complain(path, where + " names component '" + name.str() + "', which is not a database",
             "write a component of kind rds");
  }

  // Walks `needs` from each component; the first way back to it is the circle.
  void CheckCircles() {
    std::set<ComponentName> reported;
    for (const Component& component : application_.components) {
      std::vector<ComponentName> trail = {component.name};
      if (reported.contains(component.name) || !FindsBack(component, component.name, trail))
        continue;
      std::string circle;
      for (const ComponentName& name : trail) circle += name.str() + " → ";
      reported.insert(trail.begin(), trail.end());
      Complain({"components", component.name.str(), "needs"},
               "components need each other in a circle: " + circle + component.name.str(),
               "take one of them away");
    }
  }

  bool FindsBack(const Component& from, const ComponentName& to,
                 std::vector<ComponentName>& trail) {
    for (const ComponentName& name : from.needs) {
      if (name == to) return true;
      if (std::find(trail.begin(), trail.end(), name) != trail.end()) continue;
      const Component* needed = application_.Find(name);
      if (needed == nullptr || !dead_ends_.insert({to, name}).second) continue;
      trail.push_back(name);
      if (FindsBack(*needed, to, trail)) return true;
      trail.pop_back();
    }
    return false;
  }

  Context& context_;
  const YAML::Node& root_;
  const Application& application_;
  std::set<std::pair<ComponentName, ComponentName>> dead_ends_;  // walked already, for this start
};

}  // namespace

void CheckRelations(Context& context, const YAML::Node& root, const Application& application) {
  Relations(context, root, application).Check();
  CheckReferences(context, root, application);
}

}  // namespace leeward::spec
