// A folder that the lab's engines can read: they run as an unprivileged user when the lab runs as
// root.
#pragma once

#include <string>

#include "base/result.h"

namespace leeward::cli {

// `folder` itself where every user may read it, else a copy of its files in `copy`.
base::Result<std::string> ReadableByAll(const std::string& folder, const std::string& copy);

}  // namespace leeward::cli
