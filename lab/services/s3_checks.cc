#include "lab/services/s3_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/bytes.h"
#include "base/split.h"

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

constexpr std::size_t kMaxKey = 1024;       // bytes
constexpr std::size_t kMaxMetadata = 2048;  // bytes, names and values
constexpr std::size_t kMinName = 3;
constexpr std::size_t kMaxName = 63;

// What the lab has no real part behind.
constexpr auto kUnserved = std::to_array<std::string_view>({"BucketKeyEnabled",
                                                            "BucketNamespace",
                                                            "BypassGovernanceRetention",
                                                            "CopySourceSSECustomerAlgorithm",
                                                            "CopySourceSSECustomerKey",
                                                            "CopySourceSSECustomerKeyMD5",
                                                            "IfMatchLastModifiedTime",
                                                            "IfMatchSize",
                                                            "MFA",
                                                            "ObjectLockEnabledForBucket",
                                                            "ObjectLockLegalHoldStatus",
                                                            "ObjectLockMode",
                                                            "ObjectLockRetainUntilDate",
                                                            "SSECustomerAlgorithm",
                                                            "SSECustomerKey",
                                                            "SSECustomerKeyMD5",
                                                            "SSEKMSEncryptionContext",
                                                            "SSEKMSKeyId",
                                                            "ServerSideEncryption",
                                                            "Tagging",
                                                            "Token",
                                                            "WebsiteRedirectLocation",
                                                            "WriteOffsetBytes"});
constexpr auto kGrants = std::to_array<std::string_view>(
    {"GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"});
