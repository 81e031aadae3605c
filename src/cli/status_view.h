// `status` for people.
#pragma once

#include <string>

#include "cli/status_json.h"
#include "cli/terminal.h"

namespace leeward::cli {

// Roles and replication by Region, what was done last, and what may be done next; in the
// terminal's width, or unwrapped where there is none.
std::string StatusText(const Status& status, const std::string& spec_path,
                       const Terminal& terminal);

}  // namespace leeward::cli
