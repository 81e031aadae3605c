// The body of a request to S3 whose head is signed as it should be: unwrapped, and held to what the
// request says of it.
#pragma once

#include <optional>
#include <string_view>

#include "lab/core/service.h"
#include "lab/wire/request.h"
#include "lab/wire/signature.h"

namespace leeward::lab::wire {

bool IsForS3(const Claim& claim);

// Afterwards the body is the object, trailers are headers, and Content-Encoding says nothing of
// chunks.
std::optional<ApiError> OpenS3Body(const Claim& claim, std::string_view secret, Request* request);

}  // namespace leeward::lab::wire
