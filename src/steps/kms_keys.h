// KMS keys that a component's copies are encrypted under, looked at before anything is made with
// them: a service tells of a key that is not there late, and in words of its own.
#pragma once

#include <string>

#include "steps/work.h"

namespace leeward::steps {

// What is wrong with a key that DescribeKey tells of; empty: it can be used.
std::string WhyNotUsable(const Value& described);
// `key` is an alias or an id. Its ARN in the Region; kNotFound or kWrongState with what to do.
Result<std::string> NeedKmsKey(const Work& work, const Region& region, const std::string& key);

}  // namespace leeward::steps
