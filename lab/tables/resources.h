// Tables named by their ARN alone, as tags and policies name them.
#pragma once

#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// ValidationException for what is no table's ARN, ResourceNotFoundException for none that is there.
Outcome<Table*> TableOfArn(const Core& core, std::string_view arn);

}  // namespace leeward::lab::tables
