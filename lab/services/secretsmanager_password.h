// Passwords by the rules of GetRandomPassword. Pure.
#pragma once

#include <optional>
#include <string>

#include "ports/random.h"
#include "shapes/value.h"

namespace leeward::lab::secretsmanager {

// Nothing when the request leaves no characters, or too few places for each type it requires.
std::optional<std::string> MakePassword(const shapes::Value& input, ports::Random& random);

}  // namespace leeward::lab::secretsmanager
