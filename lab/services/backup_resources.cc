#include <fmt/format.h>

#include "lab/services/backup_checks.h"
#include "lab/services/backup_resource.h"

namespace leeward::lab::backup {

Problem BackupResource::CheckCopy() const {
  return InvalidRequest(
      fmt::format("Copying recovery points of {} is not served by this lab.", type()));
}

Flow<base::Result<BackedUp>> BackupResource::CopyIn(CopyInOrder order) {
  co_return base::Refused(fmt::format("{} cannot be copied", order.point_arn));
}

Flow<base::Status> BackupResource::Forget(std::string point_arn) {
  co_return base::Refused(fmt::format("{} is kept by no service", point_arn));
}

BackupResources MakeBackupResources(Host& host) {
  BackupResources resources;
  // Another process is asked for tables: its silence holds up nobody else of a plan.
  for (const auto make : {MakeEbsBackups, MakeEfsBackups, MakeRdsBackups, MakeDynamoDbBackups})
    resources.push_back(make(host));
  return resources;
}

}  // namespace leeward::lab::backup
