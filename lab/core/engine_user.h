// The unprivileged user that engines and tasks run as when the lab runs as root.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "lab/core/service.h"
#include "os/process.h"

namespace leeward::lab {

// Gives the file, or the directory and all below it, to that user; does nothing for an ordinary
// user.
base::Status GiveToEngineUser(const std::filesystem::path& path);

// The child as a process: that user, a minimal environment, and death with its parent.
os::ProcessSpec ToProcess(const ChildSpec& spec);

}  // namespace leeward::lab
