#include "lab/services/ebs_blocks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include "base/bytes.h"

namespace leeward::lab::ebs {
namespace {

namespace fs = std::filesystem;

// Readings of a set of files, the later ones quick since most blocks are there.
constexpr int kReadings = 3;
// Writes until a file system's clock must have moved on.
constexpr int kProbes = 100'000;

class File {
 public:
  File(const fs::path& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

base::Error Failed(std::string_view what, const fs::path& path) {
  const int reason = errno;
  const std::string text =
      fmt::format("cannot {} {}: {}", what, path.native(), std::generic_category().message(reason));
  if (reason == ENOENT) return base::NotFound(text);
  return base::Exhausted(text);
}

// What changes when anybody writes.
struct BlockStamp {
  std::int64_t modified = 0;
  std::int64_t changed = 0;
  std::int64_t bytes = 0;
  friend bool operator==(const BlockStamp&, const BlockStamp&) = default;
};
std::int64_t Nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

base::Result<BlockStamp> StampOf(const fs::path& path) {
  struct stat seen {};
  if (stat(path.c_str(), &seen) != 0) return Failed("look at", path);
  return BlockStamp{Nanoseconds(seen.st_mtim), Nanoseconds(seen.st_ctim), seen.st_size};
}

base::Result<std::vector<BlockStamp>> StampsOf(const std::vector<fs::path>& files) {
  std::vector<BlockStamp> stamps;
  for (const fs::path& file : files) {
    ASSIGN_OR_RETURN(const BlockStamp stamp, StampOf(file));
    stamps.push_back(stamp);
  }
  return stamps;
}

// A file system's clock is coarse: a write in the tick of the last one leaves no trace. So nothing
// is read before what is written now gets another time.
base::Status AwaitNextTick(const fs::path& directory, const std::vector<BlockStamp>& stamps) {
  std::int64_t newest = 0;
  for (const BlockStamp& stamp : stamps) newest = std::max(newest, stamp.modified);
  std::ostringstream name;
  name << "tick-" << std::this_thread::get_id();
  const fs::path probe = directory / name.str();
  for (int i = 0; i < kProbes; ++i) {
    {
      const File file(probe, O_WRONLY | O_CREAT | O_TRUNC);
      if (file.fd() < 0 || write(file.fd(), "x", 1) != 1) return Failed("write", probe);
    }
    ASSIGN_OR_RETURN(const BlockStamp now, StampOf(probe));
    std::error_code ignored;
    fs::remove(probe, ignored);
    if (now.modified > newest) return base::Ok();
  }
  return base::WrongState("was last written in the future, by its file system's clock");
}

bool AllZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

// Up to a block; shorter at the end of the file.
base::Result<std::string> ReadAt(int fd, std::int64_t offset) {
  std::string bytes(static_cast<std::size_t>(kBlockBytes), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = pread(fd, bytes.data() + have, bytes.size() - have,
                              offset + static_cast<std::int64_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", "a block");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  return bytes;  // what is beyond the end reads as zeroes, as on a device
}

base::Status WriteAt(int fd, std::string_view bytes, std::int64_t offset, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Failed("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += put;
  }
  return base::Ok();
}

}  // namespace

fs::path BlockStore::BlockPath(const std::string& digest) const {
  return directory_ / "blocks" / digest.substr(0, 2) / digest;
}
fs::path BlockStore::MapPath(const std::string& snapshot) const {
  return directory_ / "snapshots" / snapshot;
}

base::Status BlockStore::Open(const std::vector<std::string>& snapshots, Orphans orphans) {
  const std::scoped_lock lock(mutex_);
  std::error_code error;
  fs::create_directories(directory_ / "blocks", error);
  fs::create_directories(directory_ / "snapshots", error);
  if (error) return base::Exhausted(directory_.native() + ": " + error.message());
  holds_.clear();
  const std::set<std::string> known(snapshots.begin(), snapshots.end());
  for (const auto& entry : fs::directory_iterator(directory_ / "snapshots", error)) {
    const std::string name = entry.path().filename();
    if (!known.contains(name)) {
      fs::remove(entry.path(), error);
      continue;
    }
    ASSIGN_OR_RETURN(const BlockMap map, MapOf(name));
    for (const auto& [index, digest] : map) ++holds_[digest];
  }
  if (orphans == Orphans::kDropped) DropOrphans();
  return base::Ok();
}

void BlockStore::DropOrphans() {
  std::vector<fs::path> nobodys;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "blocks", ignored)) {
    if (entry.is_regular_file(ignored) && !holds_.contains(entry.path().filename()))
      nobodys.push_back(entry.path());
  }
  for (const fs::path& path : nobodys) fs::remove(path, ignored);
}

base::Result<std::vector<BlockMap>> BlockStore::Take(const std::vector<fs::path>& files) {
  std::vector<BlockMap> taken;
  const auto release = [&] {
    for (const BlockMap& map : taken) Release(map);
    taken.clear();
  };
  for (int reading = 0; reading < kReadings; ++reading) {
    ASSIGN_OR_RETURN(const std::vector<BlockStamp> before, StampsOf(files));
    RETURN_IF_ERROR(AwaitNextTick(directory_, before));
    // What was taken in vain is held until now, so that its blocks are not written again.
    std::vector<BlockMap> now;
    std::swap(now, taken);
    base::Status read = base::Ok();
    for (const fs::path& file : files) {
      auto map = TakeOne(file);
      if (!map.ok()) read = map.error();
      if (!map.ok()) break;
      taken.push_back(*std::move(map));
    }
    for (const BlockMap& map : now) Release(map);
    auto after = StampsOf(files);
    if (read.ok() && after.ok() && *after == before) return taken;
    if (read.ok() && after.ok()) continue;
    release();
    return read.ok() ? after.error() : read.error();
  }
  release();
  return base::WrongState(
      "is written to while it is read, and what is read then is of no one instant");
}

base::Result<BlockMap> BlockStore::TakeOne(const fs::path& path) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return Failed("open", path);
  BlockMap map;
  base::Status taken = base::Ok();
  std::int64_t at = 0;
  while (taken.ok()) {
    const std::int64_t data = lseek(file.fd(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // nothing but a hole is left
    const std::int64_t end = data < 0 ? -1 : lseek(file.fd(), data, SEEK_HOLE);
    if (end < 0) {
      taken = Failed("find the data of", path);
      break;
    }
    const std::int64_t first = std::max(at, data / kBlockBytes * kBlockBytes);
    at = (end + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    taken = TakeExtent(file.fd(), first, at, &map);
  }
  if (taken.ok()) return map;
  Release(map);
  return taken.error();
}

base::Status BlockStore::TakeExtent(int fd, std::int64_t from, std::int64_t to, BlockMap* map) {
  for (std::int64_t offset = from; offset < to; offset += kBlockBytes) {
    ASSIGN_OR_RETURN(const std::string bytes, ReadAt(fd, offset));
    if (AllZero(bytes)) continue;
    const std::string digest = base::Sha256Hex(bytes);
    RETURN_IF_ERROR(WriteBlock(digest, bytes));
    (*map)[static_cast<std::uint32_t>(offset / kBlockBytes)] = digest;
  }
  return base::Ok();
}

base::Status BlockStore::Put(const std::string& digest, std::string_view bytes) {
  if (base::Sha256Hex(bytes) != digest)
    return base::Corrupt("a block's bytes are not those of its digest " + digest);
  return WriteBlock(digest, bytes);
}

base::Status BlockStore::WriteBlock(const std::string& digest, std::string_view bytes) {
  if (Hold(digest)) return base::Ok();
  const std::scoped_lock lock(mutex_);
  const fs::path path = BlockPath(digest);
  fs::path draft = path;
  draft += ".new";
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  {
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.fd() < 0) return Failed("create", draft);
    RETURN_IF_ERROR(WriteAt(file.fd(), bytes, 0, draft));
  }
  fs::rename(draft, path, error);
  if (error) return base::Exhausted(path.native() + ": " + error.message());
  ++holds_[digest];
  return base::Ok();
}

base::Result<std::string> BlockStore::Read(const std::string& digest) const {
  const fs::path path = BlockPath(digest);
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return Failed("open", path);
  ASSIGN_OR_RETURN(std::string bytes, ReadAt(file.fd(), 0));
  if (base::Sha256Hex(bytes) != digest)
    return base::Corrupt(path.native() + " does not hold what it held");
  return bytes;
}

bool BlockStore::Hold(const std::string& digest) {
  const std::scoped_lock lock(mutex_);
  const auto held = holds_.find(digest);
  std::error_code ignored;
  if (held == holds_.end() && !fs::exists(BlockPath(digest), ignored)) return false;
  ++holds_[digest];
  return true;
}

void BlockStore::Release(const BlockMap& map) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [index, digest] : map) {
    const auto held = holds_.find(digest);
    if (held == holds_.end() || --held->second > 0) continue;
    holds_.erase(held);
    std::error_code ignored;
    fs::remove(BlockPath(digest), ignored);
  }
}

base::Status BlockStore::Restore(const BlockMap& map, const fs::path& to, std::int64_t bytes) {
  const File file(to, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.fd() < 0) return Failed("create", to);
  if (ftruncate(file.fd(), bytes) != 0) return Failed("make room in", to);
  for (const auto& [index, digest] : map) {
    ASSIGN_OR_RETURN(const std::string block, Read(digest));
    RETURN_IF_ERROR(WriteAt(file.fd(), block, std::int64_t{index} * kBlockBytes, to));
  }
  return base::Ok();
}

base::Status BlockStore::Keep(const std::string& snapshot, const BlockMap& map) {
  const fs::path path = MapPath(snapshot);
  fs::path draft = path;
  draft += ".new";
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    for (const auto& [index, digest] : map) file << index << ' ' << digest << '\n';
    file.flush();
    if (!file) return Failed("write", draft);
  }
  std::error_code error;
  fs::rename(draft, path, error);
  return error ? base::Status(base::Exhausted(path.native() + ": " + error.message())) : base::Ok();
}

base::Result<BlockMap> BlockStore::MapOf(const std::string& snapshot) const {
  const fs::path path = MapPath(snapshot);
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::NotFound("there is no map " + path.native());
  BlockMap map;
  std::uint32_t index = 0;
  std::string digest;
  while (file >> index >> digest) map[index] = digest;
  if (!file.eof()) return base::Corrupt(path.native() + " cannot be read");
  return map;
}

void BlockStore::Drop(const std::string& snapshot) {
  const auto map = MapOf(snapshot);
  std::error_code ignored;
  fs::remove(MapPath(snapshot), ignored);
  if (map.ok()) Release(*map);
}

}  // namespace leeward::lab::ebs
