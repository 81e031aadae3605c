#include "lab/services/s3_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/bytes.h"
#include "lab/core/remove_tree.h"
#include "os/files.h"

namespace leeward::lab::s3 {
namespace {

namespace fs = std::filesystem;
using shapes::Value;

constexpr std::uint64_t kMaxRecord = 64 << 10;
constexpr std::uint64_t kMaxBucketRecord = 4 << 20;
constexpr std::uint64_t kMaxNames = 64 << 20;
constexpr std::uint64_t kMaxPieces = 1 << 30;
constexpr std::size_t kShard = 2;  // letters of the hash that name a folder
constexpr std::string_view kRecord = ".json";
constexpr std::string_view kBytes = ".data";

fs::path With(fs::path path, std::string_view ending) { return path += ending; }

base::Error FileError(std::string_view what, const fs::path& path) {
  return base::ServiceBroken(fmt::format("cannot {} {}: {}", what, path.native(), strerror(errno)));
}

base::Status SyncFolder(const fs::path& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return FileError("open", folder);
  const bool done = fsync(file) == 0;
  close(file);
  if (!done) return FileError("sync", folder);
  return base::Ok();
}

// A folder whose name is as durable as what is put into it.
base::Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  if (!fs::create_directory(folder, error)) {
    if (error) return base::ServiceBroken(folder.native() + ": " + error.message());
    return base::Ok();
  }
  return SyncFolder(folder.parent_path());
}

base::Result<Value> ReadValue(const fs::path& path, std::uint64_t limit) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const std::string text, files.Read(path, limit));
  auto value = shapes::FromJson(text);
  if (!value.ok()) return std::move(value).error().Context(path.native());
  return value;
}

base::Status WriteValue(const fs::path& path, const Value& value) {
  os::SystemFiles files;
  return files.WriteAtomically(path, shapes::ToJson(value));
}

// All but the newest of what has no version of its own: the older ones were replaced.
void DropReplaced(Bucket& bucket, const std::string& key, std::vector<std::uint64_t>* numbers) {
  bool seen = false;
  for (const Version& version : bucket.keys.at(key)) {
    if (version.id == kNullVersion && std::exchange(seen, true)) numbers->push_back(version.number);
  }
  for (const std::uint64_t number : *numbers) bucket.Remove(key, number);
}

}  // namespace

fs::path Store::BucketPath(const std::string& name) const { return directory_ / "buckets" / name; }

fs::path Store::FileOf(const Place& place, std::uint64_t number) const {
  const std::string hash = base::Sha256Hex(place.key);
  return BucketPath(place.bucket) / "objects" / hash.substr(0, kShard) /
         fmt::format("{}.{:016x}", hash, number);
}

fs::path Store::PiecesOf(const std::string& upload) const {
  return directory_ / "incoming" / base::Sha256Hex(upload);
}

base::Status Store::MakeBucket(const Value& saved) const {
  const fs::path folder = BucketPath(std::string(saved.String("Name")));
  RETURN_IF_ERROR(MakeFolder(directory_ / "buckets"));
  RETURN_IF_ERROR(MakeFolder(folder));
  RETURN_IF_ERROR(MakeFolder(folder / "objects"));
  return SaveBucket(saved);
}

base::Status Store::SaveBucket(const Value& saved) const {
  return WriteValue(BucketPath(std::string(saved.String("Name"))) / "bucket.json", saved);
}

// Without its own record it is no bucket, whatever else is still there.
base::Status Store::RemoveBucket(const std::string& name) const {
  const fs::path folder = BucketPath(name);
  if (unlink((folder / "bucket.json").c_str()) != 0) return FileError("remove", folder);
  RETURN_IF_ERROR(SyncFolder(folder));
  return RemoveTree(folder);
}

base::Status Store::Put(const Place& place, const Version& version, std::string_view bytes) const {
  const fs::path file = FileOf(place, version.number);
  RETURN_IF_ERROR(MakeFolder(file.parent_path()));
  os::SystemFiles files;
  if (!version.is_marker) RETURN_IF_ERROR(files.WriteAtomically(With(file, kBytes), bytes));
  return PutRecord(place, version);
}

base::Status Store::PutRecord(const Place& place, const Version& version) const {
  Value record = Save(version);
  record.Set("Key", place.key);
  return WriteValue(With(FileOf(place, version.number), kRecord), record);
}

base::Status Store::Drop(const Place& place, std::uint64_t number) const {
  const fs::path file = FileOf(place, number);
  const fs::path record = With(file, kRecord);
  if (unlink(record.c_str()) != 0 && errno != ENOENT) return FileError("remove", record);
  RETURN_IF_ERROR(SyncFolder(file.parent_path()));
  unlink(With(file, kBytes).c_str());
  return base::Ok();
}

