// Uploads in parts as they are asked for. Parts are on the disk when they are acknowledged, as
// objects are.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/services/s3.h"
#include "lab/services/s3_checksums.h"
#include "lab/services/s3_uploads.h"
#include "lab/wire/checksum.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr int kLastPart = 10'000;

// How the whole is summed up: by its parts' checksums, unless it is a CRC-64 or asked otherwise.
Problem ReadChecksumType(const Value& input, Upload* upload) {
  upload->algorithm = input.String("ChecksumAlgorithm", kDefaultChecksum);
  upload->chosen = input.Has("ChecksumAlgorithm");
  if (!wire::Checksum(upload->algorithm, ""))
    return NotServedHere(upload->algorithm + " checksums");
  const bool always_whole = upload->algorithm == kDefaultChecksum;
  const bool never_whole = upload->algorithm.starts_with("SHA");
  const std::string_view type =
      input.String("ChecksumType", always_whole ? "FULL_OBJECT" : "COMPOSITE");
  upload->composite = type == "COMPOSITE";
  if (upload->composite ? always_whole : never_whole) {
    return S3Invalid("InvalidRequest",
                     fmt::format("The {} checksum type cannot be used with the {} checksum "
                                 "algorithm.",
                                 type, upload->algorithm));
  }
  return std::nullopt;
}

}  // namespace

Upload* S3::FindUpload(Bucket& bucket, const Value& input) {
  const auto found = bucket.uploads.find(input.String("UploadId"));
  const bool there = found != bucket.uploads.end() && !found->second.ending &&
                     found->second.key == input.String("Key");
  return there ? &found->second : nullptr;
}

Flow<Answer> S3::CreateMultipartUpload(BucketPtr bucket, Value input) {
  Upload upload;
  upload.key = input.String("Key");
  if (auto problem = CheckKey(upload.key)) co_return *problem;
  if (auto problem = CheckWrite(input)) co_return *problem;
  if (auto problem = ReadChecksumType(input, &upload)) co_return *problem;
  upload.headers = ObjectHeaders(input);
  upload.metadata = UserMetadata(input);
  if (auto problem = CheckMetadata(upload.metadata)) co_return *problem;
  if (bucket->uploads.size() >= limits.uploads)
    co_return ApiError{"SlowDown", "Please reduce your request rate.", 503, Value()};
  upload.id = NewVersionId();
  upload.created = host_.clock().Now();
  std::function<base::Status()> make = [this, bucket, upload] {
    return store_.MakeUpload(bucket->name, upload);
  };
  ++bucket->writing;
  const base::Status made = co_await Offload<base::Status>(host_, std::move(make));
  --bucket->writing;
  if (auto problem = DiskProblem(made)) co_return *problem;
  bucket->uploads[upload.id] = upload;
  co_return Value::Struct({{"Bucket", bucket->name},
                           {"Key", upload.key},
                           {"UploadId", upload.id},
                           {"ChecksumAlgorithm", upload.algorithm},
                           {"ChecksumType", upload.composite ? "COMPOSITE" : "FULL_OBJECT"}});
}

Flow<Answer> S3::UploadPart(BucketPtr bucket, Value input) {
  if (auto problem = CheckPart(input)) co_return *problem;
  const Upload* upload = FindUpload(*bucket, input);
  if (upload == nullptr) co_return NoSuchUpload();
  const std::string turn = fmt::format("upload:{}:{}", upload->id, input.Int("PartNumber"));
  Draft draft;
  draft.version.checksum_algorithm = upload->algorithm;
  const std::string_view stated = AlgorithmOf(input);
  if (upload->chosen && stated != kDefaultChecksum && stated != upload->algorithm) {
    co_return S3Invalid("InvalidRequest",
                        fmt::format("Checksum Type mismatch occurred, expected checksum Type: {}, "
                                    "actual checksum Type: {}",
                                    upload->algorithm, stated));
  }
  if (const Value* body = input.Find("Body")) draft.bytes = body->blob().bytes;
  ++bucket->writing;
  co_await Turn(turn);
  co_await ReckonLater(&draft);
  Answer answer = co_await UploadInTurn(bucket, &input, &draft);
  EndTurn(turn);
  --bucket->writing;
  co_return answer;
}

Problem S3::CheckPart(const Value& input) {
  const std::int64_t number = input.Int("PartNumber");
  if (number < 1 || number > kLastPart) {
    return S3Invalid("InvalidArgument",
                     "Part number must be an integer between 1 and 10000, inclusive");
  }
  return CheckWrite(input);
}

