// Environment variables of this process.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace leeward::os {

// The variable's value; absent when it is not set. Nobody changes the environment after main has
// begun.
std::optional<std::string> Environment(const std::string& name);
// All of them.
std::map<std::string, std::string> WholeEnvironment();

}  // namespace leeward::os
