// One automated backup: base backups, one a day, and the log since the first of them, of an
// instance of this Region, of one that was deleted, or of one in another Region.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

struct BaseBackup {
  std::string snapshot;     // the automated snapshot, in the instance's own Region
  std::string directory;    // below the service's
  std::uint64_t start = 0;  // where the file of the log begins that it is replayed from
  base::WallTime begun{};
  std::optional<base::WallTime> earliest;  // what it can be restored to first
};

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

  std::vector<BaseBackup> bases;  // the oldest first
  LogPlace start;                 // of the log that is here
  std::uint64_t end = 0;
  std::optional<base::WallTime> latest;  // what it can be restored to

  // Not saved.
  bool dropped = false;
  bool pulling = false;

  bool restorable() const { return !bases.empty() && bases.front().earliest && latest; }
  // The base backup that is restored for this time, which it can be restored to; absent: the
  // latest.
  const BaseBackup& BaseFor(std::optional<base::WallTime> until) const;
  bool is_copy_in(std::string_view region) const;
};
using BackupPtr = std::shared_ptr<AutomatedBackup>;

shapes::Value Save(const AutomatedBackup& backup);
AutomatedBackup LoadBackup(const shapes::Value& saved);

// A day is `day` long, which is shorter in tests.
// The earliest time the backup can be restored to: never before its retention period.
base::WallTime EarliestOf(const AutomatedBackup& backup, base::WallTime now, base::Duration day);
// How many of the base backups are not needed for any time that it can be restored to.
std::size_t OutlivedBases(const AutomatedBackup& backup, base::WallTime now, base::Duration day);
// Whether the window "03:00-04:00" is open and nothing was begun since it opened.
bool IsBackupDue(std::string_view window, base::WallTime last, base::WallTime now,
                 base::Duration day);
std::string BackupArn(const Host& host, const AutomatedBackup& backup);
// The DBInstanceAutomatedBackup structure of the API.
shapes::Value Describe(Host& host, const AutomatedBackup& backup, base::Duration day);
// The list "DBInstanceAutomatedBackupsReplications" of these ARNs.
shapes::Value CopyList(const std::vector<std::string>& arns);

}  // namespace leeward::lab::rds
