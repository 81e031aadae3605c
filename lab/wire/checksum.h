// The checksums that S3 keeps of an object, as its headers carry them: base64 of the digest, the
// most significant byte first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lab/core/service.h"
#include "lab/wire/request.h"

namespace leeward::lab::wire {

// By the name in x-amz-sdk-checksum-algorithm: CRC32, CRC32C, CRC64NVME, SHA1, SHA256. Nothing for
// one that the lab does not reckon.
std::optional<std::string> Checksum(std::string_view algorithm, std::string_view bytes);
std::string Md5(std::string_view bytes);  // raw; an ETag is its hex, Content-MD5 its base64

// Holds a body to what the request's headers say of it: Content-MD5 and x-amz-checksum-*. One
// checksum at most; one that the lab does not reckon is refused by name.
std::optional<ApiError> CheckBody(const Request& request);

}  // namespace leeward::lab::wire
