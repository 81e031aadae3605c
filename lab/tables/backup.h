// Backups: whole tables kept under a name until they are deleted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

struct Backup {
  enum class Status { kCreating, kAvailable, kArriving };  // kArriving: see backup_parts.h
  // A vault's is a step on the way to or from where it is kept: it is listed nowhere, and does not
  // outlive the process.
  enum class Holder { kTable, kVault };
  std::string arn;
  std::string name;
  Status status = Status::kCreating;
  Holder holder = Holder::kTable;
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

struct BackupAsked {
  std::string_view table;  // name or ARN
  std::string_view name;
  Backup::Holder holder = Backup::Holder::kTable;
};
// Begins one; it is made while requests go on.
Outcome<Backup*> MakeBackup(Core& core, const BackupAsked& asked);
Backup* FindBackup(const Core& core, std::string_view arn);  // nullptr when there is none
Verdict SaveBackup(Core& core, const Backup& backup, Batch& batch);
// A number for a backup's or a table's items, taken with what is written in `batch`.
void TakeNumber(Core& core, TableNumber number, Batch& batch);
// A table is being restored from it.
bool IsRestoring(const Core& core, const Backup& backup);
Verdict DropBackup(Core& core, const Backup& backup);  // which is gone after this

// TableNotFoundException, as operations on backups say it.
ApiError NoTable(std::string_view name);
// Copies again what was being copied when the last process was stopped.
void GoOnWithBackups(Core& core);

}  // namespace leeward::lab::tables
