// One automated backup: a base backup and the log since, of an instance of this Region, of one that
// was deleted, or of one in another Region.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/rds_engine.h"
#include "lab/services/rds_log.h"
#include "shapes/value.h"

namespace leeward::lab::rds {

enum class BackupStatus : std::uint8_t {
  kCreating,     // of an instance of this Region, before its first base backup
  kActive,       // of an instance of this Region
  kPending,      // a copy that has nothing yet
  kReplicating,  // a copy that follows
  kRetained,     // nothing is added any more
};
std::string_view Name(BackupStatus status);

struct AutomatedBackup {
  std::string name;         // "ab-" and 26 letters and digits
  std::string resource_id;  // of the instance
  std::string instance;     // its identifier
  std::string source_arn;   // its ARN, in its own Region
  BackupStatus status = BackupStatus::kCreating;
  std::int64_t retention_days = 0;
  shapes::Value settings;  // of the instance: members of DBInstance
  shapes::Value tags = shapes::Value::EmptyList();
  Secrets secrets;

  std::string snapshot;  // the base backup, in the instance's own Region
  std::string base;      // its directory below the service's; empty: there is none yet
  LogPlace start;        // of the log that is here
  std::uint64_t end = 0;
  std::optional<base::WallTime> earliest;  // what it can be restored to
  std::optional<base::WallTime> latest;

  // Not saved.
  bool dropped = false;
  bool pulling = false;

  bool restorable() const { return !base.empty() && earliest && latest; }
  bool is_copy_in(std::string_view region) const;
};
using BackupPtr = std::shared_ptr<AutomatedBackup>;

shapes::Value Save(const AutomatedBackup& backup);
AutomatedBackup LoadBackup(const shapes::Value& saved);

// The earliest time the backup can be restored to: never before its retention period.
base::WallTime EarliestOf(const AutomatedBackup& backup, base::WallTime now);
std::string BackupArn(const Host& host, const AutomatedBackup& backup);
// The DBInstanceAutomatedBackup structure of the API.
shapes::Value Describe(Host& host, const AutomatedBackup& backup);
// The list "DBInstanceAutomatedBackupsReplications" of these ARNs.
shapes::Value CopyList(const std::vector<std::string>& arns);

}  // namespace leeward::lab::rds
