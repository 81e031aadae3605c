#include "lab/services/ebs_blocks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/bytes.h"
#include "base/testing/scratch_folder.h"

namespace leeward::lab::ebs {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSize = 8 * kBlockBytes;

class EbsBlocksTest : public testing::Test {
 protected:
  EbsBlocksTest() {
    EXPECT_TRUE(store.Open({}, BlockStore::Orphans::kDropped).ok());
    EXPECT_TRUE(store.Restore({}, volume, kSize).ok());
  }
  void Write(std::int64_t block, std::string_view text) const {
    std::fstream file(volume, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(block * kBlockBytes + 7);
    file << text;
  }
  BlockMap Take(const std::string& name) {
    auto taken = store.Take({volume});
    EXPECT_TRUE(taken.ok()) << taken.error().message();
    EXPECT_TRUE(store.Keep(name, taken->front()).ok());
    return taken->front();
  }
  static std::string Contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string Restored(const std::string& name) {
    const fs::path to = folder.path() / "restored";
    const auto map = store.MapOf(name);
    EXPECT_TRUE(map.ok());
    const base::Status restored = store.Restore(*map, to, kSize);
    EXPECT_TRUE(restored.ok()) << restored.error().message();
    return Contents(to);
  }
  std::size_t BlocksOnDisk() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "store" / "blocks"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  base::testing::ScratchFolder folder{"leeward-blocks-XXXXXX"};
  fs::path volume = folder.path() / "volume";
  BlockStore store{folder.path() / "store"};
};

TEST_F(EbsBlocksTest, AnEmptyVolumeTakesNoBlock) {
  EXPECT_TRUE(Take("snap-1").empty());
  EXPECT_EQ(BlocksOnDisk(), 0u);
  EXPECT_EQ(Restored("snap-1"), std::string(static_cast<std::size_t>(kSize), '\0'));
}

TEST_F(EbsBlocksTest, ASnapshotCostsWhatChangedAndReadsBackWhole) {
  Write(0, "first");
  Write(5, "other");
  const std::string before = Contents(volume);
  Take("snap-1");
  EXPECT_EQ(BlocksOnDisk(), 2u);
  Write(5, "later");
  const std::string after = Contents(volume);
  Take("snap-2");
  EXPECT_EQ(BlocksOnDisk(), 3u) << "block 0 is shared";
  EXPECT_EQ(Restored("snap-1"), before);
  EXPECT_EQ(Restored("snap-2"), after);
}

TEST_F(EbsBlocksTest, DeletingASnapshotInTheMiddleKeepsTheOthersWhole) {
  std::vector<std::string> contents;
  for (int i = 0; i < 3; ++i) {
    Write(i, "written for " + std::to_string(i));
    contents.push_back(Contents(volume));
    Take("snap-" + std::to_string(i));
  }
  store.Drop("snap-1");
  EXPECT_EQ(Restored("snap-0"), contents[0]);
  EXPECT_EQ(Restored("snap-2"), contents[2]);
  store.Drop("snap-2");
  EXPECT_EQ(BlocksOnDisk(), 1u);
  store.Drop("snap-0");
  EXPECT_EQ(BlocksOnDisk(), 0u);
}

TEST_F(EbsBlocksTest, WhatAKillLeftIsDroppedAndWhatIsKnownIsKept) {
  Write(1, "kept");
  Take("snap-1");
  Write(1, "lost");
  ASSERT_TRUE(store.Take({volume}).ok());  // no map was written
  EXPECT_EQ(BlocksOnDisk(), 2u);
  BlockStore again(folder.path() / "store");
  ASSERT_TRUE(again.Open({"snap-1"}, BlockStore::Orphans::kKept).ok());
  EXPECT_EQ(BlocksOnDisk(), 2u) << "a copy may want it";
  ASSERT_TRUE(again.Open({"snap-1"}, BlockStore::Orphans::kDropped).ok());
  EXPECT_EQ(BlocksOnDisk(), 1u);
}

TEST_F(EbsBlocksTest, BytesThatAreNotThoseOfTheirDigestAreRefused) {
  EXPECT_EQ(store.Put(std::string(64, 'a'), "bytes").error().code(), base::ErrorCode::kCorrupt);
  Write(0, "whole");
  const BlockMap map = Take("snap-1");
  const std::string digest = map.at(0);
  std::ofstream(folder.path() / "store" / "blocks" / digest.substr(0, 2) / digest) << "broken";
  EXPECT_EQ(store.Read(digest).error().code(), base::ErrorCode::kCorrupt);
}

TEST_F(EbsBlocksTest, AVolumeThatIsGoneIsSaid) {
  fs::remove(volume);
  EXPECT_EQ(store.Take({volume}).error().code(), base::ErrorCode::kNotFound);
}

// Two volumes that are always written in this order: the second never has what the first has not.
TEST_F(EbsBlocksTest, ASetIsOfOneInstantWhileBothAreWritten) {
  const fs::path second = folder.path() / "second";
  ASSERT_TRUE(store.Restore({}, second, kSize).ok());
  std::mutex mutex;
  std::condition_variable end;
  bool ending = false;
  std::thread writer([&] {
    const int a = open(volume.c_str(), O_WRONLY | O_CLOEXEC);
    const int b = open(second.c_str(), O_WRONLY | O_CLOEXEC);
    std::unique_lock lock(mutex);
    for (int number = 1; !end.wait_for(lock, std::chrono::milliseconds(60), [&] { return ending; });
         ++number) {
      const std::string text = std::to_string(1'000'000 + number);
      EXPECT_EQ(pwrite(a, text.data(), text.size(), 0), 7);
      EXPECT_EQ(pwrite(b, text.data(), text.size(), 0), 7);
    }
    close(a);
    close(b);
  });
  int taken = 0;
  for (int i = 0; i < 200 && taken < 5; ++i) {
    auto maps = store.Take({volume, second});
    if (!maps.ok()) continue;
    ++taken;
    const auto number = [&](const BlockMap& map) {
      return map.empty() ? 1'000'000 : std::stoi(store.Read(map.at(0))->substr(0, 7));
    };
    const int first = number((*maps)[0]);
    const int other = number((*maps)[1]);
    EXPECT_TRUE(first == other || first == other + 1) << first << " and " << other;
  }
  {
    const std::scoped_lock lock(mutex);
    ending = true;
  }
  end.notify_one();
  writer.join();
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace leeward::lab::ebs
