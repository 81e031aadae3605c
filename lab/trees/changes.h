// What has changed in a tree, learnt from events of its directories. No system calls: events come
// in as values, so that every order of them can be tested.
//
// What is marked is a superset of what changed, or the set says that it no longer knows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace leeward::lab::trees {

// What happened at a name, the strongest last.
enum class Touch : std::uint8_t {
  kMetadata,  // permissions, owners, times, attributes; in a destination: to be compared
  kContent,   // bytes, or what has the name; in a destination: surely not by us
  kTree,      // a directory that was not here before: all in it
};

struct Event {
  int watch = -1;
  std::uint32_t mask = 0;  // as inotify has it
  std::string_view name;   // empty: the watched directory itself
};

struct DirtyDirectory {
  std::string path;
  bool all = false;  // too many names to keep: every name in it, with its content in doubt
  std::vector<std::pair<std::string, Touch>> names;
};

class ChangeSet {
 public:
  // At most `max_names` are kept; further ones make their whole directory dirty.
  explicit ChangeSet(std::size_t max_names);
  ~ChangeSet();

  // `watch` stands on the directory at `path` ("" is the root). A directory that has moved keeps
  // its watch, so the same number may come with another path.
  void Watched(std::string_view path, int watch);
  bool IsWatched(std::string_view path) const;
  std::size_t watches() const { return by_watch_.size(); }

  // Watches that stand on nothing of the tree any more; the caller takes them off.
  std::vector<int> Apply(const Event& event);
  // The caller itself is about to cause an event of this mask at this path: it is no change.
  void Expect(const std::string& path, std::uint32_t mask);
  void ForgetExpected() { expected_.clear(); }

  void Mark(std::string_view directory, std::string_view name, Touch touch);
  bool empty() const { return dirty_.empty(); }
  // All of it, and forgets it. Parents come before what is in them.
  std::vector<DirtyDirectory> Take();
  // Events were lost: nothing is known until every directory is watched and walked again.
  bool lost() const { return lost_; }
  // Forgets the watches, too; returns them.
  std::vector<int> Reset();

 private:
  struct Node;
  Node* Find(std::string_view path) const;
  Node* FindOrMake(std::string_view path);
  std::string PathOf(const Node& node) const;
  void MarkNode(Node& node, std::string_view name, Touch touch);
  // Takes the node, and what is below it, out of the tree.
  void Detach(std::unique_ptr<Node> top, std::vector<int>& watches);
  bool WasExpected(const Node& node, const Event& event);

  const std::size_t max_names_;
  std::unique_ptr<Node> root_;
  std::unordered_map<int, Node*> by_watch_;
  std::unordered_set<Node*> dirty_;
  std::size_t names_ = 0;
  std::map<std::pair<std::string, std::uint32_t>, int> expected_;
  bool lost_ = false;
};

}  // namespace leeward::lab::trees
