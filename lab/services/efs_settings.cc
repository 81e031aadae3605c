// What is kept of a file system beside its files: policies, tags, the account's preferences.
#include <fmt/format.h>

#include <algorithm>

#include "lab/services/efs.h"
#include "lab/services/efs_page.h"

namespace leeward::lab::efs {

using shapes::Value;

Answer Efs::PutFileSystemPolicy(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  const std::string_view policy = input.String("Policy");
  if (auto problem = CheckPolicy(policy, FileSystemArn(host_, host_.region(), system->id))) {
    return *problem;
  }
  system->policy = policy;
  Save();
  return Value::Struct({{"FileSystemId", system->id}, {"Policy", policy}});
}

Answer Efs::DescribeFileSystemPolicy(const Value& input) {
  const FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  if (system->policy.empty()) {
    return ApiError{
        "PolicyNotFound", fmt::format("File system '{}' has no policy.", system->id), 404, {}};
  }
  return Value::Struct({{"FileSystemId", system->id}, {"Policy", system->policy}});
}

Answer Efs::DeleteFileSystemPolicy(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  system->policy.clear();
  Save();
  return Value::Struct();
}

Answer Efs::PutBackupPolicy(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  const std::string_view status = input.Sub("BackupPolicy").String("Status");
  if (status != "ENABLED" && status != "DISABLED") {
    return ApiError{"ValidationException",
                    "The backup policy can be set to ENABLED or DISABLED only.",
                    400,
                    {}};
  }
  system->backup = status == "ENABLED";
  Save();
  return Value::Struct({{"BackupPolicy", Value::Struct({{"Status", status}})}});
}

Answer Efs::DescribeBackupPolicy(const Value& input) {
  const FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  const char* status = system->backup ? "ENABLED" : "DISABLED";
  return Value::Struct({{"BackupPolicy", Value::Struct({{"Status", status}})}});
}

Answer Efs::PutLifecycleConfiguration(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  if (system->state != LifeCycle::kAvailable)
    return WrongLifeCycle(system->id, Name(system->state));
  const Value::List& policies = input.Items("LifecyclePolicies");
  if (auto problem = CheckLifecycle(policies)) return *problem;
  system->lifecycle = Value(policies);
  Save();
  return Value::Struct({{"LifecyclePolicies", system->lifecycle}});
}

Answer Efs::DescribeLifecycleConfiguration(const Value& input) {
  const FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  return Value::Struct({{"LifecyclePolicies", system->lifecycle}});
}

std::variant<Value*, ApiError> Efs::TagsOf(std::string_view name) {
  if (ParseName(name).id.starts_with("fsap-")) {
    AccessPoint* point = FindAccessPoint(name);
    if (point == nullptr) return AccessPointNotFound(name);
    return &point->tags;
  }
  FileSystem* system = Find(name);
  if (system == nullptr) return FileSystemNotFound(name);
  return &system->tags;
}

Answer Efs::AddTags(Value& tags, const Value::List& added) {
  Value::List all = tags.list();
  if (auto problem = CheckTags(added)) return *problem;
  for (const Value& tag : added) {
    const auto same = std::ranges::find_if(
        all, [&](const Value& old) { return old.String("Key") == tag.String("Key"); });
    if (same != all.end()) {
      *same = tag;
    } else {
      all.push_back(tag);
    }
  }
  if (auto problem = CheckTags(all)) return *problem;
  tags = Value(std::move(all));
  Save();
  return Value::Struct();
}

Answer Efs::RemoveTags(Value& tags, const Value::List& keys) {
  std::erase_if(tags.list(), [&](const Value& tag) {
    return std::ranges::any_of(keys,
                               [&](const Value& key) { return key.str() == tag.String("Key"); });
  });
  Save();
  return Value::Struct();
}

Answer Efs::CreateTags(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  return AddTags(system->tags, input.Items("Tags"));
}

Answer Efs::DeleteTags(const Value& input) {
  FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  return RemoveTags(system->tags, input.Items("TagKeys"));
}

Answer Efs::DescribeTags(const Value& input) {
  const FileSystem* system = Find(input.String("FileSystemId"));
  if (system == nullptr) return FileSystemNotFound(input.String("FileSystemId"));
  return PageOf(input, kByMarker, "Tags", system->tags.list());
}

Answer Efs::TagResource(const Value& input) {
  auto tags = TagsOf(input.String("ResourceId"));
  if (auto* error = std::get_if<ApiError>(&tags)) return std::move(*error);
  return AddTags(*std::get<Value*>(tags), input.Items("Tags"));
}

Answer Efs::UntagResource(const Value& input) {
  auto tags = TagsOf(input.String("ResourceId"));
  if (auto* error = std::get_if<ApiError>(&tags)) return std::move(*error);
  return RemoveTags(*std::get<Value*>(tags), input.Items("TagKeys"));
}

Answer Efs::ListTagsForResource(const Value& input) {
  auto tags = TagsOf(input.String("ResourceId"));
  if (auto* error = std::get_if<ApiError>(&tags)) return std::move(*error);
  return PageOf(input, kByToken, "Tags", std::get<Value*>(tags)->list());
}

Answer Efs::DescribeAccountPreferences(const Value& /*input*/) {
  return Value::Struct(
      {{"ResourceIdPreference",
        Value::Struct({{"ResourceIdType", "LONG_ID"},
                       {"Resources", Value::List{"FILE_SYSTEM", "MOUNT_TARGET"}}})}});
}

Answer Efs::PutAccountPreferences(const Value& input) {
  if (input.String("ResourceIdType") == "SHORT_ID") {
    return BadRequest("Setting your account to use 8 character resource IDs is not supported.");
  }
  return DescribeAccountPreferences(input);
}

}  // namespace leeward::lab::efs
