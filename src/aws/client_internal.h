// Steps of a call that stand alone, for the client and its tests. Internal to this room.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/random.h"
#include "shapes/model.h"
#include "shapes/value.h"

namespace leeward::aws {

// The input with a fresh token in each top-level idempotency member that it leaves out.
shapes::Value WithIdempotencyTokens(const shapes::Operation& operation, shapes::Value input,
                                    ports::Random& random);

// kInvalid, naming the member, when the input misses or mistypes one, or has one the model does not
// know.
base::Status CheckInput(const shapes::Operation& operation, const shapes::Value& input);

// "/custom" of "https://example.com/custom"; empty when there is none.
std::string_view EndpointPath(std::string_view endpoint_url);
// One slash between them, none doubled.
std::string JoinPaths(std::string_view base, std::string_view path);

}  // namespace leeward::aws
