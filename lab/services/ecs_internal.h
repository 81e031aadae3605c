// What the files of ecs share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
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

}  // namespace leeward::lab
