#include "lab/services/rds_log.h"

#include <gtest/gtest.h>

#include "base/testing/scratch_folder.h"

namespace leeward::lab::rds {
namespace {

TEST(RdsLog, FilesAreNamedAsTheServerNamesThem) {
  EXPECT_EQ(SegmentFile({1, 0}), "000000010000000000000000");
  EXPECT_EQ(SegmentFile({2, 3 * kLogSegment + 17}), "000000020000000000000003");
  EXPECT_EQ(SegmentFile({1, 0x100000000ULL}), "000000010000000100000000");
  EXPECT_EQ(TimelineOf("0000000B0000000100000000"), 11u);
  EXPECT_EQ(TimelineOf("0000"), 0u);
  EXPECT_EQ(SegmentStart(kLogSegment + 5), kLogSegment);
}

TEST(RdsLog, BytesComeBackFromWhereTheyWerePut) {
  const base::testing::ScratchFolder folder{"/tmp/lw-log-XXXXXX"};
  const LogPlace place{1, kLogSegment - 3};
  const LogFiles& files = PostgresLog();
  ASSERT_TRUE(files.Write(folder.path(), place, "abc").ok());
  ASSERT_TRUE(files.Write(folder.path(), place.At(kLogSegment), "def").ok());
  const auto read = [&](const LogPlace& from, std::uint64_t to, std::size_t most) {
    return files.Read(folder.path(), from, to, most).value().bytes;
  };
  // A read ends with its segment.
  EXPECT_EQ(read(place, kLogSegment + 3, 100), "abc");
  EXPECT_EQ(read(place.At(kLogSegment), kLogSegment + 2, 100), "de");
  EXPECT_EQ(read(place, kLogSegment, 1), "a");
  EXPECT_EQ(read(place, place.position, 100), "");
  EXPECT_EQ(std::filesystem::file_size(folder.path() / SegmentFile(place)), kLogSegment);
  EXPECT_FALSE(files.Read(folder.path(), {2, 0}, 5, 5).ok());
}

TEST(RdsLog, FilesAreCopiedFromOnePositionToAnother) {
  const base::testing::ScratchFolder from{"/tmp/lw-log-XXXXXX"};
  const base::testing::ScratchFolder to{"/tmp/lw-log-XXXXXX"};
  const LogPlace place{1, kLogSegment - 3};
  const LogFiles& files = PostgresLog();
  ASSERT_TRUE(files.Write(from.path(), place, "abc").ok());
  ASSERT_TRUE(files.Write(from.path(), place.At(kLogSegment), "def").ok());
  const auto written = CopyLogFiles(files, from.path(), to.path(), place, kLogSegment + 3);
  ASSERT_TRUE(written.ok()) << written.error().message();
  EXPECT_EQ(*written,
            (std::vector<std::string>{SegmentFile(place), SegmentFile(place.At(kLogSegment))}));
  EXPECT_EQ(files.Read(to.path(), place, kLogSegment, 9).value().bytes, "abc");
  EXPECT_EQ(files.Read(to.path(), place.At(kLogSegment), kLogSegment + 3, 9).value().bytes, "def");
}

}  // namespace
}  // namespace leeward::lab::rds
