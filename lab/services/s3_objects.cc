// Objects as they are put, copied and read.
#include <fmt/format.h>

#include "base/bytes.h"
#include "lab/services/s3.h"
#include "lab/services/s3_checksums.h"
#include "lab/services/s3_policy.h"
#include "lab/wire/checksum.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

void Reckon(std::string_view bytes, Version* version) {
  version->etag = base::HexEncode(wire::Md5(bytes));
  version->size = static_cast<std::int64_t>(bytes.size());
  version->checksum = wire::Checksum(version->checksum_algorithm, bytes).value_or("");
  version->crc = base::Crc32c(bytes);
}

void Override(const Value& input, Value* answer) {
  constexpr std::string_view kPrefix = "Response";
  for (const char* name : {"CacheControl", "ContentDisposition", "ContentEncoding",
                           "ContentLanguage", "ContentType", "Expires"}) {
    const Value* wanted = input.Find(std::string(kPrefix) + name);
    if (wanted != nullptr) answer->Set(name, *wanted);
  }
}

std::string RangeText(const Part& part, std::int64_t size) {
  return fmt::format("bytes {}-{}/{}", part.offset, part.offset + part.count - 1, size);
}

}  // namespace

// What an object's bytes say of it, off the event thread: they may be many.
Await<bool> S3::ReckonLater(Draft* draft) {
  return Offload<bool>(host_, [draft] {
    Reckon(draft->bytes, &draft->version);
    return true;
  });
}

Flow<Answer> S3::PutObject(BucketPtr bucket, Value input) {
  Draft draft;
  draft.key = input.String("Key");
  if (auto problem = CheckKey(draft.key)) co_return *problem;
  if (auto problem = CheckWrite(input)) co_return *problem;
  draft.version.headers = ObjectHeaders(input);
  draft.version.metadata = UserMetadata(input);
  if (auto problem = CheckMetadata(draft.version.metadata)) co_return *problem;
  if (input.String("IfNoneMatch", "*") != "*") co_return NotServedHere("If-None-Match but *");
  for (const char* condition : {"IfMatch", "IfNoneMatch"}) {
    if (input.Has(condition)) draft.conditions.Set(condition, input.String(condition));
  }
  if (const Value* body = input.Find("Body")) draft.bytes = body->blob().bytes;
  draft.version.checksum_algorithm = AlgorithmOf(input);
  co_await ReckonLater(&draft);
  const Answer written = co_await Write(bucket, &draft);
  if (std::holds_alternative<ApiError>(written)) co_return written;
  Value answer = DescribeWritten(*bucket, draft.version);
  answer.Set("ETag", QuotedETag(draft.version));
  ShowChecksum(draft.version, &answer);
  co_return answer;
}

Value S3::DescribeWritten(const Bucket& bucket, const Version& version) {
  Value answer = Value::Struct();
  if (bucket.versioning != Versioning::kNever) answer.Set("VersionId", version.id);
  return answer;
}

std::variant<const Version*, ApiError> S3::Wanted(const Bucket& bucket, std::string_view key,
                                                  std::string_view id) const {
  const Version* version = id.empty() ? bucket.Newest(key) : bucket.Find(key, id);
  if (version == nullptr) return id.empty() ? NoSuchKey(key) : NoSuchVersion(key, id);
  if (!version->is_marker) return version;
  ApiError error = NoSuchKey(key);
  if (!id.empty()) {
    error = {"MethodNotAllowed", "The specified method is not allowed against this resource.", 405,
             Value::Struct({{"Method", "GET"},
                            {"ResourceType", "DeleteMarker"},
                            {"Allow", "DELETE"},
                            {"Last-Modified", base::FormatHttpDate(TimeOf(*version))}})};
  }
  error.members.Set("x-amz-delete-marker", "true");
  error.members.Set("x-amz-version-id", version->id);
  return error;
}

Value S3::Describe(const Bucket& bucket, const Version& version, const Value& input) const {
  Value answer = version.headers;
  Override(input, &answer);
  answer.Set("AcceptRanges", "bytes");
  answer.Set("LastModified", TimeOf(version));
  answer.Set("ETag", QuotedETag(version));
  if (!version.metadata.members().empty()) answer.Set("Metadata", version.metadata);
  if (bucket.versioning != Versioning::kNever) answer.Set("VersionId", version.id);
  if (!ReplicationStatus(version).empty())
    answer.Set("ReplicationStatus", ReplicationStatus(version));
  return answer;
}

Answer S3::HeadObject(Bucket& bucket, const Value& input) {
  if (auto problem = CheckWrite(input)) return *problem;
  if (input.Has("PartNumber")) return NotServedHere("PartNumber of a read");
  const auto wanted = Wanted(bucket, input.String("Key"), input.String("VersionId"));
  if (const auto* error = std::get_if<ApiError>(&wanted)) return *error;
  const Version& version = *std::get<const Version*>(wanted);
  if (auto problem = CheckConditions(input, "", version)) return *problem;
  const auto range = ReadRange(input.String("Range"), version.size);
  if (const auto* error = std::get_if<ApiError>(&range)) return *error;
  const Part part = std::get<Part>(range);
  Value answer = Describe(bucket, version, input);
  answer.Set("ContentLength", part.count);
  if (!part.is_whole) answer.Set("ContentRange", RangeText(part, version.size));
  if (part.is_whole && input.Has("ChecksumMode")) ShowChecksum(version, &answer);
  return answer;
}

