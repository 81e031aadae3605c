// Buckets of the lab's S3, and the versions of objects in them, as values; and how they are written
// down.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "shapes/value.h"

namespace leeward::lab::s3 {

inline constexpr std::string_view kNullVersion = "null";

// How far the copy of a version in another bucket is.
enum class CopyState : std::uint8_t { kPending, kCompleted, kFailed };
struct Copy {
  std::string rule;
  std::string bucket;
  std::string region;
  CopyState state = CopyState::kPending;
};

struct Version {
  std::string id;
  // Nanoseconds since 1970. Orders the versions of a key, in the bucket of a replica too.
  std::int64_t time = 0;
  std::uint64_t number = 0;  // names its files in the bucket
  bool is_marker = false;
  bool is_replica = false;
  std::string etag;  // hex
  std::int64_t size = 0;
  shapes::Value headers = shapes::Value::Struct();   // ContentType, CacheControl, ...
  shapes::Value metadata = shapes::Value::Struct();  // the user's
  std::string checksum_algorithm;                    // "CRC32"
  bool composite = false;                            // the checksum is one of parts' checksums
  std::string checksum;
  std::uint32_t crc = 0;  // CRC-32C of all bytes, for the lab itself
  std::vector<Copy> copies;
};

base::WallTime TimeOf(const Version& version);
// "PENDING", "COMPLETED", "FAILED", "REPLICA"; empty: not replicated.
std::string_view ReplicationStatus(const Version& version);

// One rule of a replication configuration, as it is applied.
struct Rule {
  std::string id;
  std::int64_t priority = 0;
  std::string prefix;
  bool enabled = false;
  bool delete_markers = false;
  bool metrics = false;
  std::string bucket;  // the destination
  std::string region;  // where that was when the rule was made
};

struct UploadedPart {
  int number = 0;
  std::uint64_t file = 0;  // with the number, names its file
  std::string etag;        // hex
  std::int64_t size = 0;
  std::string checksum;
  base::WallTime time{};
};

// An object that is uploaded in parts, until it is completed or aborted.
struct Upload {
  std::string id;
  std::string key;
  base::WallTime created{};
  shapes::Value headers = shapes::Value::Struct();
  shapes::Value metadata = shapes::Value::Struct();
  std::string algorithm;
  bool chosen = false;  // the algorithm: parts may state no other
  bool composite = false;
  std::map<int, UploadedPart> parts;
  bool ending = false;  // being completed
};

enum class Versioning : std::uint8_t { kNever, kEnabled, kSuspended };

struct Bucket {
  using Versions = std::vector<Version>;  // newest first, and never empty

  std::string name;
  base::WallTime created{};
  Versioning versioning = Versioning::kNever;
  shapes::Value replication;  // as it was put, with the ids of its rules
  std::vector<Rule> rules;
  std::string policy;  // as it was put; empty: none
  std::map<std::string, Versions, std::less<>> keys;
  std::map<std::string, Upload, std::less<>> uploads;  // by id
  std::uint64_t next = 1;                              // number
  int writing = 0;                                     // writes that are under way
  bool gone = false;                                   // deleted while somebody still has it

  const Version* Newest(std::string_view key) const;
  const Version* Find(std::string_view key, std::string_view id) const;
  // In its place by time.
  void Add(std::string_view key, Version version);
  void Remove(std::string_view key, std::uint64_t number);
};
using BucketPtr = std::shared_ptr<Bucket>;

shapes::Value Save(const Version& version);
Version LoadVersion(const shapes::Value& saved);
shapes::Value Save(const Bucket& bucket);  // without its keys
shapes::Value Save(const Upload& upload);  // without its parts
Upload LoadUpload(const shapes::Value& saved);
shapes::Value Save(const UploadedPart& part);
UploadedPart LoadPart(const shapes::Value& saved);
BucketPtr LoadBucket(const shapes::Value& saved);

}  // namespace leeward::lab::s3
