#include "cli/shared_folder.h"

#include <unistd.h>

#include <filesystem>

namespace leeward::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxFiles = 64;
constexpr std::uintmax_t kMaxBytes = 1u << 20;  // of one file
constexpr fs::perms kForAll = fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                              fs::perms::others_read | fs::perms::others_exec;

bool OpenToAll(const fs::path& folder) {
  std::error_code error;
  for (fs::path at = folder;; at = at.parent_path()) {
    if ((fs::status(at, error).permissions() & fs::perms::others_exec) == fs::perms::none)
      return false;
    if (at == at.root_path()) return true;
  }
}

}  // namespace

base::Result<std::string> ReadableByAll(const std::string& folder, const std::string& copy) {
  std::error_code error;
  const fs::path source = fs::canonical(folder, error);
  if (error) return base::NotFound(folder + ": " + error.message());
  if (geteuid() != 0 || OpenToAll(source)) return source.string();
  fs::create_directories(copy, error);
  fs::permissions(copy, kForAll, error);
  int files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(source, error)) {
    if (!entry.is_regular_file(error) || entry.file_size(error) > kMaxBytes) continue;
    if (++files > kMaxFiles)
      return base::Exhausted(folder + " has more than 64 files; a stage's folder is small");
    const fs::path target = fs::path(copy) / entry.path().filename();
    if (!fs::copy_file(entry.path(), target, fs::copy_options::overwrite_existing, error)) {
      return base::Exhausted("cannot copy " + entry.path().string() + ": " + error.message());
    }
    fs::permissions(target, kForAll, error);
  }
  if (error) return base::Exhausted("cannot copy " + folder + ": " + error.message());
  return copy;
}

}  // namespace leeward::cli
