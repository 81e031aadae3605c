// Uploads in parts: what has been begun in a bucket, and what an upload becomes when it is
// completed. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/s3_bucket.h"

namespace leeward::lab::s3 {

ApiError NoSuchUpload();
// The parts that a CompleteMultipartUpload names, in their order; `smallest`: bytes of all but the
// last.
std::variant<std::vector<UploadedPart>, ApiError> PartsNamed(const Upload& upload,
                                                             const shapes::Value& input,
                                                             std::int64_t smallest);
// Entity tag and checksum of the whole, of those of its parts.
void ReckonOfParts(const Upload& upload, const std::vector<UploadedPart>& parts, Version* version);

Answer ListUploads(const Bucket& bucket, const shapes::Value& input, const shapes::Value& owner);
Answer ListUploadParts(const Bucket& bucket, const Upload& upload, const shapes::Value& input,
                       const shapes::Value& owner);

}  // namespace leeward::lab::s3
