#include "cli/report_input.h"

#include <utility>

#include "plan/plan.h"

namespace leeward::cli {

base::Result<report::Input> ReportInput(const Project& project, const std::string& journal_path,
                                        const journal::Summary& summary,
                                        std::vector<model::Event> events) {
  report::Input input;
  input.application = project.application;
  input.spec_text = project.spec_text;
  for (const model::Event& event : events) {
    if (event.kind != model::EventKind::kExecutionStarted) continue;
    ASSIGN_OR_RETURN(input.plans[event.execution], plan::FromJson(event.Field("plan")));
  }
  input.events = std::move(events);
  input.journal_path = journal_path;
  input.journal_last_hash = summary.last_hash;
  input.journal_records = summary.records;
  return input;
}

}  // namespace leeward::cli
