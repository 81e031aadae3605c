#include "lab/services/ecs_volumes.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/services/ecs_internal.h"
#include "lab/services/file_systems.h"
#include "lab/services/region_links.h"

namespace leeward::lab {
namespace {

using shapes::Value;

ApiError Refusal(std::string message) { return EcsError("ClientException", std::move(message)); }
ApiError NotServed(std::string_view member) {
  return Refusal(fmt::format("{} is not served by this lab.", member));
}

std::optional<ApiError> RefuseVolume(const Value& volume) {
  if (volume.String("name").empty()) return Refusal("Volume.name should not be null or empty.");
  for (const char* member :
       {"host", "dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration",
        "s3filesVolumeConfiguration"}) {
    if (volume.Has(member)) return NotServed(fmt::format("Volume.{}", member));
  }
  if (volume.Flag("configuredAtLaunch", false)) return NotServed("Volume.configuredAtLaunch");
  const Value& efs = volume.Sub("efsVolumeConfiguration");
  if (!efs.is_members()) {
    return Refusal("This lab has EFS volumes only: Volume.efsVolumeConfiguration is missing.");
  }
  if (efs.String("fileSystemId").empty()) {
    return Refusal("EFSVolumeConfiguration.fileSystemId should not be null or empty.");
  }
  if (efs.String("transitEncryption", "DISABLED") != "DISABLED") {
    return NotServed("EFSVolumeConfiguration.transitEncryption");
  }
  for (const char* member : {"transitEncryptionPort", "authorizationConfig"}) {
    if (efs.Has(member)) return NotServed(fmt::format("EFSVolumeConfiguration.{}", member));
  }
  return std::nullopt;
}

const Value* FindVolume(const Value& definition, std::string_view name) {
  for (const Value& volume : definition.Items("volumes")) {
    if (volume.String("name") == name) return &volume;
  }
  return nullptr;
}

const Value::List& MountPoints(const Value& definition) {
  return definition.Items("containerDefinitions").front().Items("mountPoints");
}

struct Mounted {
  std::string path;
  std::string directory;
  bool named = false;
};

bool NamesPath(std::string_view text, std::string_view path) {
  return text.starts_with(path) && (text.size() == path.size() || text[path.size()] == '/');
}

// "/mnt/uploads/new" and "--to=/mnt/uploads" name "/mnt/uploads", of all paths the longest counts.
void Replace(std::string& text, std::vector<Mounted>& mounted) {
  const std::size_t equals = text.find('=');
  for (const std::size_t start : {std::size_t{0}, equals == std::string::npos ? 0 : equals + 1}) {
    Mounted* longest = nullptr;
    for (Mounted& each : mounted) {
      const bool longer = longest == nullptr || each.path.size() > longest->path.size();
      if (longer && NamesPath(std::string_view(text).substr(start), each.path)) longest = &each;
    }
    if (longest == nullptr) continue;
    longest->named = true;
    text.replace(start, longest->path.size(), longest->directory);
    return;
  }
}

base::Result<Mounted> MountOne(Host& host, const Value& definition, const Value& point,
                               const std::string& address) {
  const Value& volume =
      FindVolume(definition, point.String("sourceVolume"))->Sub("efsVolumeConfiguration");
  const auto* file_systems = FindSibling<FileSystems>(host, "efs");
  if (file_systems == nullptr) return base::NotFound("CannotStartContainerError: there is no EFS");
  const auto directory =
      file_systems->Mount({std::string(volume.String("fileSystemId")),
                           std::string(volume.String("rootDirectory", "/")), address});
  if (directory.ok()) return Mounted{std::string(point.String("containerPath")), *directory};
  return base::Error(directory.error().code(),
                     "ResourceInitializationError: failed to invoke EFS utils commands to set up "
                     "EFS volumes: stderr: " +
                         directory.error().message());
}

}  // namespace

std::optional<ApiError> RefuseVolumes(const Value& definition) {
  for (const Value& volume : definition.Items("volumes")) {
    if (auto refusal = RefuseVolume(volume)) return refusal;
  }
  for (const Value& point : MountPoints(definition)) {
    const std::string_view path = point.String("containerPath");
    if (FindVolume(definition, point.String("sourceVolume")) == nullptr) {
      return Refusal(fmt::format("Unknown volume '{}'.", point.String("sourceVolume")));
    }
    if (!path.starts_with('/') || path.size() < 2 || path.ends_with('/')) {
      return Refusal(fmt::format("Invalid containerPath '{}': it must be an absolute path.", path));
    }
    if (point.Flag("readOnly", false)) return NotServed("MountPoint.readOnly");
  }
  return std::nullopt;
}

base::Status MountVolumes(Host& host, const Value& definition, const MountedIn& into) {
  std::vector<Mounted> mounted;
  for (const Value& point : MountPoints(definition)) {
    ASSIGN_OR_RETURN(Mounted one, MountOne(host, definition, point, into.address));
    mounted.push_back(std::move(one));
  }
  for (std::string& word : *into.words) Replace(word, mounted);
  for (auto& [name, value] : *into.environment) Replace(value, mounted);
  for (const Mounted& each : mounted) {
    if (each.named) continue;
    return base::Invalid(fmt::format(
        "CannotStartContainerError: this lab mounts nothing at {}; name the path in the command "
        "or in the environment, where the directory takes its place",
        each.path));
  }
  return base::Ok();
}

}  // namespace leeward::lab
