// Repair lists of a project: a file for each failover that made one, beside the journal that has
// its digest.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/project.h"
#include "model/event.h"
#include "model/repair_list.h"
#include "ports/files.h"
#include "report/report.h"

namespace leeward::cli {

// Where it is from now on.
base::Result<std::string> SaveRepairList(ports::Files& files, const Project& project,
                                         const model::ExecutionId& execution,
                                         const std::string& text);

struct FoundRepairList {
  report::Consistency stated;  // as the journal says
  std::string path;            // that was read
  model::RepairList list;
};
// The list of the newest failover in the events. kNotFound: there is none, or its file is not here;
// kCorrupt: it is not what the journal says.
base::Result<FoundRepairList> NewestRepairList(ports::Files& files, const Project& project,
                                               const std::vector<model::Event>& events);

}  // namespace leeward::cli