constexpr auto kKept =
    std::to_array<std::string_view>({"CacheControl", "ContentDisposition", "ContentEncoding",
                                     "ContentLanguage", "ContentType", "Expires"});

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsAddress(std::string_view name) {
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool IsUtf8(std::string_view text) {
  std::size_t left = 0;
  for (const char each : text) {
    const auto c = static_cast<unsigned char>(each);
    if (left > 0) {
      if ((c & 0xC0) != 0x80) return false;
      --left;
    } else if (c >= 0x80) {
      left = c >= 0xF0 && c < 0xF8 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC2 && c < 0xE0 ? 1 : 0;
      if (left == 0) return false;
    }
  }
  return left == 0;
}

std::string Small(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

// To the second, as headers say it.
std::int64_t SecondsOf(base::WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.since_epoch).count();
}

ApiError Precondition(std::string_view condition) {
  return {"PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
          412, Value::Struct({{"Condition", condition}})};
}

ApiError NotModified(const Version& version) {
  return {"NotModified", "Not Modified", 304,
          Value::Struct({{"ETag", QuotedETag(version)},
                         {"Last-Modified", base::FormatHttpDate(TimeOf(version))}})};
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

}  // namespace

ApiError NoSuchBucket(std::string_view bucket) {
  return {"NoSuchBucket", "The specified bucket does not exist", 404,
          Value::Struct({{"BucketName", bucket}})};
}

ApiError NoSuchKey(std::string_view key) {
  return {"NoSuchKey", "The specified key does not exist.", 404, Value::Struct({{"Key", key}})};
}

ApiError NoSuchVersion(std::string_view key, std::string_view id) {
  return {"NoSuchVersion", "The specified version does not exist.", 404,
          Value::Struct({{"Key", key}, {"VersionId", id}})};
}

ApiError S3Invalid(std::string code, std::string message) {
  return {std::move(code), std::move(message), 400, {}};
}

ApiError NotServedHere(std::string_view what) {
  return {"NotImplemented", fmt::format("The lab's S3 does not serve {}", what), 501, {}};
}

ApiError Elsewhere(std::string_view bucket, std::string_view region) {
  return {"PermanentRedirect",
          "The bucket you are attempting to access must be addressed using the specified endpoint. "
          "Please send all future requests to this endpoint.",
          301,
          Value::Struct({{"Endpoint", fmt::format("s3.{}.amazonaws.com", region)},
                         {"Bucket", bucket},
                         {"x-amz-bucket-region", region}})};
}

ApiError CannotTell(std::string_view why) {
  return {"ServiceUnavailable", fmt::format("{}. Please try again.", why), 503, {}};
}

Problem DiskProblem(const base::Status& status) {
  if (status.ok()) return std::nullopt;
  fmt::print(stderr, "s3: {}\n", status.error().message());
  return ApiError{"InternalError", "We encountered an internal error. Please try again.", 500, {}};
}

Problem CheckBucketName(std::string_view name) {
  const bool fits = name.size() >= kMinName && name.size() <= kMaxName;
  const bool good = fits && IsLetter(name.front()) && IsLetter(name.back()) && !IsAddress(name) &&
                    name.find("..") == std::string_view::npos &&
                    std::all_of(name.begin(), name.end(),
                                [](char c) { return IsLetter(c) || c == '-' || c == '.'; });
  if (good) return std::nullopt;
  return ApiError{"InvalidBucketName", "The specified bucket is not valid.", 400,
                  Value::Struct({{"BucketName", name}})};
}

Problem CheckKey(std::string_view key) {
  if (key.size() > kMaxKey) return S3Invalid("KeyTooLongError", "Your key is too long");
  if (!IsUtf8(key)) return S3Invalid("InvalidURI", "Couldn't parse the specified URI.");
  return std::nullopt;
}

Problem CheckWrite(const Value& input) {
  for (const std::string_view member : kUnserved) {
    if (input.Has(member)) return NotServedHere(member);
  }
  const std::string_view acl = input.String("ACL", "private");
  const bool granted = std::any_of(kGrants.begin(), kGrants.end(),
                                   [&](std::string_view each) { return input.Has(each); });
  if (granted || (acl != "private" && acl != "bucket-owner-full-control"))
    return S3Invalid("AccessControlListNotSupported", "The bucket does not allow ACLs");
  const std::string_view storage = input.String("StorageClass", "STANDARD");
  if (storage != "STANDARD") return NotServedHere(fmt::format("the storage class {}", storage));
  if (input.String("ObjectOwnership", "BucketOwnerEnforced") != "BucketOwnerEnforced")
    return NotServedHere("ACLs");
  return std::nullopt;
}

Problem CheckCaller(const Value& input, std::string_view account) {
  for (const char* member : {"ExpectedBucketOwner", "ExpectedSourceBucketOwner"}) {
    if (input.String(member, account) != account)
      return ApiError{"AccessDenied", "Access Denied", 403, {}};
  }
  return std::nullopt;
}

Problem CheckMetadata(const Value& metadata) {
  std::size_t size = 0;
  for (const auto& [name, value] : metadata.members()) {
    size += name.size() + value.str().size();
    if (!IsUtf8(name) || !IsUtf8(value.str()))
      return S3Invalid("InvalidArgument", "Metadata has to be UTF-8");
  }
  if (size <= kMaxMetadata) return std::nullopt;
  return S3Invalid("MetadataTooLarge",
                   "Your metadata headers exceed the maximum allowed metadata size");
}

Value ObjectHeaders(const Value& input) {
  Value headers = Value::Struct();
  for (const std::string_view member : kKept) {
    if (const Value* value = input.Find(member)) headers.Set(member, *value);
  }
  if (!headers.Has("ContentType")) headers.Set("ContentType", "binary/octet-stream");
  return headers;
}

Value UserMetadata(const Value& input) {
  Value metadata = Value::Struct();
  const Value& given = input.Sub("Metadata");
  if (!given.is_members()) return metadata;
  for (const auto& [name, value] : given.members()) metadata.Set(Small(name), value);
  return metadata;
}

std::optional<CopySource> ReadCopySource(std::string_view text) {
  constexpr std::string_view kId = "?versionId=";
  CopySource source;
  const auto mark = text.find(kId);
  if (mark != std::string_view::npos) source.id = text.substr(mark + kId.size());
  const auto decoded = base::PercentDecode(text.substr(0, mark));
  if (!decoded.ok()) return std::nullopt;
  std::string_view path = *decoded;
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto slash = path.find('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) return std::nullopt;
  source.bucket = path.substr(0, slash);
  source.key = path.substr(slash + 1);
  return source;
}

std::string QuotedETag(const Version& version) { return fmt::format("\"{}\"", version.etag); }

bool MatchesETag(std::string_view list, std::string_view etag) {
  for (std::string_view part : base::Split(list, ',')) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (part == "*") return true;
    if (part.starts_with("W/")) part.remove_prefix(2);
    if (part.size() >= 2 && part.starts_with('"') && part.ends_with('"'))
      part = part.substr(1, part.size() - 2);
    if (part == etag) return true;
  }
  return false;
}

Problem CheckConditions(const Value& input, std::string_view prefix, const Version& version) {
  const std::string p(prefix);
  const bool copying = !prefix.empty();
  const auto unchanged = copying ? Precondition(p + "IfNoneMatch") : NotModified(version);
  const std::int64_t modified = SecondsOf(TimeOf(version));
  if (const Value* match = input.Find(p + "IfMatch")) {
    if (!MatchesETag(match->str(), version.etag)) return Precondition("If-Match");
  } else if (const Value* since = input.Find(p + "IfUnmodifiedSince")) {
    if (modified > SecondsOf(since->time())) return Precondition("If-Unmodified-Since");
  }
  if (const Value* none = input.Find(p + "IfNoneMatch")) {
    if (MatchesETag(none->str(), version.etag)) return unchanged;
  } else if (const Value* since = input.Find(p + "IfModifiedSince")) {
    if (modified <= SecondsOf(since->time())) return unchanged;
  }
  return std::nullopt;
}

std::variant<Part, ApiError> ReadRange(std::string_view range, std::int64_t size) {
  const Part whole{0, size, true};
  constexpr std::string_view kUnit = "bytes=";
  if (!range.starts_with(kUnit)) return whole;
  const std::string_view asked = range.substr(kUnit.size());
  const auto dash = asked.find('-');
  if (dash == std::string_view::npos) return whole;
  const auto first = Number(asked.substr(0, dash));
  const auto last = Number(asked.substr(dash + 1));
  const bool open = dash + 1 == asked.size();
  if ((dash > 0 && !first) || (!open && !last) || (dash == 0 && open)) return whole;
  if (first && last && *last < *first) return whole;
  const std::int64_t from = first ? *first : std::max<std::int64_t>(0, size - *last);
  const std::int64_t to = first && last ? std::min(*last, size - 1) : size - 1;
  if (from >= size || (!first && *last == 0)) {
    return ApiError{
        "InvalidRange", "The requested range is not satisfiable", 416,
        Value::Struct({{"RangeRequested", range}, {"ActualObjectSize", std::to_string(size)}})};
  }
  return Part{from, to - from + 1, false};
}

}  // namespace leeward::lab::s3
