// Two trees for a test, and what is in them, told by other calls than the room's own.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>

#include "base/testing/scratch_folder.h"
#include "lab/trees/beneath.h"
#include "lab/trees/replica.h"
#include "os/clock.h"

namespace leeward::lab::trees::testing {

namespace fs = std::filesystem;

inline void Write(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  ASSERT_TRUE(file.good()) << path;
}

inline std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void SetTime(const fs::path& path, std::int64_t seconds, long nanoseconds) {
  const timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
}

// Until the file systems' time is so far past the last change of `path` that it tells nothing.
inline void UntilLongUnchanged(const fs::path& path, const fs::path& scratch) {
  struct stat changed {};
  struct stat now {};
  ASSERT_EQ(::lstat(path.c_str(), &changed), 0);
  constexpr int kLookAgain = 20;  // milliseconds
  constexpr int kMostLooks = 1000;
  for (int i = 0; i < kMostLooks; ++i) {
    Write(scratch, "now");
    ASSERT_EQ(::lstat(scratch.c_str(), &now), 0);
    if (now.st_ctim.tv_sec > changed.st_ctim.tv_sec + 1) return;
    ::poll(nullptr, 0, kLookAgain);
  }
  FAIL() << "the file system's time stands still";
}

// One line for a name: kind, permissions, owners, time, content.
inline std::string Describe(const fs::path& path, const std::map<ino_t, std::string>& first_names,
                            const std::string& relative) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0) return "unreadable";
  std::ostringstream line;
  line << std::oct << (S_ISLNK(seen.st_mode) ? 0120000U : seen.st_mode) << std::dec << " "
       << seen.st_uid << ":" << seen.st_gid << " " << seen.st_mtim.tv_sec << "."
       << seen.st_mtim.tv_nsec;
  if (S_ISLNK(seen.st_mode)) line << " -> " << fs::read_symlink(path).string();
  if (S_ISREG(seen.st_mode)) {
    line << " " << seen.st_size << " bytes, hash " << std::hash<std::string>()(Read(path));
    const auto first = first_names.find(seen.st_ino);
    if (first != first_names.end() && first->second != relative)
      line << ", one with " << first->second;
  }
  char value[256];
  const ssize_t got = ::lgetxattr(path.c_str(), "user.note", value, sizeof value);
  if (got >= 0) line << ", note " << std::string(value, static_cast<std::size_t>(got));
  return line.str();
}

// Every name in a tree with its line; "" is the root.
inline std::map<std::string, std::string> Tree(const fs::path& root) {
  std::map<ino_t, std::string> first_names;
  std::map<std::string, fs::path> paths = {{"", root}};
  for (const auto& entry : fs::recursive_directory_iterator(root))
    paths[entry.path().string().substr(root.string().size() + 1)] = entry.path();
  for (const auto& [relative, path] : paths) {
    struct stat seen {};
    if (::lstat(path.c_str(), &seen) == 0 && S_ISREG(seen.st_mode))
      first_names.emplace(seen.st_ino, relative);
  }
  std::map<std::string, std::string> tree;
  for (const auto& [relative, path] : paths)
    tree[Printable(relative)] = Describe(path, first_names, relative);
  return tree;
}

class World {
 public:
  World() : folder_("leeward-trees-XXXXXX") {
    for (const auto& path : {source(), destination()}) fs::create_directory(path);
  }
  // What is closed to writing could not be removed, but by the superuser.
  ~World() {
    for (const auto& path : {source(), destination()}) {
      std::error_code error;
      for (fs::recursive_directory_iterator at(path, error), end; !error && at != end;
           at.increment(error)) {
        if (at->is_directory(error) && !at->is_symlink(error))
          fs::permissions(at->path(), fs::perms::owner_all, fs::perm_options::add, error);
      }
    }
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  fs::path source() const { return folder_.path() / "source"; }
  fs::path destination() const { return folder_.path() / "destination"; }
  fs::path work() const { return folder_.path() / "work"; }
  fs::path outside() const { return folder_.path(); }
  Places places() const { return {source(), destination(), work()}; }

  Options options;
  Channel* channel = nullptr;
  Withheld* withheld = nullptr;
  Losses* losses = nullptr;

  Replica& replica() {
    if (!replica_) {
      auto opened = Replica::Open(places(), options, clock_, {channel, withheld, losses});
      EXPECT_TRUE(opened.ok()) << opened.error().message();
      replica_ = *std::move(opened);
    }
    return *replica_;
  }
  // As after an end of the process.
  void Close() { replica_.reset(); }

  const Round& Run() {
    replica().Begin();
    return Continue();
  }
  const Round& Continue() {
    for (int waited = 0; waited < kMostWaits;) {
      const Turn turn = replica().Step();
      if (turn == Turn::kDone) break;
      if (turn == Turn::kWaiting) ++waited;
    }
    EXPECT_TRUE(replica().round().over) << replica().round().waits_for;
    for (const Trouble& trouble : replica().round().troubles) last_trouble_ = trouble.text;
    return replica().round();
  }
  void ExpectEqual() const { EXPECT_EQ(Tree(destination()), Tree(source())) << last_trouble_; }
  void ExpectNoLitter() const {
    for (const char* name : {"made", "trash"}) EXPECT_TRUE(fs::is_empty(work() / name)) << name;
  }

 private:
  static constexpr int kMostWaits = 100'000;
  base::testing::ScratchFolder folder_;
  os::SystemClock clock_;
  std::unique_ptr<Replica> replica_;
  std::string last_trouble_;
};

}  // namespace leeward::lab::trees::testing
