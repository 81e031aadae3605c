#include "lab/services/backup_checks.h"

#include <fmt/format.h>

#include <array>

#include "lab/services/datasync_checks.h"

namespace leeward::lab::backup {
namespace {

using shapes::Value;

constexpr std::int64_t kShortestWindow = 60;  // minutes
constexpr std::int64_t kLongestLife = 36500;  // days
constexpr std::int64_t kLeastCold = 90;       // days
constexpr std::array<std::string_view, 3> kUnservedOfBackups = {"LogicallyAirGappedBackupVaultArn",
                                                                "BackupOptions", "Index"};

ApiError Of(std::string_view code, std::string message) {
  return {std::string(code), std::move(message), 400, {}};
}

}  // namespace

ApiError InvalidValue(std::string message) {
  return Of("InvalidParameterValueException", std::move(message));
}
ApiError InvalidRequest(std::string message) {
  return Of("InvalidRequestException", std::move(message));
}
ApiError MissingValue(std::string message) {
  return Of("MissingParameterValueException", std::move(message));
}
ApiError NotFound(std::string message) {
  return Of("ResourceNotFoundException", std::move(message));
}
ApiError NotServed(std::string_view what) {
  return InvalidValue(fmt::format("{} is not served by this lab; leave it out.", what));
}
ApiError VaultNotFound(std::string_view name) {
  return NotFound(fmt::format("Backup vault {} not found", name));
}
ApiError PointNotFound(std::string_view arn) {
  return NotFound(fmt::format("Cannot find recovery point {}", arn));
}

Problem CheckRole(std::string_view arn) {
  const datasync::ArnParts parts = datasync::ParseArn(arn);
  if (parts.service == "iam" && parts.resource.starts_with("role/")) return std::nullopt;
  return InvalidValue(fmt::format("Invalid IAM role ARN: {}", arn));
}

Problem CheckLifecycle(const Value& lifecycle) {
  if (!lifecycle.is_members()) return std::nullopt;
  for (const char* unserved : {"DeleteAfterEvent", "OptInToArchiveForSupportedResources"}) {
    const Value* given = lifecycle.Find(unserved);
    if (given != nullptr && !(given->is_bool() && !given->boolean())) return NotServed(unserved);
  }
  const std::int64_t cold = lifecycle.Int("MoveToColdStorageAfterDays", -1);
  const std::int64_t gone = lifecycle.Int("DeleteAfterDays", -1);
  for (const auto& [days, name] :
       {std::pair{cold, "MoveToColdStorageAfterDays"}, std::pair{gone, "DeleteAfterDays"}}) {
    if (days == -1 || (days >= 1 && days <= kLongestLife)) continue;
    return InvalidValue(
        fmt::format("Invalid lifecycle. {} must be between 1 and {} days", name, kLongestLife));
  }
  if (cold != -1 && gone != -1 && gone - cold < kLeastCold) {
    return InvalidValue(
        "Invalid lifecycle. DeleteAfterDays cannot be less than 90 days apart from "
        "MoveToColdStorageAfterDays");
  }
  return std::nullopt;
}

Problem CheckWindows(const Value& input, std::string_view complete) {
  const std::int64_t start = input.Int("StartWindowMinutes", kStartWindow);
  if (start < kShortestWindow) {
    return InvalidValue(fmt::format(
        "Invalid start window. StartWindowMinutes must be at least {} minutes", kShortestWindow));
  }
  if (input.Has(complete) && input.Int(complete) - start < kShortestWindow) {
    return InvalidValue(fmt::format(
        "Invalid completion window. {} must be at least {} minutes greater than StartWindowMinutes",
        complete, kShortestWindow));
  }
  return std::nullopt;
}

Problem CheckBackup(const Value& input) {
  for (const std::string_view name : kUnservedOfBackups) {
    const Value* given = input.Find(name);
    const bool nothing = given != nullptr && given->is_members() && given->members().empty();
    if (given != nullptr && !nothing && input.String(name) != "DISABLED") return NotServed(name);
  }
  for (const auto& problem :
       {CheckRole(input.String("IamRoleArn")), CheckLifecycle(input.Sub("Lifecycle")),
        CheckWindows(input, "CompleteWindowMinutes")}) {
    if (problem) return problem;
  }
  return std::nullopt;
}

std::optional<VaultPlace> ParseVaultArn(std::string_view arn) {
  const datasync::ArnParts parts = datasync::ParseArn(arn);
  constexpr std::string_view kKind = "backup-vault:";
  if (parts.service != "backup" || !parts.resource.starts_with(kKind)) return std::nullopt;
  return VaultPlace{parts.region, parts.account, parts.resource.substr(kKind.size())};
}

}  // namespace leeward::lab::backup
