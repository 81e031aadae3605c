// Backups that are kept outside of the store, by AWS Backup: taken out of it piece by piece, and
// brought back, here or into another Region's store, to restore a table from.
//
//   BackUp      {TableName, Name}          -> {BackupArn}
//   State       {BackupArn}                -> {Status, Items, Bytes}
//   Form        {BackupArn}                -> {Form}: the table, as SavedTable writes it
//   Export      {BackupArn, After, Most}   -> {Data, Next}: whole items; no Next after the last
//   BeginImport {BackupArn, Form, Created, Items, Bytes}
//   Import      {BackupArn, Data}          : what Export gave, cut between items or not at all
//   EndImport   {BackupArn}                : a table can be restored from it now
//   Forget      {BackupArn}
//
// A table is restored by RestoreTableFromBackup, as from any backup.
#pragma once

#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// kInvalid for another operation or a piece that does not hold together.
base::Result<shapes::Value> HandleBackupParts(Core& core, std::string_view operation,
                                              const shapes::Value& input);

}  // namespace leeward::lab::tables
