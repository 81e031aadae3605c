// The hash of a journal that somebody quotes: typed, or in a report that Leeward wrote.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::cli {

// 64 hex digits, made lower case. kInvalid: it is something else.
base::Result<std::string> HashFrom(std::string_view text);

// The one hash in a report's HTML, JSON or text. kInvalid: there is none, or several.
base::Result<std::string> HashInReport(std::string_view report);

}  // namespace leeward::cli
