#include "lab/services/rds_binlog.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/scratch_folder.h"

namespace leeward::lab::rds {
namespace {

using namespace std::chrono_literals;

constexpr unsigned char kFormat = 15;
constexpr unsigned char kRowsEvent = 23;
constexpr unsigned char kXidEvent = 16;
constexpr unsigned char kRotateEvent = 4;
constexpr unsigned char kGtidEvent = 162;
constexpr std::uint64_t kStart = 4;

std::string Little(std::uint64_t number, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i, number >>= 8) bytes += static_cast<char>(number & 0xff);
  return bytes;
}

std::string EventOf(unsigned char type, std::uint32_t stamp, const std::string& body) {
  return Little(stamp, 4) + static_cast<char>(type) + Little(7, 4) + Little(19 + body.size(), 4) +
         Little(0, 4) + Little(0, 2) + body;
}

// One transaction of rows, whole.
std::string Begun(std::uint32_t stamp, std::uint64_t sequence) {
  return EventOf(kGtidEvent, stamp, Little(sequence, 8) + Little(0, 4) + Little(2, 1)) +
         EventOf(kRowsEvent, stamp, "some rows");
}
std::string Whole(std::uint32_t stamp, std::uint64_t sequence) {
  return Begun(stamp, sequence) + EventOf(kXidEvent, stamp, Little(1, 8));
}

class RdsBinlogTest : public testing::Test {
 protected:
  void Put(const std::string& name, const std::string& events) {
    std::ofstream(folder.path() / name, std::ios::binary)
        << "\xfe"
           "bin"
        << EventOf(kFormat, 50, "what this log is") << events;
  }
  BinlogRun Plan(std::uint64_t from, std::optional<base::WallTime> until = {}) {
    auto run = PlanReplay(folder.path(), from, until);
    EXPECT_TRUE(run.ok()) << run.error().message();
    return run.ok() ? *run : BinlogRun{};
  }
  std::uint64_t Size(const std::string& name) const {
    return std::filesystem::file_size(folder.path() / name);
  }

  base::testing::ScratchFolder folder{"/tmp/lw-binlog-XXXXXX"};
};

TEST_F(RdsBinlogTest, FilesAreNumberedAsTheServerNumbersThem) {
  EXPECT_EQ(MariaDbLog().File({1, BinlogPosition(2, 389)}), "mysql-bin-changelog.000002");
  EXPECT_EQ(MariaDbLog().Begin(BinlogPosition(2, 389)), BinlogPosition(2, 0));
  EXPECT_EQ(BinlogNumber("mysql-bin-changelog.000012"), 12u);
  EXPECT_FALSE(BinlogNumber("mysql-bin-changelog.index"));
  EXPECT_FALSE(BinlogNumber("relaylog.000012"));
  EXPECT_LT(BinlogPosition(1, 1 << 30), BinlogPosition(2, 4));
}

TEST_F(RdsBinlogTest, FilesOfAnyLengthAreCopiedOneAfterTheOther) {
  const base::testing::ScratchFolder to{"/tmp/lw-binlog-XXXXXX"};
  Put("mysql-bin-changelog.000001", Whole(100, 1));
  Put("mysql-bin-changelog.000002", Whole(101, 2));
  const auto copy = [&](std::uint64_t from, std::uint64_t end) {
    return CopyLogFiles(MariaDbLog(), folder.path(), to.path(), {1, from}, end);
  };
  ASSERT_TRUE(copy(BinlogPosition(1, 0), BinlogPosition(1, 60)).ok());
  EXPECT_EQ(std::filesystem::file_size(to.path() / "mysql-bin-changelog.000001"), 60u);
  const auto rest = copy(BinlogPosition(1, 60), BinlogPosition(2, 30));
  ASSERT_TRUE(rest.ok()) << rest.error().message();
  EXPECT_EQ(rest->size(), 2u);
  EXPECT_EQ(std::filesystem::file_size(to.path() / "mysql-bin-changelog.000001"),
            Size("mysql-bin-changelog.000001"));
  EXPECT_EQ(std::filesystem::file_size(to.path() / "mysql-bin-changelog.000002"), 30u);
  EXPECT_FALSE(copy(BinlogPosition(2, 30), BinlogPosition(2, 4000)).ok()) << "there is no more";
}

TEST_F(RdsBinlogTest, ReplayEndsBeforeTheFirstTransactionOfTheTime) {
  Put("mysql-bin-changelog.000001", Whole(100, 1) + Whole(101, 2) + EventOf(kRotateEvent, 101, ""));
  Put("mysql-bin-changelog.000002", Whole(102, 3) + Whole(103, 4));
  const BinlogRun all = Plan(BinlogPosition(1, kStart));
  EXPECT_EQ(all.gtids, "0-7-4");
  ASSERT_EQ(all.parts.size(), 2u);
  EXPECT_EQ(all.parts[0].end, Size("mysql-bin-changelog.000001"));
  EXPECT_EQ(all.parts[1].end, Size("mysql-bin-changelog.000002"));

  const BinlogRun some = Plan(BinlogPosition(1, kStart), base::WallTime{103s});
  EXPECT_EQ(some.gtids, "0-7-3");
  EXPECT_EQ(some.parts[1].end, all.parts[1].end - Whole(103, 4).size());
  EXPECT_EQ(Plan(BinlogPosition(1, kStart), base::WallTime{102500ms}).gtids, "0-7-3")
      << "all that was begun before the time";
  EXPECT_EQ(Plan(BinlogPosition(1, kStart), base::WallTime{100s}).gtids, "");
  EXPECT_EQ(Plan(BinlogPosition(2, all.parts[1].end)).gtids, "") << "nothing is behind the backup";
}

TEST_F(RdsBinlogTest, WhatACrashLeftUnfinishedIsLeftOut) {
  const std::string half = Begun(101, 2);
  Put("mysql-bin-changelog.000001", Whole(100, 1) + half);
  Put("mysql-bin-changelog.000002", Whole(102, 2) + half.substr(0, half.size() - 5));
  const BinlogRun run = Plan(BinlogPosition(1, kStart));
  EXPECT_EQ(run.gtids, "0-7-2");
  EXPECT_EQ(run.parts[0].end, Size("mysql-bin-changelog.000001") - half.size());
  EXPECT_EQ(run.parts[1].end, Size("mysql-bin-changelog.000002") - half.size() + 5);
}

TEST_F(RdsBinlogTest, WhatIsNoLogIsRefused) {
  std::ofstream(folder.path() / "mysql-bin-changelog.000001") << "something else";
  EXPECT_FALSE(PlanReplay(folder.path(), BinlogPosition(1, kStart), {}).ok());
  EXPECT_FALSE(PlanReplay(folder.path(), BinlogPosition(5, kStart), {}).ok());
}

}  // namespace
}  // namespace leeward::lab::rds
