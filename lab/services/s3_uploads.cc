#include "lab/services/s3_uploads.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "lab/services/s3_checks.h"
#include "lab/services/s3_checksums.h"
#include "lab/wire/checksum.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::int64_t kMostListed = 1000;

ApiError InvalidPart() {
  return S3Invalid("InvalidPart",
                   "One or more of the specified parts could not be found. The part may not have "
                   "been uploaded, or the specified entity tag may not match the part's entity "
                   "tag.");
}

bool IsNamed(const UploadedPart& part, const Upload& upload, const Value& named) {
  if (!MatchesETag(named.String("ETag"), part.etag) || named.String("ETag") == "*") return false;
  const std::string_view checksum = StatedChecksum(named, upload.algorithm);
  return checksum.empty() || checksum == part.checksum;
}

void DescribeType(const Upload& upload, Value* answer) {
  answer->Set("ChecksumAlgorithm", upload.algorithm);
  answer->Set("ChecksumType", upload.composite ? "COMPOSITE" : "FULL_OBJECT");
}

}  // namespace

ApiError NoSuchUpload() {
  return {"NoSuchUpload",
          "The specified upload does not exist. The upload ID may be invalid, or the upload may "
          "have been aborted or completed.",
          404,
          {}};
}

std::variant<std::vector<UploadedPart>, ApiError> PartsNamed(const Upload& upload,
                                                             const Value& input,
                                                             std::int64_t smallest) {
  const Value::List& named = input.Sub("MultipartUpload").Items("Parts");
  if (named.empty()) {
    return S3Invalid("MalformedXML",
                     "The XML you provided was not well-formed or did not validate against our "
                     "published schema");
  }
  std::vector<UploadedPart> parts;
  for (const Value& each : named) {
    const auto number = static_cast<int>(each.Int("PartNumber"));
    if (!parts.empty() && number <= parts.back().number) {
      return S3Invalid("InvalidPartOrder",
                       "The list of parts was not in ascending order. Parts must be ordered by "
                       "part number.");
    }
    const auto found = upload.parts.find(number);
    if (found == upload.parts.end() || !IsNamed(found->second, upload, each)) return InvalidPart();
    parts.push_back(found->second);
  }
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i].size < smallest) {
      return S3Invalid("EntityTooSmall",
                       "Your proposed upload is smaller than the minimum allowed size");
    }
  }
  return parts;
}

void ReckonOfParts(const Upload& upload, const std::vector<UploadedPart>& parts, Version* version) {
  std::string digests;
  std::string checksums;
  for (const UploadedPart& part : parts) {
    digests += base::HexDecode(part.etag).value();
    const auto checksum = base::Base64Decode(part.checksum);
    if (checksum.ok()) checksums += *checksum;
  }
  version->etag = fmt::format("{}-{}", base::HexEncode(wire::Md5(digests)), parts.size());
  version->checksum_algorithm = upload.algorithm;
  if (!upload.composite) return;
  version->composite = true;
  version->checksum =
      fmt::format("{}-{}", wire::Checksum(upload.algorithm, checksums).value_or(""), parts.size());
}

Answer ListUploads(const Bucket& bucket, const Value& input, const Value& owner) {
  if (input.Has("Delimiter")) return NotServedHere("uploads rolled up by a delimiter");
  std::vector<const Upload*> sorted;
  for (const auto& [id, upload] : bucket.uploads) {
    const bool behind = std::pair(std::string_view(upload.key), std::string_view(id)) >
                        std::pair(input.String("KeyMarker"), input.String("UploadIdMarker"));
    const bool next_key = !input.Has("UploadIdMarker") && upload.key == input.String("KeyMarker");
    if (behind && !next_key && upload.key.starts_with(input.String("Prefix")))
      sorted.push_back(&upload);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Upload* a, const Upload* b) {
    return std::pair(a->key, a->id) < std::pair(b->key, b->id);
  });
  const bool url = input.String("EncodingType") == "url";
  const std::int64_t limit =
      std::clamp<std::int64_t>(input.Int("MaxUploads", kMostListed), 0, kMostListed);
  const auto count = std::min(sorted.size(), static_cast<std::size_t>(limit));
  Value::List uploads;
  for (std::size_t i = 0; i < count; ++i) {
    Value entry =
        Value::Struct({{"UploadId", sorted[i]->id},
                       {"Key", url ? base::PercentEncode(sorted[i]->key, "/") : sorted[i]->key},
                       {"Initiated", sorted[i]->created},
                       {"StorageClass", "STANDARD"},
                       {"Owner", owner},
                       {"Initiator", owner}});
    DescribeType(*sorted[i], &entry);
    uploads.push_back(std::move(entry));
  }
  Value answer = Value::Struct({{"Bucket", bucket.name},
                                {"Prefix", input.String("Prefix")},
                                {"KeyMarker", input.String("KeyMarker")},
                                {"UploadIdMarker", input.String("UploadIdMarker")},
                                {"MaxUploads", limit},
                                {"IsTruncated", count < sorted.size() && count > 0}});
  if (url) answer.Set("EncodingType", "url");
  if (count < sorted.size() && count > 0) {
    answer.Set("NextKeyMarker", uploads.back().String("Key"));
    answer.Set("NextUploadIdMarker", uploads.back().String("UploadId"));
  }
  answer.Set("Uploads", Value(std::move(uploads)));
  return answer;
}

Answer ListUploadParts(const Bucket& bucket, const Upload& upload, const Value& input,
                       const Value& owner) {
  const std::int64_t limit =
      std::clamp<std::int64_t>(input.Int("MaxParts", kMostListed), 0, kMostListed);
  int marker = 0;
  for (const char c : input.String("PartNumberMarker")) {
    if (c < '0' || c > '9' || marker > 10'000)
      return S3Invalid("InvalidArgument", "Provided part-number-marker not an integer");
    marker = marker * 10 + (c - '0');
  }
  Value::List parts;
  bool more = false;
  int last = 0;
  for (auto each = upload.parts.upper_bound(marker); each != upload.parts.end(); ++each) {
    more = static_cast<std::int64_t>(parts.size()) >= limit;
    if (more) break;
    const UploadedPart& part = each->second;
    Value entry = Value::Struct({{"PartNumber", part.number},
                                 {"LastModified", part.time},
                                 {"ETag", fmt::format("\"{}\"", part.etag)},
                                 {"Size", part.size}});
    ShowChecksumOf(upload.algorithm, part.checksum, &entry);
    parts.push_back(std::move(entry));
    last = part.number;
  }
  Value answer = Value::Struct({{"Bucket", bucket.name},
                                {"Key", upload.key},
                                {"UploadId", upload.id},
                                {"PartNumberMarker", std::to_string(marker)},
                                {"MaxParts", limit},
                                {"IsTruncated", more},
                                {"StorageClass", "STANDARD"},
                                {"Owner", owner},
                                {"Initiator", owner}});
  DescribeType(upload, &answer);
  if (more) answer.Set("NextPartNumberMarker", std::to_string(last));
  answer.Set("Parts", Value(std::move(parts)));
  return answer;
}

}  // namespace leeward::lab::s3
