// One tree made the copy of another on this machine, as something that a Flow waits for: what
// backups and restores of file systems are made of.
#pragma once

#include <filesystem>

#include "lab/services/backup_folder.h"
#include "lab/services/flow.h"
#include "lab/trees/replica.h"

namespace leeward::lab::backup {

// The source may be written meanwhile: a file that is never at rest is taken as it was read. The
// places exist, but for the work folder, which is gone afterwards. `work` counts the bytes.
Flow<base::Status> CopyTree(Host& host, trees::Places places, trees::Filter filter, WorkPtr work);

}  // namespace leeward::lab::backup
