// Where a decoder or a check is in a body, for its messages: "Outer.Inner".
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace leeward::lab::wire {

// `path` is empty at the body itself.
inline std::string InnerPath(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

}  // namespace leeward::lab::wire
