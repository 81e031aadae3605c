#include "os/environment.h"

#include <cstdlib>

namespace leeward::os {

std::optional<std::string> Environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace leeward::os
