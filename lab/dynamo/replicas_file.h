// What this Region knows of its replicas of global tables, on disk: written anew with every change
// of it.
#pragma once

#include <string>

#include "base/result.h"
#include "ports/files.h"

namespace leeward::lab::dynamo {

// In one move, and no more durable than the tables are: it survives a kill of the process.
base::Status SaveReplicas(const std::string& path, const std::string& text);
// Empty when there is no file yet.
base::Result<std::string> LoadReplicas(const std::string& path, ports::Files& files);

}  // namespace leeward::lab::dynamo
