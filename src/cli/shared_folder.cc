#include "cli/shared_folder.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "os/process.h"

namespace leeward::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxFiles = 64;
constexpr std::uintmax_t kMaxBytes = 1u << 20;  // of one file

bool OpenToAll(const fs::path& folder) {
  std::error_code error;
  for (fs::path at = folder;; at = at.parent_path()) {
    if ((fs::status(at, error).permissions() & fs::perms::others_exec) == fs::perms::none)
      return false;
    if (at == at.root_path()) return true;
  }
}

// Its files are copied as they are found: only regular ones, and what a stage has at most.
base::Status CopyFiles(const fs::path& source, const fs::path& copy, const os::User& user) {
  std::error_code error;
  int files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(source, error)) {
    if (!entry.is_regular_file(error) || entry.file_size(error) > kMaxBytes) continue;
    if (++files > kMaxFiles) {
      return base::Exhausted(source.string() +
                             " has more than 64 files; a stage's folder is small");
    }
    const fs::path target = copy / entry.path().filename();
    const bool copied =
        fs::copy_file(entry.path(), target, fs::copy_options::overwrite_existing, error);
    if (copied) fs::permissions(target, fs::perms::owner_all, error);
    if (!copied || error || chown(target.c_str(), user.uid, user.gid) != 0) {
      return base::Exhausted("cannot copy " + entry.path().string() + ": " +
                             (error ? error.message() : strerror(errno)));
    }
  }
  if (error) return base::Exhausted("cannot copy " + source.string() + ": " + error.message());
  return base::Ok();
}

}  // namespace

base::Result<std::string> ReadableByEngines(const std::string& folder, const std::string& copy) {
  std::error_code error;
  const fs::path source = fs::canonical(folder, error);
  if (error) return base::NotFound(folder + ": " + error.message());
  const std::optional<os::User> user = os::UnprivilegedUser();
  if (!user || OpenToAll(source)) return source.string();
  fs::create_directories(copy, error);
  // First: whoever may not enter it sees nothing of what comes into it.
  if (!error) fs::permissions(copy, fs::perms::owner_all, error);
  if (error || chown(copy.c_str(), user->uid, user->gid) != 0) {
    return base::Exhausted("cannot make " + copy + " for the lab's engines: " +
                           (error ? error.message() : strerror(errno)));
  }
  RETURN_IF_ERROR(CopyFiles(source, copy, *user));
  return copy;
}

}  // namespace leeward::cli
