// KMS keys that a component's copies are encrypted under, looked at before anything is made with
// them: a service tells of a key that is not there late, and in words of its own.
#pragma once

#include <string>

#include "steps/work.h"

namespace leeward::steps {

// What is wrong with a key that DescribeKey tells of; empty: it can be used.
std::string WhyNotUsable(const Value& described);
// `key` is an alias or an id, as the spec's `option` names it. Its ARN in the Region; kNotFound or
// kWrongState with what to do.
Result<std::string> NeedKmsKey(const Work& work, const Region& region, const std::string& key,
                               const std::string& option = "kms-key");

// The call that makes a copy in the step's Region of what is encrypted in `from`, signed for
// `from`: so says whoever asks for it that it may be read there. `input` is that call's.
Result<std::string> PresignCopy(const Work& work, const Region& from, std::string_view service,
                                std::string_view operation, const Value& input);

}  // namespace leeward::steps
