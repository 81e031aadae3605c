// What a command came to, as JSON. docs/formats/cli.md.
#pragma once

#include <string>

#include "cli/carry_out.h"
#include "journal/journal.h"

namespace leeward::cli {

// Ends with a newline.
std::string ResultJson(const Carried& carried, const journal::Journal& journal);

}  // namespace leeward::cli
