// Bodies of S3 that come in chunks of their own making (aws-chunked): each chunk says its size and,
// where the body is signed, a signature that hangs on the one before it; checksums may follow the
// last as trailers. Nothing of such a body is under the signature of the request's head.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/wire/request.h"
#include "lab/wire/signature.h"

namespace leeward::lab::wire {

// How the body is put together, by what x-amz-content-sha256 says.
struct ChunkedForm {
  bool is_signed = false;
  bool has_trailer = false;
};
// Nothing for a body that is whole, and for a word that S3 does not know.
std::optional<ChunkedForm> ChunkedFormOf(std::string_view content_sha256);

struct Unwrapped {
  std::string body;
  ports::Headers trailers;
  std::optional<ApiError> error;  // the sender's, as S3 says it; the rest is then worth nothing
};
// `key`: of SigningKey. The chain of signatures begins with the claim's own.
Unwrapped UnwrapChunks(const Request& request, const ChunkedForm& form, const Claim& claim,
                       std::string_view key);

}  // namespace leeward::lab::wire
