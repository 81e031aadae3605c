// What a server of the lab's RDS answers to a statement.
#pragma once

#include <string>
#include <vector>

namespace leeward::lab::rds {

using Rows = std::vector<std::vector<std::string>>;  // null is ""

}  // namespace leeward::lab::rds
