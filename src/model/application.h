// Application: what is protected, as its spec file says it, checked and with defaults filled in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/signal.h"

namespace leeward::model {

struct Regions {
  Region home;      // "A": where the application lives on a good day
  Region recovery;  // "B": where it goes
  Region witness;   // watches and votes; empty when the application has none
};

struct Objectives {
  base::Duration rto{};  // time without service that the business accepts
  base::Duration rpo{};  // age of the oldest write it accepts to lose
};

enum class Pattern { kBackupAndRestore, kPilotLight, kWarmStandby, kMultiActive };

enum class Engine { kPostgres, kMysql, kMariadb };

// What there is of a store in the Region that stands by: a replica, or its backups alone.
enum class Recovery { kByPattern, kReplica, kRestore };

// An RDS instance that has the same identifier in both Regions, the recovery one a read replica; or
// made there of its replicated backups, when it is needed.
struct Rds {
  std::string instance;
  Engine engine = Engine::kPostgres;
  std::string database;  // the application's database, where canaries and probe writes go
  std::string user;      // a login that owns the database
  std::string
      password_env;  // environment variable with its password; empty: libpq's own ways (pgpass)
  std::string security_group;  // name of the group in both Regions; empty: the VPC's default
  std::string instance_class;  // of the replica; empty: the source's
  Recovery recovery = Recovery::kByPattern;  // never so once the spec is read
  int backup_days = 7;                       // that the standby's copy of the backups is kept
  std::string kms_key;  // of the Region that gets a copy of an encrypted one; empty: AWS's own

  bool restores() const { return recovery == Recovery::kRestore; }
};

// How AWS Backup keeps a store that is restored when it is needed.
struct Backed {
  Recovery recovery = Recovery::kByPattern;  // never so once the spec is read
  std::string vault;                         // of this name in both Regions
  std::string role;  // name or path of the IAM role that AWS Backup assumes; default: its own
  base::Duration every = std::chrono::hours(1);  // by AWS Backup's plan; whole hours of a day
  int days = 7;                                  // that a recovery point is kept, in either Region
  std::string vault_key;  // KMS key of vaults that are made; empty: AWS's own

