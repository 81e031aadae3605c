// Resource policies: who may do what with a table, beyond what identities allow.
#pragma once

#include <string>
#include <string_view>

#include "lab/tables/core.h"

namespace leeward::lab::tables {

// ValidationException for a text that is no policy.
Verdict CheckPolicyText(std::string_view text);
// Whether the policy, on that table, would deny the caller the operation.
bool PolicyDenies(const Core& core, const Table& table, std::string_view policy,
                  std::string_view operation, const Caller& caller);
// AccessDeniedException when a policy of a resource that the request touches denies it.
Verdict Authorize(const Request& request);

}  // namespace leeward::lab::tables
