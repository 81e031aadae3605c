// Replication configurations of S3: what is refused of one, and which versions its rules copy
// where. Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/s3_bucket.h"

namespace leeward::lab::s3 {

// The rules of a configuration whose rules all have an ID; where their buckets are is left open.
std::variant<std::vector<Rule>, ApiError> ReadRules(const shapes::Value& configuration,
                                                    const Bucket& source, std::string_view account);

// To each bucket once, by the rule of the highest priority that is for the key.
std::vector<Copy> CopiesOf(const std::vector<Rule>& rules, std::string_view key,
                           const Version& version);

}  // namespace leeward::lab::s3
