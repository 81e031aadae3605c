// A kind of resource that AWS Backup backs up: one class in a file of its own, and a line in
// backup_resources.cc.
//
// What a backup holds is kept in one of two places. In the vault: the kind fills a folder, and
// everything else (sealing it, copying it to other Regions, deleting it) is done for it. By its own
// service, as a snapshot of that service: then the kind copies and forgets it, too.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/backup_folder.h"
#include "lab/services/datasync_checks.h"
#include "lab/services/flow.h"

namespace leeward::lab::backup {

using datasync::ArnParts;
using datasync::ParseArn;
using Problem = std::optional<ApiError>;

enum class Keeper { kVault, kService };

struct ResourceSeen {
  std::string arn;
  std::string name;
  shapes::Value tags = shapes::Value::Struct();      // by key
  shapes::Value metadata = shapes::Value::Struct();  // what a restore is told: strings
  std::string key;  // ARN of what it is encrypted under; empty: it is not
};

struct BackupOrder {
  std::string arn;
  std::string job;
  Keeper keeper = Keeper::kVault;
  std::filesystem::path folder;  // of the recovery point; its content is empty
  WorkPtr work;
};
struct BackedUp {
  std::string point_arn;  // of what the service keeps; empty: the vault keeps it
  std::int64_t bytes = 0;
  std::string key;  // ARN, of what the service keeps; empty: not encrypted
};

struct RestoreOrder {
  std::string point_arn;
  shapes::Value metadata;         // as of the backup
  shapes::Value asked;            // of the request
  std::filesystem::path folder;   // of the recovery point
  std::filesystem::path scratch;  // a folder that may be made; it is gone after a restart
  std::string job;
  WorkPtr work;
};

// Of a point that its service keeps, in the Region that it is copied to.
enum class Cover { kOpen, kEncrypted };
struct CopyInOrder {
  std::string point_arn;  // of the source
  Cover source = Cover::kOpen;
  std::string key;  // ARN, of the vault here; empty: the service's own, where AWS manages it
  std::string job;
  WorkPtr work;
};

class BackupResource {
 public:
  virtual ~BackupResource() = default;
  virtual std::string_view type() const = 0;  // "EFS"
  virtual bool Owns(const ArnParts& arn) const = 0;
  // `preferences`: ResourceTypeManagementPreference of the Region.
  virtual Keeper keeper(const shapes::Value& /*preferences*/) const { return Keeper::kVault; }

  // kNotFound for one that is not there or cannot be backed up now.
  virtual Flow<base::Result<ResourceSeen>> Look(std::string arn) = 0;
  // All of this kind that this Region has.
  virtual Flow<std::vector<ResourceSeen>> List() = 0;
  virtual Flow<base::Result<BackedUp>> BackUp(BackupOrder order) = 0;
  // What StartRestoreJob refuses.
  virtual Problem CheckRestore(const shapes::Value& asked) const = 0;
  // Answers the ARN of what was made, or restored into.
  virtual Flow<base::Result<std::string>> Restore(RestoreOrder order) = 0;

  // Of points that the service keeps.
  virtual Problem CheckCopy() const;
  virtual Flow<base::Result<BackedUp>> CopyIn(CopyInOrder order);
  virtual Flow<base::Status> Forget(std::string point_arn);
};

using BackupResources = std::vector<std::unique_ptr<BackupResource>>;
BackupResources MakeBackupResources(Host& host);

std::unique_ptr<BackupResource> MakeDynamoDbBackups(Host& host);
std::unique_ptr<BackupResource> MakeEbsBackups(Host& host);
std::unique_ptr<BackupResource> MakeEfsBackups(Host& host);
std::unique_ptr<BackupResource> MakeRdsBackups(Host& host);

}  // namespace leeward::lab::backup