  bool restores() const { return recovery == Recovery::kRestore; }
};

// An ECS service of the same name in both Regions.
struct Ecs {
  std::string cluster;
  std::string service;
  int standby = 1;  // tasks while the Region stands by
  int active = 1;   // tasks while it is active
  // Container variables whose value is the address of that component's endpoint in the task's own
  // Region.
  std::map<std::string, ComponentName> environment;
  std::string
      load_balancer;  // ELBv2 load balancer of the same name in both Regions; empty: none in front
  std::string target_group;  // of the same name in both Regions; default: the load balancer's name
  int port = 80;             // that the containers and the load balancer listen on
  std::string health_path;   // "/health"
};

enum class TrafficSwitch { kRoutingControl };

// The public name, answered by Route 53 failover records whose health checks are ARC routing
// controls.
struct Route53 {
  std::string name;  // "shop.example.test"
  TrafficSwitch switched_by = TrafficSwitch::kRoutingControl;
  std::string control_panel;  // ARC control panel; default: the application's name
  std::string load_balancer;  // ELBv2 load balancer of the same name in both Regions
  std::string health_path;    // "/health"
  int port = 443;
  base::Duration ttl{};  // of the records; at least 1 s
};

enum class Consistency { kEventual, kStrong };
// What stands in the third Region of a strong table: a whole replica, or a member that only votes.
enum class ThirdMember { kWitness, kReplica };

// A DynamoDB global table (version 2019.11.21): a table of the same name in both Regions that each
// take writes. A strong one has a member in the application's witness Region too. Or a table in one
// Region at a time, made in the other of its backup when it is needed.
struct Dynamodb {
  std::string table;
  Consistency consistency = Consistency::kEventual;
  ThirdMember third = ThirdMember::kWitness;  // of kStrong
  std::string kms_key;  // of a replica or of one that is restored; empty: as AWS has it
  Backed backup = {};
};

enum class CacheEngine { kRedis, kValkey };

// An ElastiCache replication group of the same id in both Regions, members of one Global Datastore.
struct Elasticache {
  std::string replication_group;
  CacheEngine engine = CacheEngine::kRedis;
  std::string
      datastore;  // suffix of the Global Datastore's id; default: the replication group's id
  std::string auth_token_env;  // environment variable with the AUTH token; empty: there is none
  std::string
      security_group;        // name of the group in the standby's Region; empty: the VPC's default
  std::string subnet_group;  // cache subnet group in the standby's Region; empty: the default
  std::string kms_key;       // of a secondary that is made; empty: AWS's own
};

// A file system that has the same name in both Regions, and how the standby's is mounted.
struct Files {
  std::string file_system;  // its creation token or Name tag, in both Regions
  std::string
      security_group;   // of mount targets in the standby's Region, by name; empty: the VPC's
  std::string subnets;  // Name tag of their subnets there; empty: the default VPC's
};

// An EFS file system of the same name in both Regions, the standby's a replica of the other. Or one
// in one Region at a time, made in the other of its backup when it is needed.
struct Efs : Files {
  std::string kms_key;  // of a replica or of one that is restored; empty: AWS's own
  Backed backup = {};
};

// What a DataSync task reads again after it has copied.
enum class SyncVerify { kTransferred, kEverything, kNone };
// Whether a file that is in both Regions and differs is replaced by the source's.
enum class SyncOverwrite { kAlways, kNever };
// Whether what was deleted at the source is deleted in its copy.
enum class SyncDeleted { kKeep, kRemove };
// Whether a file's owner, permissions or times go with it.
enum class SyncAttribute { kKeep, kDrop };
// Whether a task compares the two sides first, or sends everything each time.
enum class SyncTransfer { kChanged, kEverything };

// A file system of the same name in both Regions, both writable as far as EFS is concerned, the
// standby's brought up to date by a DataSync task in the standby's Region.
struct DataSync : Files {
  base::Duration every = std::chrono::hours(1);  // whole minutes; DataSync's least is an hour
  SyncVerify verify = SyncVerify::kTransferred;
  SyncOverwrite overwrite = SyncOverwrite::kAlways;
  SyncDeleted deleted = SyncDeleted::kKeep;
  SyncAttribute owner = SyncAttribute::kKeep;
  SyncAttribute permissions = SyncAttribute::kKeep;
  SyncAttribute times = SyncAttribute::kKeep;
  SyncTransfer transfer = SyncTransfer::kChanged;
  int bytes_per_second = 0;                   // 0: as many as DataSync can
  std::vector<std::string> include, exclude;  // patterns of paths; none: all, nothing
};

// EBS volumes that are recovered as one set, chosen by a tag that they have in either Region.
struct Ebs {
  std::string tag;         // "KEY=VALUE"
  base::Duration every{};  // whoever runs `protect` promises a set so often; 1 min to 7 days
  int keep = 24;           // complete sets that are kept in each Region; 2 to 500
  std::string zone = "a";  // letter of the zone in which volumes are made
  std::string kms_key;     // of copies; empty: the Region's default, of what is encrypted
};

// Where the one copy of a secret is that can be changed.
enum class SecretPrimary { kFollows, kStays };

// A secret of the same name in both Regions, one the replica of the other. It is none of the stores
// that the application writes: what is lost of it is told, not bounded.
struct Secret {
  std::string secret;  // its name in both Regions
  SecretPrimary primary = SecretPrimary::kFollows;
  std::string kms_key;  // of the Region that gets a replica: an alias or the id of a multi-Region
                        // key; empty: the one that AWS manages there
};

// A multi-Region KMS key: a key of the same id in both Regions, which work without each other.
struct Kms {
  std::string key;  // an alias that is there in both Regions, or the id
};

// Whether AWS holds a bucket's copies to 15 minutes (S3 Replication Time Control).
enum class TimeControl { kOn, kOff };

// A bucket in each Region, for names of buckets are the world's; what is written to either is
// copied to the other, by a rule in each. Both take writes at any time.
struct S3 {
  std::string home_bucket, recovery_bucket;
  std::string role;    // ARN of the IAM role that S3 assumes to copy, either way
  std::string prefix;  // of the keys that are copied; empty: all
  TimeControl time_control = TimeControl::kOn;
  std::string
      batch_role;  // ARN of the one that S3 Batch Operations assumes; empty: no job is begun

