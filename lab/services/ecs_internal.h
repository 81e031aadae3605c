// What the files of ecs share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lab/core/service.h"

namespace leeward::lab {

inline ApiError EcsError(std::string code, std::string message) {
  return {std::move(code), std::move(message), 400, {}};
}
inline ApiError EcsInvalid(std::string message) {
  return EcsError("InvalidParameterException", std::move(message));
}
inline ApiError NoCluster() { return EcsError("ClusterNotFoundException", "Cluster not found."); }

// The last part of an ARN, or the bare name.
inline std::string_view LastPart(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  return slash == std::string_view::npos ? text : text.substr(slash + 1);
}

// Described things show their tags to those who ask for them.
inline shapes::Value WithTagsIfAsked(const shapes::Value& input, shapes::Value shape) {
  const shapes::Value::List& include = input.Items("include");
  if (std::ranges::find(include, shapes::Value("TAGS")) == include.end())
    shape.Set("tags", shapes::Value::EmptyList());
  return shape;
}

// What a service or a task may ask for and nothing here stands behind. Nothing when all is served.
inline std::optional<ApiError> RefuseUnserved(const shapes::Value& input) {
  const auto refusal = [](std::string_view member) {
    return EcsInvalid(fmt::format("{} is not served by this lab; leave it out.", member));
  };
  for (const char* list :
       {"capacityProviderStrategy", "placementConstraints", "placementStrategy",
        "serviceRegistries", "volumeConfigurations", "vpcLatticeConfigurations"}) {
    if (!input.Items(list).empty()) return refusal(list);
  }
  for (const char* flag : {"enableExecuteCommand", "enableECSManagedTags"}) {
    if (input.Flag(flag, false)) return refusal(flag);
  }
  if (input.Sub("serviceConnectConfiguration").Flag("enabled", false)) {
    return refusal("serviceConnectConfiguration");
  }
  if (input.Sub("deploymentConfiguration").Sub("deploymentCircuitBreaker").Flag("enable", false)) {
    return refusal("deploymentConfiguration.deploymentCircuitBreaker");
  }
  if (input.Has("role")) return refusal("role");
  if (input.Sub("deploymentController").String("type", "ECS") != "ECS") {
    return refusal("deploymentController");
  }
  if (input.String("propagateTags", "NONE") != "NONE") return refusal("propagateTags");
  if (input.String("launchType", "FARGATE") == "FARGATE") return std::nullopt;
  return EcsInvalid(
      fmt::format("Launch type {} is not served by this lab, which has no container instances; use "
                  "FARGATE.",
                  input.String("launchType")));
}

}  // namespace leeward::lab
