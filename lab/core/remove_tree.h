// Removing what the lab has kept, also where its directories may not be written: the destination of
// a replication is read-only for its owner, too, who is the lab itself when no root runs it.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace leeward::lab {

// Ok for what is not there. Follows no symbolic link.
base::Status RemoveTree(const std::filesystem::path& path);

}  // namespace leeward::lab
