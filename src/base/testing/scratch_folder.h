// ScratchFolder: a folder for one test, gone when the test is: also when its program has crashed,
// was killed or ran out of time.
//
// A process of its own waits for the end of the test's and removes the folder then. It lives in a
// session of its own, so that what ends the test, by Ctrl-C or as a whole group, does not end it.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "base/check.h"

namespace leeward::base::testing {

class ScratchFolder {
 public:
  // `pattern`: "/tmp/leeward-redis-XXXXXX", or without a folder below the system's temporary one.
  explicit ScratchFolder(const std::string& pattern) {
    std::string path = (std::filesystem::temp_directory_path() / pattern).string();
    CHECK_MSG(::mkdtemp(path.data()) != nullptr, path.c_str());
    path_ = path;
    StartRemover();
  }
  ~ScratchFolder() {
    ::close(life_);
    ::waitpid(remover_, nullptr, 0);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  // Ends its wait when nobody holds the other end of its standard input. What a dying engine still
  // writes may come between, so it looks again.
  static constexpr const char* kScript =
      "read -r _; for i in 1 2 3 4 5; do rm -rf -- \"$0\" 2>/dev/null && exit; sleep 1; done";

  void StartRemover() {
    std::array<int, 2> ends{};
    CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    CHECK(posix_spawn_file_actions_init(&files) == 0 && posix_spawnattr_init(&attributes) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&files, ends[0], 0) == 0);
    // Whoever reads the test's output waits until nobody can write to it.
    for (const int output : {1, 2})
      CHECK(posix_spawn_file_actions_addopen(&files, output, "/dev/null", O_WRONLY, 0) == 0);
    CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID) == 0);
    std::string folder = path_.string();
    std::array<char*, 5> argv = {const_cast<char*>("sh"), const_cast<char*>("-c"),
                                 const_cast<char*>(kScript), folder.data(), nullptr};
    std::array<char*, 2> environment = {const_cast<char*>("PATH=/usr/bin:/bin"), nullptr};
    CHECK(::posix_spawn(&remover_, "/bin/sh", &files, &attributes, argv.data(),
                        environment.data()) == 0);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    ::close(ends[0]);
    life_ = ends[1];
  }

  std::filesystem::path path_;
  int life_ = -1;
  pid_t remover_ = 0;
};

}  // namespace leeward::base::testing
