#include "cli/repair_lists.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace leeward::cli {
namespace {

std::string RepairFolder(const Project& project) { return project.state + "/repairs"; }

std::string RepairPath(const Project& project, const model::ExecutionId& execution) {
  return RepairFolder(project) + "/" + execution.str() + ".jsonl";
}

}  // namespace

base::Result<std::string> SaveRepairList(ports::Files& files, const Project& project,
                                         const model::ExecutionId& execution,
                                         const std::string& text) {
  RETURN_IF_ERROR(files.MakeDirectories(RepairFolder(project)));
  const std::string path = RepairPath(project, execution);
  RETURN_IF_ERROR(files.WriteAtomically(path, text));
  return path;
}

base::Result<FoundRepairList> NewestRepairList(ports::Files& files, const Project& project,
                                               const std::vector<model::Event>& events) {
  FoundRepairList found;
  for (const model::Event& event : events) {
    if (event.kind != model::EventKind::kExecutionStarted) continue;
    auto stated = report::ConsistencyOf(events, event.execution, project.application);
    if (stated && !stated->list.empty()) found.stated = *std::move(stated);
  }
  if (found.stated.list.empty())
    return base::NotFound(
        "the journal has no failover that verified references; the spec says which there are, and "
        "`leeward failover` verifies them");
  // The folder may have been moved since; another machine's journal names a file that is there.
  found.path = RepairPath(project, found.stated.execution);
  auto text = files.Read(found.path, model::kMaxRepairBytes);
  if (!text.ok() && text.error().code() == base::ErrorCode::kNotFound)
    return base::NotFound(fmt::format("there is no repair list at {}; {} is where it was written",
                                      found.path, found.stated.list));
  if (!text.ok()) return std::move(text).error();
  if (base::Sha256Hex(*text) != found.stated.list_sha256)
    return base::Corrupt(fmt::format(
        "{} is not the list that the journal has the digest of; find the one whose SHA-256 is {}",
        found.path, found.stated.list_sha256));
  ASSIGN_OR_RETURN(found.list, model::RepairListFromJsonLines(*text));
  return found;
}

}  // namespace leeward::cli
