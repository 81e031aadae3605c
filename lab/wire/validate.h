// Whether an input is one that its model allows: required members, enums, lengths and ranges.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/core/service.h"
#include "lab/wire/route.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::lab::wire {

struct Violation {
  enum class Kind { kMissing, kEnum, kLength, kRange } kind;
  std::string path;        // "changeBatch.changes.1.member.action"
  std::string value;       // as text; empty when missing
  std::string constraint;  // "Member must not be null"
};

// At most kMaxViolations.
inline constexpr std::size_t kMaxViolations = 20;
std::vector<Violation> Validate(const shapes::Shape& shape, const shapes::Value& input);

// All of them as the service's family says it.
ApiError ViolationError(const shapes::Model& model, shapes::Protocol protocol,
                        const std::vector<Violation>& violations);
// Query parameters that the operation does not have: AWS's EC2 refuses them, the other query
// services take no notice. The lab refuses them everywhere, for what has no effect must not look as
// if it had.
std::optional<ApiError> RefuseUnread(const Route& route);
// A body or parameter that cannot be read at all.
ApiError UnreadableError(const shapes::Model& model, shapes::Protocol protocol,
                         std::string_view message);

}  // namespace leeward::lab::wire
