// What KMS refuses in a request, apart from what its model already says, and the errors it answers.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/services/kms_key.h"

namespace leeward::lab::kms {

using Problem = std::optional<ApiError>;

ApiError KeyNotFound(std::string_view arn);
ApiError AliasNotFound(std::string_view arn);
ApiError UnsupportedOperation(std::string message);
ApiError ValidationProblem(std::string message);
ApiError WrongState(std::string_view arn, State state);
ApiError KeyTimedOut(std::string_view region);

// Cryptographic operations: on keys that are enabled, or whose primary is moving.
Problem CheckUsable(const Host& host, const Key& key);
Problem CheckCreateKey(const shapes::Value& input);
Problem CheckKeyTags(const shapes::Value::List& tags);
Problem CheckAliasName(std::string_view name);
// A policy that a lab which evaluates none can honour: one that leaves the account in charge and
// denies nobody anything.
Problem CheckKeyPolicy(std::string_view policy, std::string_view account);
std::string DefaultPolicy(std::string_view account);
// Members of cryptographic operations that the lab does not serve, and algorithms of other keys.
Problem CheckCrypto(const shapes::Value& input);
Problem CheckWindow(std::int64_t days);

}  // namespace leeward::lab::kms
