// What EFS refuses in a request, apart from what its model already says; and the errors it answers.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/keys.h"

namespace leeward::lab::efs {

using Problem = std::optional<ApiError>;

ApiError BadRequest(std::string message);
ApiError FileSystemNotFound(std::string_view id);
ApiError MountTargetNotFound(std::string_view id);
ApiError AccessPointNotFound(std::string_view id);
ApiError WrongLifeCycle(std::string_view id, std::string_view state);
ApiError ReplicationNotFound(std::string message);
ApiError NoAnswer(std::string_view region);
ApiError NotServed(std::string_view what);

// "arn:aws:elasticfilesystem:us-west-2:123456789012:file-system/fs-0123" in parts; a bare id has
// an id alone.
struct ResourceName {
  std::string region;
  std::string account;
  std::string id;
};
ResourceName ParseName(std::string_view id_or_arn);

// Where a key or a zone is asked for.
struct Home {
  std::string region;
  std::string account;
};

// The key that every Region has is AWS's own for EFS.
inline constexpr std::string_view kManagedKeyAlias = "alias/aws/elasticfilesystem";
// `seen` is what the Region's KMS says of it.
Problem CheckKey(std::string_view key, const std::optional<KeySeen>& seen, const Home& home);

// "us-west-2a" to "us-west-2"; empty for what is no zone's name.
std::string RegionOfZone(std::string_view zone);
// Whether the Region has the zone, and One Zone file systems in it.
Problem CheckZone(std::string_view zone, std::string_view region);

// Modes that go together, of CreateFileSystem and (with the performance mode filled in)
// UpdateFileSystem.
Problem CheckThroughput(const shapes::Value& input);
Problem CheckCreate(const shapes::Value& input, const Home& home);
Problem CheckTags(const shapes::Value::List& tags);
Problem CheckLifecycle(const shapes::Value::List& policies);
// A policy that a lab which evaluates none can honour: one that lets everybody do everything.
Problem CheckPolicy(std::string_view policy, std::string_view file_system_arn);

}  // namespace leeward::lab::efs
