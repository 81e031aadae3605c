// What S3 refuses in a request, apart from what its model already says, and the errors it answers.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "lab/core/service.h"
#include "lab/services/s3_bucket.h"

namespace leeward::lab::s3 {

using Problem = std::optional<ApiError>;

ApiError NoSuchBucket(std::string_view bucket);
ApiError NoSuchKey(std::string_view key);
ApiError NoSuchVersion(std::string_view key, std::string_view id);
ApiError S3Invalid(std::string code, std::string message);  // 400
ApiError NotServedHere(std::string_view what);              // 501, by name
ApiError Elsewhere(std::string_view bucket, std::string_view region);
ApiError CannotTell(std::string_view why);  // 503
// What failed on the disk is told on standard error, the process's log.
Problem DiskProblem(const base::Status& status);

Problem CheckBucketName(std::string_view name);
Problem CheckKey(std::string_view key);
// Members of a write that ask for what the lab has not: encryption, locks, other classes, ACLs.
Problem CheckWrite(const shapes::Value& input);
// Of any request: whose bucket its sender takes it to be, and what only an AWS of one's own has.
Problem CheckCaller(const shapes::Value& input, std::string_view account);
Problem CheckMetadata(const shapes::Value& metadata);

// The members that an object answers as they were given: ContentType, CacheControl, ...
shapes::Value ObjectHeaders(const shapes::Value& input);
shapes::Value UserMetadata(const shapes::Value& input);  // names in lower case

std::string QuotedETag(const Version& version);
// Whether a list of entity tags of a header ("*", "\"a\", \"b\"") has this one.
bool MatchesETag(std::string_view list, std::string_view etag);

// A read under conditions: what stands in its way, 304 included. `prefix` is "" or "CopySource".
Problem CheckConditions(const shapes::Value& input, std::string_view prefix,
                        const Version& version);

struct CopySource {
  std::string bucket;
  std::string key;
  std::string id;
};
// "bucket/key?versionId=id", percent-encoded, with or without a slash before it.
std::optional<CopySource> ReadCopySource(std::string_view text);

struct Part {
  std::int64_t offset = 0;
  std::int64_t count = 0;
  bool is_whole = true;
};
// What a Range header asks for of so many bytes. One that is not of the form is taken for none.
std::variant<Part, ApiError> ReadRange(std::string_view range, std::int64_t size);

}  // namespace leeward::lab::s3
