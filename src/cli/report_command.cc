// report: what the executions in the journal did and cost.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "cli/report_input.h"
#include "journal/journal.h"
#include "os/files.h"
#include "report/report.h"

namespace leeward::cli {
namespace {

base::Result<int> Report(const Arguments& arguments) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const Project project, OpenProject(files, arguments));
  base::Result<journal::Contents> contents = journal::Read(files, project.JournalPath());
  if (!contents.ok() && contents.error().code() == base::ErrorCode::kNotFound) {
    return base::NotFound(
        fmt::format("no journal at {}; nothing was carried out yet", project.JournalPath()));
  }
  if (!contents.ok()) return std::move(contents).error();
  ASSIGN_OR_RETURN(report::Input input, ReportInput(project, project.JournalPath(),
                                                    contents->summary, contents->events));
  const report::Report made = report::Make(input);
  if (!arguments.report.empty())
    RETURN_IF_ERROR(files.WriteAtomically(arguments.report, report::ToHtml(made)));
  Emit("{}", arguments.json ? report::ToJson(made)
                            : report::ToText(made, LookAtTerminal().colour ? report::Colour::kYes
                                                                           : report::Colour::kNo));
  return kDone;
}

}  // namespace

int RunReport(const Arguments& arguments) {
  const base::Result<int> code = Report(arguments);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
