// The checksums of S3 as members of its requests and answers: "ChecksumCRC32" is CRC32's. Pure.
#pragma once

#include <string_view>

#include "lab/services/s3_bucket.h"
#include "shapes/value.h"

namespace leeward::lab::s3 {

// The one that S3 takes where nobody says which.
inline constexpr std::string_view kDefaultChecksum = "CRC64NVME";

// Of the request, which states at most one; else the default.
std::string_view AlgorithmOf(const shapes::Value& input);
// What the request states of this algorithm; empty: nothing.
std::string_view StatedChecksum(const shapes::Value& input, std::string_view algorithm);
void ShowChecksumOf(std::string_view algorithm, std::string_view checksum, shapes::Value* answer);
// With its type.
void ShowChecksum(const Version& version, shapes::Value* answer);

}  // namespace leeward::lab::s3
