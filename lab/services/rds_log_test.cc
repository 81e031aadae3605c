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
  ASSERT_TRUE(WriteLog(folder.path(), place, "abc").ok());
  ASSERT_TRUE(WriteLog(folder.path(), place.At(kLogSegment), "def").ok());
  // A read ends with its segment.
  EXPECT_EQ(ReadLog(folder.path(), place, kLogSegment + 3, 100).value(), "abc");
  EXPECT_EQ(ReadLog(folder.path(), place.At(kLogSegment), kLogSegment + 2, 100).value(), "de");
  EXPECT_EQ(ReadLog(folder.path(), place, kLogSegment, 1).value(), "a");
  EXPECT_EQ(ReadLog(folder.path(), place, place.position, 100).value(), "");
  EXPECT_EQ(std::filesystem::file_size(folder.path() / SegmentFile(place)), kLogSegment);
  EXPECT_FALSE(ReadLog(folder.path(), {2, 0}, 5, 5).ok());
}

}  // namespace
}  // namespace leeward::lab::rds
