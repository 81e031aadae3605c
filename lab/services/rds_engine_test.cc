#include "lab/services/rds_engine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

#include "base/testing/scratch_folder.h"

namespace leeward::lab::rds {
namespace {

// Reads to the end; who could read the file when its first byte was there, nullopt when none came.
std::optional<mode_t> ModeAtFirstByte(int fifo) {
  constexpr int kPatienceMillis = 10'000;
  std::optional<mode_t> mode;
  std::array<char, 65536> bytes;
  pollfd wait{fifo, POLLIN, 0};
  while (poll(&wait, 1, kPatienceMillis) == 1) {
    if (read(fifo, bytes.data(), bytes.size()) <= 0) break;
    struct stat about {};
    if (!mode && fstat(fifo, &about) == 0) mode = about.st_mode & 0777;
  }
  return mode;
}

// A pipe takes no more than a part of the text before somebody reads.
TEST(WriteFileTest, NobodyElseMayReadFromTheFirstByteOn) {
  const base::testing::ScratchFolder folder("lw-rds-XXXXXX");
  const std::filesystem::path path = folder.path() / "secrets";
  ASSERT_EQ(mkfifo(path.c_str(), 0644), 0);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  const int fifo = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(fifo, 0);
  std::optional<mode_t> mode;
  std::thread reading([&] { mode = ModeAtFirstByte(fifo); });
  const base::Status written = WriteFile(path, std::string(1 << 20, 'x'));
  reading.join();
  close(fifo);
  EXPECT_TRUE(written.ok()) << written.error().message();
  EXPECT_EQ(mode, mode_t{0600});
}

TEST(WriteFileTest, WhatCannotBeWrittenIsSaid) {
  EXPECT_FALSE(WriteFile("/nowhere/secrets", "x").ok());
}

}  // namespace
}  // namespace leeward::lab::rds
