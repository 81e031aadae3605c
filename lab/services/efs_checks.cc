#include "lab/services/efs_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace leeward::lab::efs {
namespace {

using shapes::Value;

constexpr double kMostThroughput = 3414;  // MiB/s, of one file system
constexpr std::size_t kMostTags = 50;
constexpr std::string_view kZoneLetters = "abc";

std::vector<std::string_view> SplitAt(std::string_view text, char separator, std::size_t most) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < most) {
    const std::size_t end = text.find(separator);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

ApiError NoSuchKey(std::string_view key, const Home& home) {
  return BadRequest(fmt::format(
      "The request was rejected because the specified key could not be found: {} does not exist in "
      "{}. The AWS managed key for EFS is {}.",
      key, home.region, kManagedKeyAlias));
}

Value::List ListOf(const Value& one_or_many) {
  if (one_or_many.is_list()) return one_or_many.list();
  return one_or_many.is_null() ? Value::List{} : Value::List{one_or_many};
}

bool IsEverybody(const Value& principal) {
  const Value* named = &principal;
  if (principal.is_members()) {
    if (principal.members().size() != 1 || !principal.Has("AWS")) return false;
    named = principal.Find("AWS");
  }
  return named->is_string() && named->str() == "*";
}

ApiError BadPolicy(std::string message) {
  return {"InvalidPolicyException", std::move(message), 400, {}};
}

ApiError PolicyNotServed(std::string_view why) {
  return BadPolicy(fmt::format(
      "This lab evaluates no policies, so it takes only one that allows everybody to mount, to "
      "write and to be root: {}.",
      why));
}

// The client actions that the statement allows to everybody; a problem for what would take
// something away from somebody.
Problem AddAllowed(const Value& statement, std::string_view arn, std::set<std::string>& allowed) {
  const std::string_view effect = statement.String("Effect");
  if (effect != "Allow" && effect != "Deny") return BadPolicy("Invalid policy: no valid Effect.");
  if (!statement.Has("Principal")) return BadPolicy("Invalid policy: no Principal.");
  if (effect == "Deny") return PolicyNotServed("it denies something");
  if (statement.Has("Condition")) return PolicyNotServed("it has a condition");
  for (const char* name : {"NotPrincipal", "NotAction", "NotResource"}) {
    if (statement.Has(name)) return PolicyNotServed(fmt::format("it has a {}", name));
  }
  const Value* resource = statement.Find("Resource");
  if (resource != nullptr) {
    for (const Value& each : ListOf(*resource)) {
      if (each.is_string() && (each.str() == "*" || each.str() == arn)) continue;
      return BadPolicy("Invalid policy: the Resource is not this file system.");
    }
  }
  const Value* actions = statement.Find("Action");
  if (actions == nullptr) return BadPolicy("Invalid policy: no Action.");
  if (!IsEverybody(*statement.Find("Principal"))) return std::nullopt;
  for (const Value& action : ListOf(*actions)) {
    if (action.is_string()) allowed.insert(action.str());
  }
  return std::nullopt;
}

}  // namespace

ApiError BadRequest(std::string message) { return {"BadRequest", std::move(message), 400, {}}; }

ApiError FileSystemNotFound(std::string_view id) {
  return {"FileSystemNotFound", fmt::format("File system '{}' does not exist.", id), 404, {}};
}

ApiError MountTargetNotFound(std::string_view id) {
  return {"MountTargetNotFound", fmt::format("Mount target '{}' does not exist.", id), 404, {}};
}

ApiError AccessPointNotFound(std::string_view id) {
  return {"AccessPointNotFound", fmt::format("Access point '{}' does not exist.", id), 404, {}};
}

ApiError WrongLifeCycle(std::string_view id, std::string_view state) {
  return {"IncorrectFileSystemLifeCycleState",
          fmt::format("File system '{}' is in the life cycle state '{}', in which this cannot be "
                      "done.",
                      id, state),
          409,
          {}};
}

ApiError ReplicationNotFound(std::string message) {
  return {"ReplicationNotFound", std::move(message), 404, {}};
}

ApiError NoAnswer(std::string_view region) {
  return {"InternalServerError", fmt::format("EFS in {} does not answer.", region), 500, {}};
}

ApiError NotServed(std::string_view what) {
  return BadRequest(fmt::format("{} is not served by this lab; leave it out.", what));
}

ResourceName ParseName(std::string_view id_or_arn) {
  if (!id_or_arn.starts_with("arn:")) return {"", "", std::string(id_or_arn)};
  const auto parts = SplitAt(id_or_arn, ':', 6);
  if (parts.size() < 6) return {};
  const std::size_t slash = parts[5].find('/');
  if (slash == std::string_view::npos) return {};
  return {std::string(parts[3]), std::string(parts[4]), std::string(parts[5].substr(slash + 1))};
}

Problem CheckKey(std::string_view key, const std::optional<KeySeen>& seen, const Home& home) {
  if (seen && seen->usable) return std::nullopt;
  if (seen) {
    return BadRequest(fmt::format(
        "The request was rejected because the KMS key {} is not enabled: its state is not valid "
        "for this request.",
        key));
  }
  const std::string prefix = fmt::format("arn:aws:kms:{}:{}:", home.region, home.account);
  if (key.starts_with("arn:") && !key.starts_with(prefix)) {
    return BadRequest(fmt::format(
        "The KMS key {} is not a key of {}; a file system is encrypted with a key of its own "
        "Region.",
        key, home.region));
  }
  return NoSuchKey(key, home);
}

