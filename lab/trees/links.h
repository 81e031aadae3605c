// Which names of the source share an inode. Only files that have more than one name are kept, so
// the memory goes with their number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leeward::lab::trees {

class Links {
 public:
  // `path` was seen to be a name of `inode`, which has `links` names wherever they are.
  // True when names are missing that no walk has looked for yet.
  bool Note(const std::string& path, std::uint64_t inode, std::uint32_t links);
  // `path` is no longer a name of any such file, or not known to be.
  void Forget(std::string_view path);
  void ForgetBelow(std::string_view directory);

  // The other known names of what `path` is a name of.
  std::vector<std::string> Others(std::string_view path) const;
  // What `path` is a name of, and all its known names.
  std::optional<std::uint64_t> InodeOf(std::string_view path) const;
  const std::set<std::string>& NamesOf(std::uint64_t inode) const;
  // Names of inodes that have further names outside the tree: those can be changed unseen.
  std::vector<std::string> SharedWithTheOutside() const;
  // A whole walk is over: what is still missing is outside.
  void WalkEnded();

  // In this round the content of `inode` is in the destination under this path of it.
  void Lead(std::uint64_t inode, const std::string& path);
  const std::string* Leader(std::uint64_t inode) const;
  // In this round the other names of `inode` are to be dealt with before one that is new. True the
  // first time.
  bool Defer(std::uint64_t inode) { return deferred_.insert(inode).second; }
  void BeginRound();

 private:
  struct Group {
    std::set<std::string> paths;
    std::uint32_t links = 0;
    std::uint32_t looked_for = 0;  // the number of names for which a walk found no more
  };
  std::unordered_map<std::uint64_t, Group> groups_;
  std::map<std::string, std::uint64_t, std::less<>> inodes_;
  std::unordered_map<std::uint64_t, std::string> leaders_;
  std::set<std::uint64_t> deferred_;
};

}  // namespace leeward::lab::trees
