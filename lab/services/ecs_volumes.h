// EFS volumes of task definitions. A task is a process of this machine, so nothing is mounted:
// where its command or environment names the container's path of a volume, it gets the directory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/core/service.h"

namespace leeward::lab {

// What of a definition's volumes and mount points this lab cannot make so.
std::optional<ApiError> RefuseVolumes(const shapes::Value& definition);

struct MountedIn {
  std::string address;  // of the task
  std::vector<std::string>* words;
  std::map<std::string, std::string>* environment;
};
// Puts directories in the place of paths; an error in ECS's words when there is no way to one, or
// when nothing names a path: a program that has it built in would not find it.
base::Status MountVolumes(Host& host, const shapes::Value& definition, const MountedIn& into);

}  // namespace leeward::lab