std::string RegionOfZone(std::string_view zone) {
  if (zone.size() < 2 || zone.back() < 'a' || zone.back() > 'z') return "";
  return std::string(zone.substr(0, zone.size() - 1));
}

Problem CheckZone(std::string_view zone, std::string_view region) {
  if (RegionOfZone(zone) == region && kZoneLetters.find(zone.back()) != std::string_view::npos) {
    return std::nullopt;
  }
  return ApiError{
      "UnsupportedAvailabilityZone",
      fmt::format("The Availability Zone {} is not one of {} that has One Zone file systems.", zone,
                  region),
      400,
      {}};
}

Problem CheckThroughput(const Value& input) {
  const std::string_view mode = input.String("ThroughputMode", "bursting");
  const bool given = input.Has("ProvisionedThroughputInMibps");
  if (mode == "elastic" && input.String("PerformanceMode") == "maxIO") {
    return BadRequest(
        "Throughput mode elastic is not supported for file systems with performance mode maxIO.");
  }
  if (mode == "provisioned" && !given) {
    return BadRequest(
        "ProvisionedThroughputInMibps is required when ThroughputMode is provisioned.");
  }
  if (mode != "provisioned" && given) {
    return BadRequest(fmt::format(
        "ProvisionedThroughputInMibps cannot be specified for throughput mode {}.", mode));
  }
  if (given && input.Number("ProvisionedThroughputInMibps") > kMostThroughput) {
    return ApiError{
        "ThroughputLimitExceeded",
        fmt::format("The provisioned throughput cannot be more than {} MiB/s.", kMostThroughput),
        400,
        {}};
  }
  return std::nullopt;
}

Problem CheckCreate(const Value& input, const Home& home) {
  if (auto problem = CheckThroughput(input)) return problem;
  const bool encrypted = input.Flag("Encrypted", false);
  if (input.Has("KmsKeyId") && !encrypted) {
    return BadRequest("KmsKeyId can be specified only when Encrypted is true.");
  }
  if (input.Has("AvailabilityZoneName")) {
    if (auto problem = CheckZone(input.String("AvailabilityZoneName"), home.region)) return problem;
    if (input.String("PerformanceMode") == "maxIO") {
      return BadRequest("One Zone file systems do not support the performance mode maxIO.");
    }
  }
  return CheckTags(input.Items("Tags"));
}

Problem CheckTags(const Value::List& tags) {
  std::set<std::string_view> keys;
  for (const Value& tag : tags) {
    const std::string_view key = tag.String("Key");
    if (key.size() >= 4 && (key[0] | 0x20) == 'a' && (key[1] | 0x20) == 'w' &&
        (key[2] | 0x20) == 's' && key[3] == ':') {
      return BadRequest("Tag keys cannot begin with aws:, which is reserved.");
    }
    if (!keys.insert(key).second) {
      return BadRequest(fmt::format("The tag key {} is given more than once.", key));
    }
  }
  if (tags.size() > kMostTags) {
    return BadRequest(fmt::format("A resource cannot have more than {} tags.", kMostTags));
  }
  return std::nullopt;
}

Problem CheckLifecycle(const Value::List& policies) {
  std::set<std::string> seen;
  for (const Value& policy : policies) {
    if (policy.members().size() != 1) {
      return BadRequest("Each LifecyclePolicy must have exactly one transition.");
    }
    if (!seen.insert(policy.members().front().first).second) {
      return BadRequest(fmt::format("{} is given more than once.", policy.members().front().first));
    }
  }
  return std::nullopt;
}

Problem CheckPolicy(std::string_view policy, std::string_view file_system_arn) {
  const auto read = shapes::FromJson(policy);
  if (!read.ok() || !read->is_members()) {
    return BadPolicy("Invalid policy: it is not a JSON document.");
  }
  const Value* statements = read->Find("Statement");
  if (statements == nullptr) return BadPolicy("Invalid policy: no Statement.");
  std::set<std::string> allowed;
  for (const Value& statement : ListOf(*statements)) {
    if (!statement.is_members()) return BadPolicy("Invalid policy: a Statement is not an object.");
    if (auto problem = AddAllowed(statement, file_system_arn, allowed)) return problem;
  }
  constexpr auto kNeeded = std::to_array<std::string_view>({"elasticfilesystem:ClientMount",
                                                            "elasticfilesystem:ClientWrite",
                                                            "elasticfilesystem:ClientRootAccess"});
  const bool all = allowed.contains("*") || allowed.contains("elasticfilesystem:*") ||
                   allowed.contains("elasticfilesystem:Client*") ||
                   std::ranges::all_of(kNeeded, [&](std::string_view action) {
                     return allowed.contains(std::string(action));
                   });
  if (!all) return PolicyNotServed("it leaves something out");
  return std::nullopt;
}

}  // namespace leeward::lab::efs
