#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "journal/journal.h"
#include "os/files.h"

namespace leeward::cli {
namespace {

// A journal begins with bytes that no YAML has; what is named like a spec is one.
bool LooksLikeSpec(const std::string& path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

}  // namespace

int RunJournalVerify(const Arguments& arguments) {
  os::SystemFiles files;
  std::string path = arguments.spec;
  if (LooksLikeSpec(path)) {
    base::Result<Project> project = OpenProject(files, arguments);
    if (!project.ok()) return AlreadyTold(project.error()) ? kBadUsage : Complain(project.error());
    path = project->JournalPath();
  }
  const base::Result<journal::Summary> summary = journal::Verify(files, path);
  if (!summary.ok()) return Complain(summary.error());
  fmt::print("{}: whole. {} records, {} bytes, last hash {}\n", path, summary->records,
             summary->bytes, summary->last_hash);
  if (summary->torn_bytes > 0) {
    fmt::print(
        "{}: {} bytes of an unfinished record at its end; they are cut when it is next written\n",
        path, summary->torn_bytes);
  }
  return kDone;
}

}  // namespace leeward::cli
