// How RDS and ElastiCache page their lists: `MaxRecords` and `Marker`.
#pragma once

#include <string_view>

#include "lab/core/service.h"

namespace leeward::lab {

// The page of `items` that the request asks for, as member `key`.
Answer ListPage(const shapes::Value& input, std::string_view key, const shapes::Value::List& items);

}  // namespace leeward::lab
