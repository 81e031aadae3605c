// base64url without padding (RFC 7515, section 2).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::session {

std::string Base64Url(std::string_view bytes);
// Only what Base64Url writes: padding, other alphabets and stray bits are kInvalid, so that no two
// texts mean the same bytes.
base::Result<std::string> Base64UrlDecode(std::string_view text);

}  // namespace leeward::session
