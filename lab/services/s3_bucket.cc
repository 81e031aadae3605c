#include "lab/services/s3_bucket.h"

#include <algorithm>
#include <utility>

namespace leeward::lab::s3 {
namespace {

using shapes::Value;

bool IsNewer(const Version& a, const Version& b) {
  return a.time != b.time ? a.time > b.time : a.id > b.id;
}

Value SaveCopies(const std::vector<Copy>& copies) {
  Value::List list;
  for (const Copy& copy : copies) {
    list.push_back(Value::Struct({{"Rule", copy.rule},
                                  {"Bucket", copy.bucket},
                                  {"Region", copy.region},
                                  {"State", static_cast<int>(copy.state)}}));
  }
  return Value(std::move(list));
}

std::vector<Copy> LoadCopies(const Value::List& saved) {
  std::vector<Copy> copies;
  for (const Value& each : saved) {
    copies.push_back({std::string(each.String("Rule")), std::string(each.String("Bucket")),
                      std::string(each.String("Region")),
                      static_cast<CopyState>(each.Int("State"))});
  }
  return copies;
}

Value SaveRule(const Rule& rule) {
  return Value::Struct({{"Id", rule.id},
                        {"Priority", rule.priority},
                        {"Prefix", rule.prefix},
                        {"Enabled", rule.enabled},
                        {"DeleteMarkers", rule.delete_markers},
                        {"Metrics", rule.metrics},
                        {"Bucket", rule.bucket},
                        {"Region", rule.region}});
}

Rule LoadRule(const Value& saved) {
  return {std::string(saved.String("Id")),     saved.Int("Priority"),
          std::string(saved.String("Prefix")), saved.Flag("Enabled", false),
          saved.Flag("DeleteMarkers", false),  saved.Flag("Metrics", false),
          std::string(saved.String("Bucket")), std::string(saved.String("Region"))};
}

base::WallTime TimeIn(const Value& saved, std::string_view member) {
  const Value* time = saved.Find(member);
  return time != nullptr && time->is_time() ? time->time() : base::WallTime{};
}

Value StructOr(const Value& value) { return value.is_members() ? value : Value::Struct(); }

}  // namespace

base::WallTime TimeOf(const Version& version) {
  return base::WallTime{base::Duration(version.time)};
}

std::string_view ReplicationStatus(const Version& version) {
  if (version.is_replica) return "REPLICA";
  if (version.copies.empty()) return "";
  const auto has = [&](CopyState state) {
    return std::any_of(version.copies.begin(), version.copies.end(),
                       [state](const Copy& copy) { return copy.state == state; });
  };
  if (has(CopyState::kFailed)) return "FAILED";
  return has(CopyState::kPending) ? "PENDING" : "COMPLETED";
}

const Version* Bucket::Newest(std::string_view key) const {
  const auto found = keys.find(key);
  return found == keys.end() ? nullptr : &found->second.front();
}

const Version* Bucket::Find(std::string_view key, std::string_view id) const {
  const auto found = keys.find(key);
  if (found == keys.end()) return nullptr;
  for (const Version& version : found->second) {
    if (version.id == id) return &version;
  }
  return nullptr;
}

void Bucket::Add(std::string_view key, Version version) {
  Versions& versions = keys[std::string(key)];
  const auto place = std::find_if(versions.begin(), versions.end(),
                                  [&](const Version& each) { return IsNewer(version, each); });
  versions.insert(place, std::move(version));
}

void Bucket::Remove(std::string_view key, std::uint64_t number) {
  const auto found = keys.find(key);
  if (found == keys.end()) return;
  std::erase_if(found->second, [number](const Version& each) { return each.number == number; });
  if (found->second.empty()) keys.erase(found);
}

Value Save(const Version& version) {
  return Value::Struct({{"Id", version.id},
                        {"Time", version.time},
                        {"Number", static_cast<std::int64_t>(version.number)},
                        {"Marker", version.is_marker},
                        {"Replica", version.is_replica},
                        {"ETag", version.etag},
                        {"Size", version.size},
                        {"Headers", version.headers},
                        {"Metadata", version.metadata},
                        {"ChecksumAlgorithm", version.checksum_algorithm},
                        {"Checksum", version.checksum},
                        {"Composite", version.composite},
                        {"Crc", std::int64_t{version.crc}},
                        {"Copies", SaveCopies(version.copies)}});
}

Version LoadVersion(const Value& saved) {
  Version version;
  version.id = saved.String("Id");
  version.time = saved.Int("Time");
  version.number = static_cast<std::uint64_t>(saved.Int("Number"));
  version.is_marker = saved.Flag("Marker", false);
  version.is_replica = saved.Flag("Replica", false);
  version.etag = saved.String("ETag");
  version.size = saved.Int("Size");
  version.headers = StructOr(saved.Sub("Headers"));
  version.metadata = StructOr(saved.Sub("Metadata"));
  version.checksum_algorithm = saved.String("ChecksumAlgorithm");
  version.checksum = saved.String("Checksum");
  version.composite = saved.Flag("Composite", false);
  version.crc = static_cast<std::uint32_t>(saved.Int("Crc"));
  version.copies = LoadCopies(saved.Items("Copies"));
  return version;
}

Value Save(const Bucket& bucket) {
  Value::List rules;
  for (const Rule& rule : bucket.rules) rules.push_back(SaveRule(rule));
  return Value::Struct({{"Name", bucket.name},
                        {"Created", bucket.created},
                        {"Versioning", static_cast<int>(bucket.versioning)},
                        {"Replication", bucket.replication},
                        {"Policy", bucket.policy},
                        {"Rules", Value(std::move(rules))}});
}

Value Save(const Upload& upload) {
  return Value::Struct({{"Id", upload.id},
                        {"Key", upload.key},
                        {"Created", upload.created},
                        {"Headers", upload.headers},
                        {"Metadata", upload.metadata},
                        {"Algorithm", upload.algorithm},
                        {"Chosen", upload.chosen},
                        {"Composite", upload.composite}});
}

Upload LoadUpload(const Value& saved) {
  Upload upload;
  upload.id = saved.String("Id");
  upload.key = saved.String("Key");
  upload.created = TimeIn(saved, "Created");
  upload.headers = StructOr(saved.Sub("Headers"));
  upload.metadata = StructOr(saved.Sub("Metadata"));
  upload.algorithm = saved.String("Algorithm");
  upload.chosen = saved.Flag("Chosen", false);
  upload.composite = saved.Flag("Composite", false);
  return upload;
}

Value Save(const UploadedPart& part) {
  return Value::Struct({{"Number", part.number},
                        {"File", static_cast<std::int64_t>(part.file)},
                        {"ETag", part.etag},
                        {"Size", part.size},
                        {"Checksum", part.checksum},
                        {"Time", part.time}});
}

UploadedPart LoadPart(const Value& saved) {
  UploadedPart part;
  part.number = static_cast<int>(saved.Int("Number"));
  part.file = static_cast<std::uint64_t>(saved.Int("File"));
  part.etag = saved.String("ETag");
  part.size = saved.Int("Size");
  part.checksum = saved.String("Checksum");
  part.time = TimeIn(saved, "Time");
  return part;
}

BucketPtr LoadBucket(const Value& saved) {
  auto bucket = std::make_shared<Bucket>();
  bucket->name = saved.String("Name");
  bucket->created = TimeIn(saved, "Created");
  bucket->versioning = static_cast<Versioning>(saved.Int("Versioning"));
  bucket->replication = saved.Sub("Replication");
  bucket->policy = saved.String("Policy");
  for (const Value& rule : saved.Items("Rules")) bucket->rules.push_back(LoadRule(rule));
  return bucket;
}

}  // namespace leeward::lab::s3
