// What AWS Backup refuses in a request, apart from what its model already says; and the errors it
// answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"

namespace leeward::lab::backup {

using Problem = std::optional<ApiError>;

ApiError InvalidValue(std::string message);    // InvalidParameterValueException
ApiError InvalidRequest(std::string message);  // InvalidRequestException
ApiError MissingValue(std::string message);    // MissingParameterValueException
ApiError NotFound(std::string message);        // ResourceNotFoundException
ApiError NotServed(std::string_view what);
ApiError VaultNotFound(std::string_view name);
ApiError PointNotFound(std::string_view arn);

Problem CheckRole(std::string_view arn);
Problem CheckLifecycle(const shapes::Value& lifecycle);
// StartWindowMinutes, and the member that bounds the whole ("CompleteWindowMinutes").
Problem CheckWindows(const shapes::Value& input, std::string_view complete);
// Of StartBackupJob, but for what it names.
Problem CheckBackup(const shapes::Value& input);

// "arn:aws:backup:us-west-2:123456789012:backup-vault:away"; nothing for another kind of ARN.
struct VaultPlace {
  std::string region;
  std::string account;
  std::string name;
};
std::optional<VaultPlace> ParseVaultArn(std::string_view arn);

inline constexpr std::int64_t kStartWindow = 480;       // minutes
inline constexpr std::int64_t kCompleteWindow = 10080;  // minutes

}  // namespace leeward::lab::backup
