// Which directory of the source was last copied to each path, kept on disk.
//
// A directory that is renamed takes its files along without touching them: after a start, files of
// the same sizes and times may be others than those that were copied. So the inode of every
// directory is written down, and one that is not the known one puts all that is in it in doubt. It
// is written down only when the round that copied it is complete; before it is copied, that its
// path is in flux is, so that a kill in between cannot leave a wrong answer.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "lab/trees/descriptor.h"

namespace leeward::lab::trees {

// How much of a directory is about to be copied.
enum class Extent : std::uint8_t { kAll, kSome };

class Book {
 public:
  // Reads what is in the file `directories` of this folder.
  void Open(int folder);
  // Nothing is known: the trees, or what is copied of them, are others.
  void Clear();

  // True when `path` was last copied from this inode. Otherwise it is in flux: until Settle, when
  // all of it is copied now.
  bool Met(std::string_view path, std::uint64_t inode, Extent extent);
  // The round is complete: what was met is what is copied.
  void Settle();

  // Between both, every directory there is is met: paths that were not are forgotten.
  void BeginWalk() { ++walk_; }
  void EndWalk();

  std::size_t size() const { return known_.size(); }

 private:
  struct Record {
    std::uint64_t path = 0;   // a hash: two paths with one are in flux for ever, no more
    std::uint64_t inode = 0;  // 0: in flux
  };
  struct Known {
    std::uint64_t inode = 0;
    std::uint32_t walk = 0;  // the last in which it was met
  };
  void Append(const Record* records, std::size_t count);
  void Rewrite();
  void GiveUp();

  int folder_ = -1;
  Handle file_;
  std::unordered_map<std::uint64_t, Known> known_;
  std::unordered_map<std::uint64_t, std::uint64_t> met_;  // path and inode, until Settle
  std::size_t on_disk_ = 0;                               // records
  std::uint32_t walk_ = 0;
};

}  // namespace leeward::lab::trees
