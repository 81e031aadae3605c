#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "cli/quoted_hash.h"
#include "journal/journal.h"
#include "os/files.h"

namespace leeward::cli {
namespace {

// A journal begins with bytes that no YAML has; what is named like a spec is one.
bool LooksLikeSpec(const std::string& path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

constexpr std::uint64_t kMaxReport = 64u << 20;

// The hash that is to be found in the journal; empty: none is.
base::Result<std::string> Wanted(ports::Files& files, const Arguments& arguments) {
  if (!arguments.hash.empty()) {
    base::Result<std::string> hash = HashFrom(arguments.hash);
    if (!hash.ok()) return std::move(hash).error().Context("--hash");
    return hash;
  }
  if (arguments.quoted_by.empty()) return std::string();
  ASSIGN_OR_RETURN(const std::string report, files.Read(arguments.quoted_by, kMaxReport));
  base::Result<std::string> hash = HashInReport(report);
  if (!hash.ok()) return std::move(hash).error().Context(arguments.quoted_by);
  return hash;
}

std::string Records(std::uint64_t count) {
  return count == 1 ? "1 record" : std::to_string(count) + " records";
}

void TellSummary(const std::string& path, const journal::Summary& summary) {
  Emit("{}: whole. {} records, {} bytes, last hash {}\n", path, summary.records, summary.bytes,
       summary.last_hash);
  if (summary.torn_bytes == 0) return;
  Emit("{}: {} bytes of an unfinished record at its end; they are cut when it is next written\n",
       path, summary.torn_bytes);
}

base::Result<int> Verify(const Arguments& arguments) {
  os::SystemFiles files;
  std::string path = arguments.spec;
  if (LooksLikeSpec(path)) {
    ASSIGN_OR_RETURN(const Project project, OpenProject(files, arguments));
    path = project.JournalPath();
  }
  ASSIGN_OR_RETURN(const std::string hash, Wanted(files, arguments));
  ASSIGN_OR_RETURN(const journal::Placed placed, journal::Find(files, path, hash));
  TellSummary(path, placed.summary);
  if (hash.empty()) return kDone;
  if (!placed.record) {
    return base::WrongState(fmt::format(
        "{} is whole, but no record of it has the hash {}: that is of another history, or of "
        "records that were cut off this one",
        path, hash));
  }
  const std::uint64_t later = placed.summary.records - *placed.record;
  if (later == 0) {
    Emit("{}: the hash is its last record's: nothing was added since\n", path);
  } else {
    Emit("{}: the hash is record {}'s: the history up to there is the same, {} came after\n", path,
         *placed.record, Records(later));
  }
  return kDone;
}

}  // namespace

int RunJournalVerify(const Arguments& arguments) {
  const base::Result<int> code = Verify(arguments);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
