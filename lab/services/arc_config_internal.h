// What the files of route53-recovery-control-config share.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "lab/core/service.h"

namespace leeward::lab {

inline ApiError ArcNotFound(std::string_view what, std::string_view arn) {
  return {"ResourceNotFoundException",
          fmt::format("Could not find {} with ARN {}", what, arn),
          404,
          {}};
}
inline ApiError ArcConflict(std::string message) {
  return {"ConflictException", std::move(message), 409, {}};
}
inline ApiError ArcInvalid(std::string message) {
  return {"ValidationException", std::move(message), 400, {}};
}
// One page of `all` as an answer, by MaxResults and NextToken.
Answer ArcPageOf(std::string_view member, const shapes::Value::List& all,
                 const shapes::Value& input);

}  // namespace leeward::lab
