#include "lab/core/engine_user.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

namespace leeward::lab {
namespace {

base::Status Give(const std::filesystem::path& path, const os::User& user) {
  if (lchown(path.c_str(), user.uid, user.gid) == 0) return base::Ok();
  return base::ServiceBroken(
      fmt::format("cannot give {} to {}: {}", path.string(), user.name, strerror(errno)));
}

}  // namespace

base::Status GiveToEngineUser(const std::filesystem::path& path) {
  const auto user = os::UnprivilegedUser();
  if (!user) return base::Ok();
  RETURN_IF_ERROR(Give(path, *user));
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return base::Ok();
  for (auto it = std::filesystem::recursive_directory_iterator(path, error);
       !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    RETURN_IF_ERROR(Give(it->path(), *user));
  }
  if (error)
    return base::ServiceBroken(fmt::format("cannot read {}: {}", path.string(), error.message()));
  return base::Ok();
}

os::ProcessSpec ToProcess(const ChildSpec& spec) {
  os::ProcessSpec process;
  process.argv = spec.argv;
  process.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                         {"LANG", "C.UTF-8"},
                         {"TZ", "UTC"}};
  for (const auto& variable : spec.environment) {
    std::erase_if(process.environment,
                  [&](const auto& entry) { return entry.first == variable.first; });
    process.environment.emplace_back(variable);
  }
  if (!spec.directory.empty()) process.directory = spec.directory.string();
  process.output = spec.log.string();
  if (spec.user == ChildSpec::User::kEngine) process.user = os::UnprivilegedUser();
  return process;
}

}  // namespace leeward::lab