  const std::string& bucket(const Regions& regions, const Region& region) const {
    return region == regions.home ? home_bucket : recovery_bucket;
  }
};

// Whether the standby's Region has nothing of it but backups.
inline bool IsRestored(const Rds& rds) { return rds.restores(); }
inline bool IsRestored(const Dynamodb& table) { return table.backup.restores(); }
inline bool IsRestored(const Efs& files) { return files.backup.restores(); }
template <typename Other>
bool IsRestored(const Other& /*kind*/) {
  return false;
}

using ComponentKind =
    std::variant<Rds, Ecs, Route53, Dynamodb, Elasticache, Efs, DataSync, Ebs, Secret, Kms, S3>;

// Whether the kind keeps what the application writes: it takes writes in one Region at a time.
inline bool IsStore(const ComponentKind& kind) {
  return std::holds_alternative<Rds>(kind) || std::holds_alternative<Dynamodb>(kind) ||
         std::holds_alternative<Elasticache>(kind) || std::holds_alternative<Efs>(kind) ||
         std::holds_alternative<DataSync>(kind) || std::holds_alternative<Ebs>(kind) ||
         std::holds_alternative<S3>(kind);
}

// Of a kind that is a file system; else null.
inline const Files* FilesOf(const ComponentKind& kind) {
  if (const auto* efs = std::get_if<Efs>(&kind)) return efs;
  return std::get_if<DataSync>(&kind);
}

// Whether an observer can ask the store itself. A file system is reached through a mount alone, and
// nobody here mounts one; a volume is reached by its instance; a bucket's requests are paid for.
inline bool IsProbed(const ComponentKind& kind) {
  return IsStore(kind) && FilesOf(kind) == nullptr && !std::holds_alternative<Ebs>(kind) &&
         !std::holds_alternative<S3>(kind);
}

// The key of the Region that gets a copy, as the spec names it; empty: none is named.
inline std::string KmsKeyOf(const ComponentKind& kind) {
  if (const auto* secret = std::get_if<Secret>(&kind)) return secret->kms_key;
  if (const auto* rds = std::get_if<Rds>(&kind)) return rds->kms_key;
  if (const auto* efs = std::get_if<Efs>(&kind)) return efs->kms_key;
  if (const auto* ebs = std::get_if<Ebs>(&kind)) return ebs->kms_key;
  if (const auto* table = std::get_if<Dynamodb>(&kind)) return table->kms_key;
  if (const auto* cache = std::get_if<Elasticache>(&kind)) return cache->kms_key;
  return "";
}

// The key of vaults that are made for it; empty: none is named.
inline std::string VaultKeyOf(const ComponentKind& kind) {
  if (const auto* efs = std::get_if<Efs>(&kind)) return efs->backup.vault_key;
  if (const auto* table = std::get_if<Dynamodb>(&kind)) return table->backup.vault_key;
  return "";
}

inline bool Restores(const ComponentKind& kind) {
  return std::visit([](const auto& one) { return IsRestored(one); }, kind);
}

struct Component {
  ComponentName name;
  ComponentKind kind;
  std::vector<ComponentName> needs;   // works only while these do
  std::optional<base::Duration> rpo;  // of a store: its own; absent: the application's
};

struct Detection {
  base::Duration probe_every{};    // 100 ms to 60 s
  base::Duration probe_timeout{};  // never longer than probe_every
  int failures = 3;  // consecutive failures that make a target suspect-to-down, 1 to 20
  int quorum = 2;    // fresh views that must agree, 1 to 7
  // A Region counts as down when one of these holds. Never empty.
  std::vector<Combination> down_when = {{Signal::kApplication, Signal::kStore}};
};

enum class FailoverMode { kAutomatic, kManual };
enum class OverRpo { kAsk, kRefuse, kProceed };

// Where what controllers and guards agree in is kept: the writer lease above all.
enum class SharedStoreKind { kSqlite, kEtcd, kDynamoDb };
struct SharedStorePlace {
  SharedStoreKind kind = SharedStoreKind::kSqlite;
  std::string path;                    // kSqlite: a file; relative to the spec
  std::vector<std::string> endpoints;  // kEtcd: "http://host:2379", the nearest first
  std::string table;                   // kDynamoDb
  std::vector<Region> replicas;        // kDynamoDb: where the table is, the nearest first
};

// People who must agree before something is done that they are asked about.
struct ApprovalTerms {
  int people = 1;
  base::Duration within{};  // else it is refused
  friend bool operator==(const ApprovalTerms&, const ApprovalTerms&) = default;
};

struct Failover {
  FailoverMode mode = FailoverMode::kManual;
  OverRpo when_loss_over_rpo = OverRpo::kAsk;
  base::Duration lease{};                 // how long the writer lease lives without renewal
  std::optional<SharedStorePlace> store;  // empty: there is no lease, and nothing proves by it
  // Absent: an automatic failover asks nobody, and a loss over the RPO is refused where it would be
  // asked about.
  std::optional<ApprovalTerms> approval;
};

// A program of the user's own that is run beside what Leeward does itself.
struct Hook {
  std::vector<std::string> run;  // the program's absolute path, then its arguments; no shell
  base::Duration within = std::chrono::seconds(5);  // then it is ended; 100 ms to 1 m
};

// What guards do besides opening and closing.
struct GuardTerms {
  std::optional<Hook> on_fence;  // at each fence
};

// A request that answers 2xx when the store has the write {id}, and 404 when it has not.
struct StoreRead {
  std::string method, path;  // "GET", "/carts/{id}"
};

// How `leeward session` keeps sessions.
enum class SessionMode { kRedis, kDynamodb, kSync, kTokens };

// Session traffic beside a drill's load, to a session service in each Region.
struct SessionLoad {
  SessionMode mode = SessionMode::kRedis;
  ComponentName store;  // where sessions, or keys and revocations, are; empty: kSync
  double rate = 0;      // requests per second, open loop
};

// The load of a drill, sent as a client of the application would.
struct Workload {
  std::string url;                       // "http://shop.example.test:8080"
  std::string write_method, write_path;  // "POST", "/orders"
  std::string read_method, read_path;    // "GET", "/orders/{id}"
  // Where a write goes into several stores: how to look for it in each. Empty: `read` tells all.
  std::map<ComponentName, StoreRead> reads;
  double rate = 0;                    // writes per second, open loop
  std::vector<SessionLoad> sessions;  // each mode at most once
};

// A statement that must be true in the recovered data.
struct DataCheck {
  std::string name;
  ComponentName component;
  std::string sql;  // answers one row with one true/false column
};

// What rows of a database name in another store, and how to look for it in the recovery Region.
// Texts with holes ("{cart_id}") are filled in from the row's columns.
struct Reference {
  std::string name;
  ComponentName from;  // the database
  std::string sql;     // its rows; "{line}" in it is the recovery line as a literal
  std::string at;      // the column that says when a row was written; empty: none does
  ComponentName to;
  // Asked of the store itself: a table's key (and its second part), or a cache's key.
  std::string key, range;
  // Asked of the application in the Region instead: a path that answers 200 or 404 behind the load
  // balancer of `through`.
  std::string get;
  ComponentName through;
};

// What makes good what the recovery line cut in half: a program of the user's own, once an entry.
struct Saga {
  std::string name;
  std::string of;  // the reference's name
  Hook compensate;
};

// A pointer to AWS calls that put the application's home Region in place in a lab, for drills.
struct LabStage {
  std::string file;  // relative to the spec
};

struct Application {
  ApplicationName name;
  Regions regions;
  Objectives objectives;
  Pattern pattern = Pattern::kWarmStandby;
  std::vector<Component> components;  // in spec order
  Detection detection;
  Failover failover;
  GuardTerms guard;
  std::optional<Workload> workload;
  std::vector<DataCheck> checks;
  std::vector<Reference> references;
  std::vector<Saga> sagas;
  std::optional<LabStage> lab;

  const Component* Find(const ComponentName& component) const {
    for (const Component& c : components) {
      if (c.name == component) return &c;
    }
    return nullptr;
  }
  // Age of the oldest write that the store may lose.
  base::Duration RpoOf(const ComponentName& store) const {
    const Component* const found = Find(store);
    return found != nullptr && found->rpo ? *found->rpo : objectives.rpo;
  }
};

}  // namespace leeward::model