base::Result<std::string> Store::Read(const Place& place, const Version& version,
                                      std::int64_t offset, std::int64_t count) const {
  const fs::path path = With(FileOf(place, version.number), kBytes);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return base::NotFound(path.native());
  if (file < 0) return FileError("open", path);
  std::string bytes(static_cast<std::size_t>(count), '\0');
  std::size_t done = 0;
  ssize_t got = 1;
  while (done < bytes.size() && got > 0) {
    got = pread(file, bytes.data() + done, bytes.size() - done,
                static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  close(file);
  if (done < bytes.size()) return FileError("read", path);
  return bytes;
}

base::Status Store::SaveNames(const Value& names) const {
  return WriteValue(directory_ / "names.json", names);
}

base::Result<Value> Store::LoadNames() const {
  auto names = ReadValue(directory_ / "names.json", kMaxNames);
  if (!names.ok() && names.error().code() == base::ErrorCode::kNotFound) return Value::Struct();
  return names;
}

base::Status Store::AddPiece(const std::string& upload, std::int64_t offset,
                             std::string_view bytes) const {
  const fs::path path = PiecesOf(upload);
  RETURN_IF_ERROR(MakeFolder(path.parent_path()));
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (offset == 0 ? O_TRUNC : 0);
  const int file = open(path.c_str(), flags, 0600);
  if (file < 0) return FileError("open", path);
  struct stat status {};
  const bool fits = fstat(file, &status) == 0 && status.st_size == offset;
  const auto size = static_cast<ssize_t>(bytes.size());
  const bool done = fits && pwrite(file, bytes.data(), bytes.size(), offset) == size;
  close(file);
  if (!fits) return base::WrongState(upload + ": the piece is out of turn");
  if (!done) return FileError("write", path);
  return base::Ok();
}

base::Result<std::string> Store::TakePieces(const std::string& upload, std::int64_t offset,
                                            std::string_view last) const {
  if (offset == 0) return std::string(last);
  os::SystemFiles files;
  const fs::path path = PiecesOf(upload);
  auto bytes = files.Read(path, kMaxPieces);
  if (!bytes.ok() || static_cast<std::int64_t>(bytes->size()) != offset)
    return base::WrongState(upload + ": a piece is missing");
  unlink(path.c_str());
  return *std::move(bytes) + std::string(last);
}

base::Result<BucketPtr> Store::LoadOne(const fs::path& folder) const {
  ASSIGN_OR_RETURN(const Value saved, ReadValue(folder / "bucket.json", kMaxBucketRecord));
  BucketPtr bucket = LoadBucket(saved);
  std::set<std::string> known;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "objects")) {
    if (entry.path().extension() != kRecord) continue;
    ASSIGN_OR_RETURN(const Value record, ReadValue(entry.path(), kMaxRecord));
    Version version = LoadVersion(record);
    bucket->next = std::max(bucket->next, version.number + 1);
    known.insert(entry.path().stem().native());
    bucket->Add(record.String("Key"), std::move(version));
  }
  std::vector<std::string> keys;
  for (const auto& [key, versions] : bucket->keys) keys.push_back(key);
  for (const std::string& key : keys) {
    std::vector<std::uint64_t> replaced;
    DropReplaced(*bucket, key, &replaced);
    for (const std::uint64_t number : replaced) {
      RETURN_IF_ERROR(Drop({bucket->name, key}, number));
    }
  }
  std::vector<fs::path> left;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "objects")) {
    const bool wanted = entry.is_directory() || (entry.path().extension() == kRecord) ||
                        known.contains(entry.path().stem().native());
    if (!wanted) left.push_back(entry.path());
  }
  for (const fs::path& path : left) unlink(path.c_str());
  RETURN_IF_ERROR(LoadUploads(folder, bucket.get()));
  return bucket;
}

base::Result<std::vector<BucketPtr>> Store::Load() const {
  std::vector<BucketPtr> buckets;
  std::error_code error;
  fs::remove_all(directory_ / "incoming", error);
  if (!fs::exists(directory_ / "buckets")) return buckets;
  for (const auto& entry : fs::directory_iterator(directory_ / "buckets")) {
    if (!fs::exists(entry.path() / "bucket.json")) {
      RETURN_IF_ERROR(RemoveTree(entry.path()));
      continue;
    }
    ASSIGN_OR_RETURN(BucketPtr bucket, LoadOne(entry.path()));
    buckets.push_back(std::move(bucket));
  }
  return buckets;
}

}  // namespace leeward::lab::s3
