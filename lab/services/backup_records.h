// What AWS Backup keeps, as it is saved and shown: values only.
//
// A record is what the API shows, by the API's names, so that showing it is copying it. What nobody
// is shown stands beside it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "lab/core/service.h"

namespace leeward::lab::backup {

struct Vault {
  std::string name;
  shapes::Value record;  // a BackupVaultListMember
  shapes::Value tags = shapes::Value::Struct();
};

// A recovery point is kept once its data is complete, and never before.
struct Point {
  std::string arn;
  std::string vault;
  shapes::Value record;  // a RecoveryPointByBackupVault
  shapes::Value tags = shapes::Value::Struct();
  shapes::Value metadata = shapes::Value::Struct();  // for its restore
  std::string folder;   // of its content, below the service's; empty: its service keeps it
  shapes::Value seal;   // of that content
  std::string copy_of;  // the copy job that brought it; empty: made here
};

enum class JobKind { kBackup, kCopy, kRestore };

struct Job {
  std::string id;
  shapes::Value record;  // a BackupJob, CopyJob or RestoreJobsListMember
  shapes::Value asked;   // the request
  std::string token;     // IdempotencyToken
};
// Of a job, by the name that its kind has for it.
std::string_view StateOf(const Job& job);
bool HasEnded(const Job& job);

shapes::Value Save(const Vault& vault);
Vault LoadVault(const shapes::Value& saved);
shapes::Value Save(const Point& point);
Point LoadPoint(const shapes::Value& saved);
shapes::Value Save(const Job& job);
Job LoadJob(const shapes::Value& saved);

std::optional<base::WallTime> TimeIn(const shapes::Value& record, std::string_view name);
// The members of `record` that are named; what is not there stays away.
shapes::Value Picked(const shapes::Value& record, std::initializer_list<std::string_view> names);

// When a lifecycle, counted from `created`, moves and deletes: a CalculatedLifecycle.
shapes::Value CalculatedLifecycle(const shapes::Value& lifecycle, base::WallTime created);
// "WARM" or "COLD".
std::string_view StorageClassOf(const Point& point, base::WallTime now);
bool IsDue(const Point& point, base::WallTime now);  // to be deleted

}  // namespace leeward::lab::backup
