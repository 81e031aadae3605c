// What the files of route53 share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "lab/core/service.h"

namespace leeward::lab {

inline ApiError Route53Invalid(std::string message) {
  return {"InvalidInput", std::move(message), 400, {}};
}
inline ApiError NoSuchZone(std::string_view id) {
  return {"NoSuchHostedZone", fmt::format("No hosted zone found with ID: {}", id), 404, {}};
}
inline ApiError NoSuchCheck(std::string_view id) {
  return {
      "NoSuchHealthCheck", fmt::format("A health check with id {} does not exist.", id), 404, {}};
}

// "/hostedzone/Z1", "/change/C1" and the bare ids are the same.
inline std::string_view BareId(std::string_view id) {
  const std::size_t slash = id.rfind('/');
  return slash == std::string_view::npos ? id : id.substr(slash + 1);
}

// MaxItems travels as text; at most, and by default, `most`.
inline std::size_t MaxItems(const shapes::Value& input, std::size_t most) {
  const std::string_view text = input.String("MaxItems");
  std::size_t count = most;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  return parsed.ec == std::errc() ? std::clamp<std::size_t>(count, 1, most) : most;
}

}  // namespace leeward::lab
