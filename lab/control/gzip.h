// Unpacks a gzip request body; newer SDKs pack large ones.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leeward::lab {

// kInvalid when it is not gzip, kExhausted past `max_bytes`.
base::Result<std::string> Gunzip(std::string_view packed, std::size_t max_bytes);

}  // namespace leeward::lab
