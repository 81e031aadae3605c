// EFS, as a Region's other services know it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::lab {

struct MountAsked {
  std::string file_system;
  std::string root;     // a directory in it, "/" for all of it
  std::string address;  // of who mounts it
};
struct FileSystemSeen {
  std::filesystem::path tree;
  bool read_only = false;  // the destination of a replication
  bool has_mount_target = false;
};
class FileSystems {
 public:
  virtual ~FileSystems() = default;
  // The directory; why not, in the words of the mount helper, when there is no way to it.
  virtual base::Result<std::filesystem::path> Mount(const MountAsked& asked) const = 0;
  // Nothing for one that is not available.
  virtual std::optional<FileSystemSeen> See(std::string_view id) const = 0;
};

}  // namespace leeward::lab
