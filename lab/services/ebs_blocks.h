// What volumes hold, kept as blocks: a snapshot is a map from a block's number to the digest of its
// bytes, and every block is on the disk once however many snapshots have it. So a snapshot costs
// what no other has, none needs another to be whole, and a copy fetches what is not there yet.
//
// Every member may be called from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::lab::ebs {

inline constexpr std::int64_t kBlockBytes = 512 * 1024;  // as EBS's own

// A block that is not in it is all zeroes.
using BlockMap = std::map<std::uint32_t, std::string>;

class BlockStore {
 public:
  // Whether blocks that no snapshot has are dropped: not while a copy that had begun goes on.
  enum class Orphans { kKept, kDropped };

  explicit BlockStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Reads the maps of these snapshots; others on the disk are those of snapshots that never were.
  base::Status Open(const std::vector<std::string>& snapshots, Orphans orphans);

  // What the files hold, all at one instant. kWrongState when one of them was written to in each of
  // a few readings. The blocks are held.
  base::Result<std::vector<BlockMap>> Take(const std::vector<std::filesystem::path>& files);
  // Makes the file of `bytes` bytes equal to what was taken.
  base::Status Restore(const BlockMap& map, const std::filesystem::path& to, std::int64_t bytes);

  // kCorrupt when the bytes are not those of the digest. The block is held.
  base::Status Put(const std::string& digest, std::string_view bytes);
  base::Result<std::string> Read(const std::string& digest) const;
  // Holds the block if it is there.
  bool Hold(const std::string& digest);
  // What nobody holds any longer is deleted.
  void Release(const BlockMap& map);

  // A snapshot's map on the disk. Its blocks stay held by whoever holds them.
  base::Status Keep(const std::string& snapshot, const BlockMap& map);
  base::Result<BlockMap> MapOf(const std::string& snapshot) const;
  void Drop(const std::string& snapshot);  // releases its blocks

 private:
  std::filesystem::path BlockPath(const std::string& digest) const;
  std::filesystem::path MapPath(const std::string& snapshot) const;
  base::Result<BlockMap> TakeOne(const std::filesystem::path& file);
  base::Status TakeExtent(int fd, std::int64_t from, std::int64_t to, BlockMap* map);
  base::Status WriteBlock(const std::string& digest, std::string_view bytes);
  void DropOrphans();

  std::filesystem::path directory_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> holds_;
};

}  // namespace leeward::lab::ebs
