// Telling the service manager how this process is, as sd_notify(3) does.
#pragma once

#include <string>

#include "base/result.h"

namespace leeward::os {

// Sends `state`, such as "READY=1", to $NOTIFY_SOCKET. Nothing where that is not set.
base::Status NotifyServiceManager(const std::string& state);

}  // namespace leeward::os
