// A folder that the lab's engines can read: they run as an unprivileged user when the lab runs as
// root.
#pragma once

#include <string>

#include "base/result.h"

namespace leeward::cli {

// `folder` itself where that user may read it, else a copy of its files in `copy`, which is then
// that user's alone: what its owner keeps from others is not opened to everybody.
base::Result<std::string> ReadableByEngines(const std::string& folder, const std::string& copy);

}  // namespace leeward::cli
