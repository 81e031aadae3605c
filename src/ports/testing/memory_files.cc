#include "ports/testing/memory_files.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace leeward::ports::testing {

class MemoryAppendFile : public AppendFile {
 public:
  MemoryAppendFile(MemoryFiles* files, std::string path)
      : files_(files), path_(std::move(path)), boot_(files->boot_) {}
  ~MemoryAppendFile() override {
    if (boot_ == files_->boot_) files_->locked_.erase(path_);
  }

  base::Status Append(std::string_view bytes) override {
    if (Gone()) return PowerLost();
    const std::uint64_t fits = files_->TakeSpace(bytes.size());
    files_->files_[path_].bytes += bytes.substr(0, fits);
    if (fits < bytes.size()) return base::Exhausted(path_ + ": no space left on device");
    return base::Ok();
  }
  base::Status Sync() override {
    if (Gone()) return PowerLost();
    ++files_->syncs_;
    if (files_->failing_syncs_ > 0) {
      --files_->failing_syncs_;
      return base::Exhausted(path_ + ": input/output error while syncing");
    }
    if (files_->lying_) return base::Ok();
    MemoryFiles::File& file = files_->files_[path_];
    // What is durable is the front of the file, unless the file was cut since: only the rest is
    // new.
    if (file.cut) file.durable.clear();
    file.cut = false;
    file.durable.append(file.bytes, file.durable.size());
    return base::Ok();
  }
  base::Result<std::uint64_t> Size() const override {
    if (Gone()) return PowerLost();
    return std::uint64_t{files_->files_[path_].bytes.size()};
  }
  base::Status Truncate(std::uint64_t size) override {
    if (Gone()) return PowerLost();
    if (files_->failing_truncates_ > 0) {
      --files_->failing_truncates_;
      return base::Exhausted(path_ + ": cannot truncate");
    }
    std::string& bytes = files_->files_[path_].bytes;
    CHECK(size <= bytes.size());
    if (files_->space_) *files_->space_ += bytes.size() - size;
    bytes.resize(size);
    files_->files_[path_].cut = true;
    return base::Ok();
  }

 private:
  bool Gone() const { return boot_ != files_->boot_; }
  base::Error PowerLost() const { return base::Unreachable(path_ + ": the power was lost"); }

  MemoryFiles* files_;
  std::string path_;
  std::uint64_t boot_;
};

std::uint64_t MemoryFiles::TakeSpace(std::uint64_t wanted) {
  if (!space_) return wanted;
  const std::uint64_t fits = std::min(wanted, *space_);
  *space_ -= fits;
  return fits;
}

base::Result<std::string> MemoryFiles::Read(const std::string& path, std::uint64_t max_bytes) {
  if (directories_.contains(path)) return base::Invalid(path + " is a directory");
  const auto found = files_.find(path);
  if (found == files_.end()) return base::NotFound(path + " does not exist");
  if (found->second.bytes.size() > max_bytes) return base::Exhausted(path + " is too large");
  return found->second.bytes;
}

base::Status MemoryFiles::WriteAtomically(const std::string& path, std::string_view bytes) {
  if (TakeSpace(bytes.size()) < bytes.size())
    return base::Exhausted(path + ": no space left on device");
  files_[path] = {std::string(bytes), std::string(bytes), false};
  return base::Ok();
}

base::Result<std::unique_ptr<AppendFile>> MemoryFiles::OpenAppend(const std::string& path) {
  if (!locked_.insert(path).second) return base::WrongState(path + " is in use by another process");
  files_[path];
  return std::unique_ptr<AppendFile>(std::make_unique<MemoryAppendFile>(this, path));
}

base::Status MemoryFiles::MakeDirectories(const std::string& path) {
  directories_.insert(path);
  return base::Ok();
}

base::Status MemoryFiles::Remove(const std::string& path) {
  if (files_.erase(path) == 0) return base::NotFound(path + " does not exist");
  return base::Ok();
}

base::Result<bool> MemoryFiles::Exists(const std::string& path) {
  return files_.contains(path) || directories_.contains(path);
}

base::Result<std::vector<std::string>> MemoryFiles::List(const std::string& directory) {
  const std::string prefix = directory + "/";
  std::vector<std::string> names;
  for (const auto& [path, file] : files_) {
    if (path.starts_with(prefix)) names.push_back(path.substr(prefix.size()));
  }
  return names;
}

void MemoryFiles::LosePower(std::uint64_t kept) {
  ++boot_;
  locked_.clear();
  for (auto& [path, file] : files_) {
    std::string survived = file.durable;
    if (file.bytes.starts_with(file.durable))
      survived += file.bytes.substr(file.durable.size(), kept);
    file.bytes = file.durable = std::move(survived);
    file.cut = false;
  }
}

std::uint64_t MemoryFiles::DurableBytes(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? 0 : found->second.durable.size();
}

std::string& MemoryFiles::Bytes(const std::string& path) {
  const auto found = files_.find(path);
  CHECK_MSG(found != files_.end(), path.c_str());
  return found->second.bytes;
}

void MemoryFiles::Put(const std::string& path, std::string bytes) {
  files_[path] = {bytes, std::move(bytes), false};
}

}  // namespace leeward::ports::testing
