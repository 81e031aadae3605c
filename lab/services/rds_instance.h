// One DB instance as the RDS API knows it: what is saved, what is answered, and which operations
// its status allows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/rds_engine.h"
#include "lab/services/rds_engine_type.h"
#include "shapes/value.h"

namespace leeward::lab::rds {

enum class InstanceStatus : std::uint8_t {
  kCreating,
  kAvailable,
  kBackingUp,
  kModifying,
  kRebooting,
  kRenaming,
  kResettingMasterCredentials,
  kStarting,
  kStopping,
  kStopped,
  kDeleting,
  kFailed,
};
std::string_view Name(InstanceStatus status);
InstanceStatus StatusOf(std::string_view name);  // kFailed for a text that is none

enum class InstanceAction : std::uint8_t {
  kModify,
  kReplicate,  // be the source of a new replica
  kPromote,
  kReboot,
  kStop,
  kStart,
  kSnapshot,
  kDelete,
};
// Whether AWS takes the request in this status; replication has its own rules on top.
bool Allows(InstanceAction action, InstanceStatus status);

enum class LinkState : std::uint8_t { kReplicating, kError, kTerminated };

struct ReplicaRef {
  std::string arn;
  std::string slot;
};

struct Instance {
  std::string id;
  std::string resource_id;  // "db-" and 26 letters and digits, for life
  std::string directory;    // below the service's state directory
  InstanceStatus status = InstanceStatus::kCreating;
  shapes::Value settings;  // members of DBInstance that are answered as they stand
  shapes::Value pending;   // PendingModifiedValues
  std::vector<std::string> security_groups;
  std::string subnet_group;
  std::string parameter_group;
  shapes::Value tags = shapes::Value::EmptyList();
  std::string master_password;  // only until the server has it
  Secrets secrets;
  std::string restore_from;                     // snapshot id, while it is made of one
  std::string restore_backup;                   // or an automated backup's name,
  std::optional<base::WallTime> restore_until;  // and how far; absent: all of it
  std::vector<std::string> backup_copies;       // ARNs of its automated backup's copies elsewhere
  bool keeps_backups = false;                   // when it is deleted

  std::string source_arn;  // set: it is a replica
  Upstream source;         // the source's replication address in its Region, and our slot there
  LinkState link = LinkState::kReplicating;
  bool promoting = false;
  std::vector<ReplicaRef> replicas;

  // Not saved.
  std::shared_ptr<Engine> engine;
  int flows = 0;           // jobs at work on it
  bool cancelled = false;  // being deleted: jobs end at their next look
  base::MonotonicTime link_seen{};
  bool looking = false;
  bool shipping = false;  // its log, to its automated backup
  base::WallTime backup_tried{};

  const EngineType& type() const { return TypeOf(settings); }
  bool is_replica() const { return !source_arn.empty(); }
  std::uint16_t port() const {
    return static_cast<std::uint16_t>(settings.Int("DbInstancePort", type().port));
  }
  std::int64_t retention() const { return settings.Int("BackupRetentionPeriod"); }
};

shapes::Value Save(const Instance& instance);
Instance LoadInstance(const shapes::Value& saved);

// The DBInstance structure of the API, with the subnet group as the API shows it.
shapes::Value Describe(Host& host, const Instance& instance, shapes::Value subnet_group);

// Parts of "arn:aws:rds:us-east-1:123456789012:db:orders"; empty when it is none.
struct ArnParts {
  std::string region;
  std::string account;
  std::string kind;  // "db", "snapshot", "subgrp", "pg"
  std::string name;
};
ArnParts ParseArn(std::string_view arn);

}  // namespace leeward::lab::rds
