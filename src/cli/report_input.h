// A journal's events as what `report` takes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/project.h"
#include "cli/terminal.h"
#include "journal/journal.h"
#include "report/report.h"

namespace leeward::cli {

base::Result<report::Input> ReportInput(const Project& project, const std::string& journal_path,
                                        const journal::Summary& summary,
                                        std::vector<model::Event> events);

}  // namespace leeward::cli
