// Environment variables of this process.
#pragma once

#include <optional>
#include <string>

namespace leeward::os {

// The variable's value; absent when it is not set. Nobody changes the environment after main has begun.
std::optional<std::string> Environment(const std::string& name);

}  // namespace leeward::os