Flow<Answer> S3::UploadInTurn(BucketPtr bucket, const Value* input, Draft* draft) {
  const std::string id(input->String("UploadId"));
  if (FindUpload(*bucket, *input) == nullptr) co_return NoSuchUpload();
  UploadedPart part;
  part.number = static_cast<int>(input->Int("PartNumber"));
  part.file = bucket->next++;
  part.etag = draft->version.etag;
  part.size = draft->version.size;
  part.checksum = draft->version.checksum;
  part.time = host_.clock().Now();
  std::function<base::Status()> put = [this, bucket, id, part, draft] {
    return store_.PutPart(bucket->name, id, part, draft->bytes);
  };
  const base::Status done = co_await Offload<base::Status>(host_, std::move(put));
  Upload* upload = FindUpload(*bucket, *input);  // it may have been aborted
  if (upload == nullptr) co_return NoSuchUpload();
  if (auto problem = DiskProblem(done)) co_return *problem;
  const auto replaced = upload->parts.find(part.number);
  if (replaced != upload->parts.end()) store_.DropPart(bucket->name, id, replaced->second);
  upload->parts[part.number] = part;
  Value answer = Value::Struct({{"ETag", fmt::format("\"{}\"", part.etag)}});
  ShowChecksumOf(upload->algorithm, part.checksum, &answer);
  co_return answer;
}

Flow<Answer> S3::CompleteMultipartUpload(BucketPtr bucket, Value input) {
  if (auto problem = CheckWrite(input)) co_return *problem;
  Upload* upload = FindUpload(*bucket, input);
  if (upload == nullptr) co_return NoSuchUpload();
  const auto named = PartsNamed(*upload, input, limits.smallest_part);
  if (const auto* error = std::get_if<ApiError>(&named)) co_return *error;
  const auto parts = std::get<std::vector<UploadedPart>>(named);
  std::int64_t size = 0;
  for (const UploadedPart& part : parts) size += part.size;
  if (size > limits.object) {
    co_return S3Invalid("EntityTooLarge",
                        "Your proposed upload exceeds the maximum allowed object size.");
  }
  if (input.Int("MpuObjectSize", size) != size)
    co_return S3Invalid("InvalidRequest", "The provided 'x-amz-mp-object-size' is not the size");
  upload->ending = true;
  const Upload whole = *upload;
  Answer answer = co_await Complete(bucket, &input, &whole, &parts);
  const auto still = bucket->uploads.find(whole.id);
  if (still != bucket->uploads.end() && std::holds_alternative<ApiError>(answer))
    still->second.ending = false;
  co_return answer;
}

Flow<Answer> S3::Complete(BucketPtr bucket, const Value* input, const Upload* upload,
                          const std::vector<UploadedPart>* parts) {
  Draft draft;
  draft.key = upload->key;
  draft.version.headers = upload->headers;
  draft.version.metadata = upload->metadata;
  draft.version.checksum_algorithm = upload->algorithm;
  for (const char* condition : {"IfMatch", "IfNoneMatch"}) {
    if (input->Has(condition)) draft.conditions.Set(condition, input->String(condition));
  }
  std::function<base::Result<std::string>()> read = [this, bucket, upload, parts] {
    return store_.ReadParts(bucket->name, upload->id, *parts);
  };
  auto bytes = co_await Offload<base::Result<std::string>>(host_, std::move(read));
  if (!bytes.ok()) co_return *DiskProblem(bytes.error());
  draft.bytes = *std::move(bytes);
  co_await ReckonLater(&draft);
  ReckonOfParts(*upload, *parts, &draft.version);
  const std::string_view stated = StatedChecksum(*input, upload->algorithm);
  if (!stated.empty() && stated != draft.version.checksum) {
    co_return S3Invalid("BadDigest", fmt::format("The {} you specified did not match the "
                                                 "calculated checksum.",
                                                 upload->algorithm));
  }
  const Answer written = co_await Write(bucket, &draft);
  if (std::holds_alternative<ApiError>(written)) co_return written;
  const Problem problem = co_await DropUpload(bucket, upload->id);
  if (problem) co_return *problem;
  Value answer = DescribeWritten(*bucket, draft.version);
  answer.Set("Location", fmt::format("/{}/{}", bucket->name, base::PercentEncode(draft.key, "/")));
  answer.Set("Bucket", bucket->name).Set("Key", draft.key);
  answer.Set("ETag", QuotedETag(draft.version));
  ShowChecksum(draft.version, &answer);
  co_return answer;
}

Flow<Problem> S3::DropUpload(BucketPtr bucket, std::string id) {
  bucket->uploads.erase(id);
  std::function<base::Status()> drop = [this, bucket, id] {
    return store_.DropUpload(bucket->name, id);
  };
  ++bucket->writing;
  const base::Status dropped = co_await Offload<base::Status>(host_, std::move(drop));
  --bucket->writing;
  co_return DiskProblem(dropped);
}

Flow<Answer> S3::AbortMultipartUpload(BucketPtr bucket, Value input) {
  if (input.Has("IfMatchInitiatedTime")) co_return NotServedHere("IfMatchInitiatedTime");
  const Upload* upload = FindUpload(*bucket, input);
  if (upload == nullptr) co_return NoSuchUpload();
  const std::string id = upload->id;
  const Problem problem = co_await DropUpload(bucket, id);
  if (problem) co_return *problem;
  co_return Value::Struct();
}

Answer S3::ListParts(Bucket& bucket, const Value& input) {
  const Upload* upload = FindUpload(bucket, input);
  if (upload == nullptr) return NoSuchUpload();
  return ListUploadParts(bucket, *upload, input, Owner());
}

Answer S3::ListMultipartUploads(Bucket& bucket, const Value& input) {
  return ListUploads(bucket, input, Owner());
}

}  // namespace leeward::lab::s3
