// Base64 (RFC 4648 section 4) as DynamoDB's blobs travel, at the speed of the request path.
#pragma once

#include <string>
#include <string_view>

#include "lab/items/outcome.h"

namespace leeward::lab::items {

// SerializationExceptions: "Base64 encoded length is expected a multiple of 4 bytes but found: 5",
// "Invalid last non-pad Base64 character dectected" (so written), "Invalid Base64 character: '*'".
Outcome<std::string> DecodeBase64(std::string_view text);
void AppendBase64(std::string_view bytes, std::string& out);

}  // namespace leeward::lab::items
