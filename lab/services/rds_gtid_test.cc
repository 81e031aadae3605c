#include "lab/services/rds_gtid.h"

#include <gtest/gtest.h>

namespace leeward::lab::rds {
namespace {

TEST(Gtid, AppliedCoversWhatWasReceivedDomainByDomain) {
  EXPECT_TRUE(GtidCovers("0-1-6", "0-1-6"));
  EXPECT_TRUE(GtidCovers("0-2-7", "0-1-6")) << "another server went on in the domain";
  EXPECT_FALSE(GtidCovers("0-1-5", "0-1-6"));
  EXPECT_TRUE(GtidCovers("0-1-6,1-1-2", "1-1-2"));
  EXPECT_FALSE(GtidCovers("0-1-6", "0-1-6,1-1-2"));
  EXPECT_TRUE(GtidCovers("0-1-18446744073709551615", "0-1-18446744073709551614"));
}

TEST(Gtid, NothingReceivedIsCoveredByAnything) {
  EXPECT_TRUE(GtidCovers("", ""));
  EXPECT_TRUE(GtidCovers("0-1-6", ""));
  EXPECT_FALSE(GtidCovers("", "0-1-6"));
}

TEST(Gtid, WhatCannotBeReadIsNotCovered) {
  for (const char* bad :
       {"x", "0-1", "0-1-", "0-1-6-7", "0--6", " 0-1-6", "0-1-6x", "0-1-99999999999999999999"}) {
    EXPECT_FALSE(GtidCovers("0-1-9", bad)) << bad;
    EXPECT_FALSE(GtidCovers(bad, "0-1-1")) << bad;
  }
}

}  // namespace
}  // namespace leeward::lab::rds
