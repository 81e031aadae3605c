#include "lab/core/remove_tree.h"

#include <fmt/format.h>

#include <system_error>

namespace leeward::lab {
namespace {

namespace fs = std::filesystem;

// Each before what is in it, which could not be listed otherwise.
void Unlock(const fs::path& directory) {
  std::error_code ignored;  // what stays locked is told by the removal
  fs::permissions(directory, fs::perms::owner_all, fs::perm_options::add, ignored);
  // Not in a range-based for, whose step throws what this one tells.
  for (fs::directory_iterator at(directory, ignored), end; !ignored && at != end;
       at.increment(ignored)) {
    std::error_code gone;
    const fs::file_status status = at->symlink_status(gone);
    if (status.type() == fs::file_type::directory) Unlock(at->path());
  }
}

}  // namespace

base::Status RemoveTree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return base::Ok();
  if (fs::symlink_status(path, error).type() == fs::file_type::directory) Unlock(path);
  fs::remove_all(path, error);
  if (!error) return base::Ok();
  return base::Denied(fmt::format("cannot delete {}: {}", path.native(), error.message()));
}

}  // namespace leeward::lab
