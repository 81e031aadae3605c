// Holes: "{column}" in a text of the spec, filled in from a row.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::model {

// The names in the holes, in order. kInvalid: a brace without its other one, or an empty name.
base::Result<std::vector<std::string>> HolesOf(std::string_view text);

// The text with each hole in the place of its value; the first error ends it.
base::Result<std::string> FillHoles(
    std::string_view text,
    const std::function<base::Result<std::string>(const std::string& name)>& value);

}  // namespace leeward::model
