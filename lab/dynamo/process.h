// The item store as a process: one Region's DynamoDB behind a TCP port or a Unix socket, on one
// thread.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "lab/dynamo/options.h"
#include "os/socket.h"

namespace leeward::lab::dynamo {

// Runs until SIGTERM or SIGINT; `ready` is called once it listens. Returns why it could not run, or
// Ok.
base::Status RunItems(const ItemsOptions& options,
                      const std::function<void(const os::Address&)>& ready);

// The hidden role: as RunItems with the options in the file; errors go to the log. Returns the exit
// code.
int RunItemsProcess(const std::string& options_file);

}  // namespace leeward::lab::dynamo
