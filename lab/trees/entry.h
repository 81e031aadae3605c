// What stands at a name in a tree, as far as comparing needs it.
#pragma once

#include <cstdint>

namespace leeward::lab::trees {

enum class Kind : std::uint8_t { kFile, kDirectory, kSymlink, kOther };

struct Entry {
  Kind kind = Kind::kFile;
  std::uint32_t mode = 0;      // permission bits, with set-id and sticky
  std::uint32_t withheld = 0;  // of a source: permission bits that its copy does not show
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t links = 1;
  std::uint64_t size = 0;
  std::uint64_t blocks = 0;  // of 512 bytes: fewer than the size needs where there are holes
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
};

}  // namespace leeward::lab::trees
