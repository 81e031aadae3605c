// Backups: whole tables kept under a name until they are deleted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

struct Backup {
  enum class Status { kCreating, kAvailable };
  std::string arn;
  std::string name;
  Status status = Status::kCreating;
  base::WallTime created;
  TableNumber number = 0;  // where its items are
  Extent extent;
  Table table;  // as it was
};

std::string SavedBackup(const Backup& backup);
base::Result<Backup> BackupFromSaved(std::string_view saved);

// BackupDescription's parts.
shapes::Value BackupDetailsOf(const Backup& backup);
shapes::Value SourceOf(const Core& core, const Table& table);
shapes::Value FeaturesOf(const Table& table);

// TableNotFoundException, as operations on backups say it.
ApiError NoTable(std::string_view name);
// Copies again what was being copied when the last process was stopped.
void GoOnWithBackups(Core& core);

}  // namespace leeward::lab::tables
