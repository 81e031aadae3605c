// The store's side of uploads in parts.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "lab/core/remove_tree.h"
#include "lab/services/s3_store.h"
#include "os/files.h"

namespace leeward::lab::s3 {
namespace {

namespace fs = std::filesystem;
using shapes::Value;

constexpr std::uint64_t kMaxUploadRecord = 64 << 10;
constexpr std::uint64_t kMaxPart = 64 << 20;

fs::path PartFile(const fs::path& folder, const UploadedPart& part) {
  return folder / fmt::format("{}.{}.data", part.number, part.file);
}

base::Status Make(const fs::path& folder) {
  os::SystemFiles files;
  return files.MakeDirectories(folder);
}

base::Result<Value> ReadRecord(const fs::path& path) {
  os::SystemFiles files;
  ASSIGN_OR_RETURN(const std::string text, files.Read(path, kMaxUploadRecord));
  return shapes::FromJson(text);
}

}  // namespace

fs::path Store::UploadPath(const std::string& bucket, const std::string& id) const {
  return BucketPath(bucket) / "uploads" / id;
}

base::Status Store::MakeUpload(const std::string& bucket, const Upload& upload) const {
  const fs::path folder = UploadPath(bucket, upload.id);
  RETURN_IF_ERROR(Make(folder));
  os::SystemFiles files;
  RETURN_IF_ERROR(files.WriteAtomically(folder / "upload.json", shapes::ToJson(Save(upload))));
  // The names of the folders above, as durable as what is in them.
  for (const fs::path& each : {folder.parent_path(), folder.parent_path().parent_path()}) {
    const int file = open(each.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = file >= 0 && fsync(file) == 0;
    if (file >= 0) close(file);
    if (!synced) return base::ServiceBroken("cannot sync " + each.native());
  }
  return base::Ok();
}

base::Status Store::PutPart(const std::string& bucket, const std::string& id,
                            const UploadedPart& part, std::string_view bytes) const {
  const fs::path folder = UploadPath(bucket, id);
  os::SystemFiles files;
  RETURN_IF_ERROR(files.WriteAtomically(PartFile(folder, part), bytes));
  return files.WriteAtomically(folder / fmt::format("{}.json", part.number),
                               shapes::ToJson(Save(part)));
}

void Store::DropPart(const std::string& bucket, const std::string& id,
                     const UploadedPart& part) const {
  unlink(PartFile(UploadPath(bucket, id), part).c_str());
}

base::Result<std::string> Store::ReadParts(const std::string& bucket, const std::string& id,
                                           const std::vector<UploadedPart>& parts) const {
  os::SystemFiles files;
  std::string bytes;
  for (const UploadedPart& part : parts) {
    ASSIGN_OR_RETURN(const std::string more,
                     files.Read(PartFile(UploadPath(bucket, id), part), kMaxPart));
    bytes += more;
  }
  return bytes;
}

base::Status Store::DropUpload(const std::string& bucket, const std::string& id) const {
  const fs::path folder = UploadPath(bucket, id);
  os::SystemFiles files;
  RETURN_IF_ERROR(files.Remove(folder / "upload.json"));
  return RemoveTree(folder);
}

base::Status Store::LoadUploads(const fs::path& folder, Bucket* bucket) const {
  if (!fs::exists(folder / "uploads")) return base::Ok();
  for (const auto& entry : fs::directory_iterator(folder / "uploads")) {
    if (!fs::exists(entry.path() / "upload.json")) {
      RETURN_IF_ERROR(RemoveTree(entry.path()));
      continue;
    }
    ASSIGN_OR_RETURN(const Value saved, ReadRecord(entry.path() / "upload.json"));
    Upload upload = LoadUpload(saved);
    for (const auto& file : fs::directory_iterator(entry.path())) {
      if (file.path().extension() != ".json" || file.path().stem() == "upload") continue;
      ASSIGN_OR_RETURN(const Value record, ReadRecord(file.path()));
      UploadedPart part = LoadPart(record);
      bucket->next = std::max(bucket->next, part.file + 1);
      upload.parts[part.number] = std::move(part);
    }
    std::string id = upload.id;
    bucket->uploads.emplace(std::move(id), std::move(upload));
  }
  return base::Ok();
}

}  // namespace leeward::lab::s3
