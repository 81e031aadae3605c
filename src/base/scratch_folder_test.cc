#include "base/testing/scratch_folder.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <fstream>

namespace leeward::base::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPattern = "leeward-scratch-XXXXXX";

void Fill(const fs::path& folder) {
  fs::create_directories(folder / "a" / "b");
  std::ofstream(folder / "a" / "b" / "file") << "x";
}

// Within ten seconds.
bool IsGone(const fs::path& folder) {
  constexpr int kLooks = 1000;
  for (int i = 0; i < kLooks && fs::exists(folder); ++i) ::poll(nullptr, 0, 10);
  return !fs::exists(folder);
}

// The folder of another process, which ends by this signal while it has it.
fs::path FolderOfOneEndedBy(int signal) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const ScratchFolder folder(kPattern);
    Fill(folder.path());
    const std::string path = folder.path();
    if (::write(ends[1], path.data(), path.size()) < 0) ::_exit(1);
    ::raise(signal);
    ::_exit(1);
  }
  ::close(ends[1]);
  std::array<char, 4096> text{};
  const ssize_t length = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  return length > 0 ? fs::path(std::string(text.data(), static_cast<std::size_t>(length)))
                    : fs::path();
}

TEST(ScratchFolder, IsThereAndThenGone) {
  fs::path path;
  {
    const ScratchFolder folder(kPattern);
    path = folder.path();
    Fill(path);
    EXPECT_TRUE(fs::exists(path / "a" / "b" / "file"));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(ScratchFolder, IsGoneWhenItsProcessWasKilledOrHasCrashed) {
  for (const int signal : {SIGKILL, SIGTERM, SIGABRT}) {
    const fs::path folder = FolderOfOneEndedBy(signal);
    ASSERT_FALSE(folder.empty());
    EXPECT_TRUE(IsGone(folder)) << folder << " after signal " << signal;
  }
}

}  // namespace
}  // namespace leeward::base::testing
