// What EFS keeps: file systems, mount targets, access points and replications, as they are saved
// and as they are shown. Values in, values out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"

namespace leeward::lab::efs {

inline constexpr int kIdDigits = 17;  // of everything that has an id

enum class LifeCycle { kCreating, kAvailable, kUpdating, kDeleting };
std::string_view Name(LifeCycle state);

struct FileSystem {
  std::string id;
  std::string token;
  LifeCycle state = LifeCycle::kCreating;
  // Enabled: nobody may make it a destination. Replicating: it is one, and read-only.
  enum class Protection { kEnabled, kDisabled, kReplicating } protection = Protection::kEnabled;
  base::WallTime created;
  // PerformanceMode, ThroughputMode, ProvisionedThroughputInMibps, Encrypted, KmsKeyId,
  // AvailabilityZoneName, as in the API.
  shapes::Value settings = shapes::Value::Struct();
  shapes::Value tags = shapes::Value::EmptyList();
  shapes::Value lifecycle = shapes::Value::EmptyList();
  std::string policy;  // empty: none
  bool backup = false;
  // When the throughput mode was changed last, or its amount lowered; epoch 0: never.
  base::WallTime throughput_changed;
  std::int64_t size = 0;
  base::WallTime size_at;

  // Not saved.
  bool sizing = false;  // or about to
  base::Duration sizing_took{0};
};
std::string_view Name(FileSystem::Protection protection);

struct MountTarget {
  std::string id;
  std::string file_system;
  std::string subnet;
  std::string zone;
  std::string address;
  std::string interface;
  std::vector<std::string> security_groups;
  LifeCycle state = LifeCycle::kCreating;
};

struct AccessPoint {
  std::string id;
  std::string token;
  std::string file_system;
  LifeCycle state = LifeCycle::kCreating;
  shapes::Value asked = shapes::Value::Struct();  // PosixUser and RootDirectory as given
  shapes::Value tags = shapes::Value::EmptyList();
};

enum class ReplicationStatus { kEnabling, kEnabled, kDeleting, kError };
std::string_view Name(ReplicationStatus status);

// One replication as one Region knows it; each of its two Regions has a record of its own.
struct Replication {
  std::string source_id;
  std::string source_region;
  std::string destination_id;
  std::string destination_region;
  std::string role_arn;
  base::WallTime created;
  ReplicationStatus status = ReplicationStatus::kEnabling;
  std::string message;
  std::optional<base::WallTime> complete_to;
  // The destination was made for this, and goes with it if it never comes about.
  bool made_destination = false;
  // The source has answered as one that knows of this replication.
  bool confirmed = false;

  bool asking = false;  // not saved
};

// What tells a replication from every other, also from an earlier one of the same file systems: a
// word about that may be on its way for a long time.
shapes::Value IdentityOf(const Replication& replication);
bool IsNamed(const Replication& replication, const shapes::Value& identity);

shapes::Value Save(const FileSystem& system);
FileSystem LoadFileSystem(const shapes::Value& saved);
shapes::Value Save(const MountTarget& target);
MountTarget LoadMountTarget(const shapes::Value& saved);
shapes::Value Save(const AccessPoint& point);
AccessPoint LoadAccessPoint(const shapes::Value& saved);
shapes::Value Save(const Replication& replication);
Replication LoadReplication(const shapes::Value& saved);

// A FileSystemDescription, MountTargetDescription, ... of the API.
shapes::Value Shown(const Host& host, const FileSystem& system, std::size_t mount_targets);
shapes::Value Shown(const Host& host, const MountTarget& target);
shapes::Value Shown(const Host& host, const AccessPoint& point);
shapes::Value Shown(const Host& host, const Replication& replication);

std::string FileSystemArn(const Host& host, std::string_view region, std::string_view id);
// What a list of strings holds.
std::vector<std::string> Texts(const shapes::Value::List& list);
// The value of the tag "Name"; empty without one.
std::string NameOf(const shapes::Value& tags);
// "us-east-1-az1" for "us-east-1a", as the lab's EC2 has it.
std::string ZoneId(std::string_view zone);

}  // namespace leeward::lab::efs
