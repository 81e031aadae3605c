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

// "/mnt/uploads/new" and "--to=/mnt/uploads" name "/mnt/uploads"; whether `text` did.
bool Replace(std::string& text, std::string_view path, const std::string& directory) {
  const std::size_t equals = text.find('=');
  for (const std::size_t start : {std::size_t{0}, equals == std::string::npos ? 0 : equals + 1}) {
    if (text.compare(start, path.size(), path) != 0) continue;
    const std::size_t end = start + path.size();
    if (end != text.size() && text[end] != '/') continue;
    text.replace(start, path.size(), directory);
    return true;
  }
  return false;
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
  for (const Value& point : MountPoints(definition)) {
    const Value& volume =
        FindVolume(definition, point.String("sourceVolume"))->Sub("efsVolumeConfiguration");
    const auto* file_systems = FindSibling<FileSystems>(host, "efs");
    if (file_systems == nullptr)
      return base::NotFound("CannotStartContainerError: there is no EFS");
    const auto directory =
        file_systems->Mount({std::string(volume.String("fileSystemId")),
                             std::string(volume.String("rootDirectory", "/")), into.address});
    if (!directory.ok()) {
      return base::Error(directory.error().code(),
                         "ResourceInitializationError: failed to invoke EFS utils commands to set "
                         "up EFS volumes: stderr: " +
                             directory.error().message());
    }
    const std::string path(point.String("containerPath"));
    bool named = false;
    for (std::string& word : *into.words) named |= Replace(word, path, directory->native());
    for (auto& [name, value] : *into.environment)
      named |= Replace(value, path, directory->native());
    if (!named) {
      return base::Invalid(fmt::format(
          "CannotStartContainerError: this lab mounts nothing at {}; name the path in the command "
          "or in the environment, where the directory takes its place",
          path));
    }
  }
  return base::Ok();
}

}  // namespace leeward::lab