Flow<Answer> S3::GetObject(BucketPtr bucket, Value input) {
  if (auto problem = CheckWrite(input)) co_return *problem;
  if (input.Has("PartNumber")) co_return NotServedHere("PartNumber of a read");
  const std::string key(input.String("Key"));
  const auto wanted = Wanted(*bucket, key, input.String("VersionId"));
  if (const auto* error = std::get_if<ApiError>(&wanted)) co_return *error;
  const Version version = *std::get<const Version*>(wanted);
  if (auto problem = CheckConditions(input, "", version)) co_return *problem;
  const auto range = ReadRange(input.String("Range"), version.size);
  if (const auto* error = std::get_if<ApiError>(&range)) co_return *error;
  const Part part = std::get<Part>(range);
  Answer read = co_await ReadBytes(bucket, key, version, part);
  if (std::holds_alternative<ApiError>(read)) co_return read;
  Value answer = Describe(*bucket, version, input);
  if (!part.is_whole) answer.Set("ContentRange", RangeText(part, version.size));
  if (part.is_whole && input.Has("ChecksumMode")) ShowChecksum(version, &answer);
  answer.Set("Body", std::move(std::get<Value>(read)));
  co_return answer;
}

// A Blob.
Flow<Answer> S3::ReadBytes(BucketPtr bucket, std::string key, Version version, Part part) {
  const Store::Place place{bucket->name, key};
  std::function<base::Result<std::string>()> read = [this, place, version, part] {
    return store_.Read(place, version, part.offset, part.count);
  };
  base::Result<std::string> bytes =
      co_await Offload<base::Result<std::string>>(host_, std::move(read));
  if (bytes.ok()) co_return Value(shapes::Blob{*std::move(bytes)});
  if (bytes.error().code() == base::ErrorCode::kNotFound) co_return NoSuchKey(key);
  co_return *DiskProblem(bytes.error());
}

Flow<Answer> S3::CopyObject(BucketPtr bucket, Value input) {
  Draft draft;
  draft.key = input.String("Key");
  if (auto problem = CheckKey(draft.key)) co_return *problem;
  if (auto problem = CheckWrite(input)) co_return *problem;
  Answer copied = co_await TakeSource(bucket, &input, &draft);
  if (std::holds_alternative<ApiError>(copied)) co_return copied;
  const Answer written = co_await Write(bucket, &draft);
  if (std::holds_alternative<ApiError>(written)) co_return written;
  Value answer = std::get<Value>(std::move(copied));
  if (bucket->versioning != Versioning::kNever) answer.Set("VersionId", draft.version.id);
  Value result =
      Value::Struct({{"ETag", QuotedETag(draft.version)}, {"LastModified", TimeOf(draft.version)}});
  ShowChecksum(draft.version, &result);
  answer.Set("CopyObjectResult", std::move(result));
  co_return answer;
}

// What a copy is made of: the version that is meant, under its conditions.
Flow<Answer> S3::TakeSource(BucketPtr bucket, const Value* input, Draft* draft) {
  const auto source = ReadCopySource(input->String("CopySource"));
  if (!source) {
    co_return S3Invalid("InvalidArgument",
                        "Copy Source must mention the source bucket and key: "
                        "sourcebucket/sourcekey");
  }
  const Found found = co_await FindBucket(source->bucket);
  if (found.bucket == nullptr && found.error.code == "PermanentRedirect")
    co_return NotServedHere("copies from another Region's bucket");
  if (found.bucket == nullptr) co_return found.error;
  Value reading = Value::Struct();
  if (!source->id.empty()) reading.Set("VersionId", source->id);
  const Attempt attempt{ActionOf("GetObject", reading), source->key,
                        std::string(input->String(kCaller))};
  if (auto problem = CheckAllowed(*found.bucket, attempt)) co_return *problem;
  const auto wanted = Wanted(*found.bucket, source->key, source->id);
  if (const auto* error = std::get_if<ApiError>(&wanted)) {
    if (error->code != "MethodNotAllowed") co_return *error;
    co_return S3Invalid("InvalidRequest",
                        "The source of a copy request may not specifically refer to a delete "
                        "marker by version id.");
  }
  const Version version = *std::get<const Version*>(wanted);
  if (auto problem = CheckConditions(*input, "CopySource", version)) co_return *problem;
  const bool replace = input->String("MetadataDirective") == "REPLACE";
  const bool same = source->id.empty() && found.bucket == bucket && source->key == draft->key;
  if (same && !replace) {
    co_return S3Invalid("InvalidRequest",
                        "This copy request is illegal because it is trying to copy an object to "
                        "itself without changing the object's metadata, storage class, website "
                        "redirect location or encryption attributes.");
  }
  draft->version.headers = replace ? ObjectHeaders(*input) : version.headers;
  draft->version.metadata = replace ? UserMetadata(*input) : version.metadata;
  if (auto problem = CheckMetadata(draft->version.metadata)) co_return *problem;
  const Part whole{0, version.size, true};
  Answer read = co_await ReadBytes(found.bucket, source->key, version, whole);
  if (std::holds_alternative<ApiError>(read)) co_return read;
  draft->bytes = std::get<Value>(read).blob().bytes;
  const std::string algorithm(input->String("ChecksumAlgorithm", version.checksum_algorithm));
  draft->version.checksum_algorithm = algorithm;
  co_await ReckonLater(draft);
  if (draft->version.checksum.empty()) co_return NotServedHere(algorithm + " checksums");
  Value answer = Value::Struct();
  if (found.bucket->versioning != Versioning::kNever) answer.Set("CopySourceVersionId", version.id);
  co_return answer;
}

}  // namespace leeward::lab::s3
