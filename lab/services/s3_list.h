// How S3 walks the keys of a bucket: in order, from a place on, with what a delimiter rolls up.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/s3_bucket.h"

namespace leeward::lab::s3 {

// ListObjectsV2 and ListObjectVersions, with the members of their models.
Answer ListObjects(const Bucket& bucket, const shapes::Value& input, const shapes::Value& owner);
Answer ListVersions(const Bucket& bucket, const shapes::Value& input, const shapes::Value& owner);

}  // namespace leeward::lab::s3
