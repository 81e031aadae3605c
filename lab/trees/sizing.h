// How many bytes the files of a tree have, found in small steps, so that nobody waits for a million
// of them. Of a tree that changes meanwhile it is neither the size before nor the one after.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "lab/trees/beneath.h"
#include "lab/trees/descriptor.h"

namespace leeward::lab::trees {

class Sizing {
 public:
  static base::Result<Sizing> Begin(const std::string& root);

  // Looks at about so many names. True when it has looked at all; directories that cannot be opened
  // count nothing.
  bool Step(std::uint32_t names);
  // A file of several names counts once.
  std::uint64_t bytes() const { return bytes_; }

 private:
  explicit Sizing(Handle root) : root_(std::move(root)) {}
  void Open();
  void Count(const char* name);

  Handle root_;
  std::vector<std::string> directories_{""};  // still to be opened
  std::string path_;                          // of the open one
  Handle directory_;
  Names names_;
  std::size_t next_ = 0;
  std::unordered_set<std::uint64_t> linked_;  // inodes that have been counted
  std::uint64_t bytes_ = 0;
};

}  // namespace leeward::lab::trees
