#include "os/shared_numbers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace leeward::os {
namespace {

TEST(SharedNumbersTest, WhatOneSetsTheOtherReadsAndTheFileKeeps) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("shared-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = folder / "numbers";
  {
    auto one = SharedNumbers::Open(path);
    const auto other = SharedNumbers::Open(path);
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_EQ(other->Get(0), 0);
    one->Set(0, -5'000'000'000);
    one->Set(SharedNumbers::kCount - 1, 7);
    EXPECT_EQ(other->Get(0), -5'000'000'000);
    EXPECT_EQ(other->Get(SharedNumbers::kCount - 1), 7);
  }
  EXPECT_EQ(SharedNumbers::Open(path)->Get(0), -5'000'000'000);
  EXPECT_FALSE(SharedNumbers::Open(folder / "no" / "where").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace leeward::os
