#include "lab/trees/changes.h"

#include <sys/inotify.h>

#include <algorithm>

#include "base/check.h"

namespace leeward::lab::trees {

struct ChangeSet::Node {
  Node* parent = nullptr;
  std::string name;
  int watch = -1;
  bool all = false;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::map<std::string, Touch, std::less<>> names;
};

namespace {

constexpr std::uint32_t kArrived = IN_CREATE | IN_MOVED_TO;
constexpr std::uint32_t kLeft = IN_DELETE | IN_MOVED_FROM;
constexpr std::uint32_t kBytes = IN_MODIFY | IN_CLOSE_WRITE;

// What of ours reaches a destination comes and goes by renames and unlinks that were expected, so
// that everything else there was somebody else's doing. Metadata alone may be ours.
Touch TouchOf(std::uint32_t mask) {
  if ((mask & kArrived) != 0 && (mask & IN_ISDIR) != 0) return Touch::kTree;
  return (mask & (kBytes | kArrived | kLeft)) != 0 ? Touch::kContent : Touch::kMetadata;
}

}  // namespace

ChangeSet::ChangeSet(std::size_t max_names)
    : max_names_(max_names), root_(std::make_unique<Node>()) {}
ChangeSet::~ChangeSet() {
  std::vector<int> watches;
  Detach(std::move(root_), watches);
}

ChangeSet::Node* ChangeSet::Find(std::string_view path) const {
  Node* node = root_.get();
  while (!path.empty() && node != nullptr) {
    const auto slash = path.find('/');
    const auto child = node->children.find(path.substr(0, slash));
    node = child == node->children.end() ? nullptr : child->second.get();
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return node;
}

ChangeSet::Node* ChangeSet::FindOrMake(std::string_view path) {
  Node* node = root_.get();
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    auto child = node->children.find(name);
    if (child == node->children.end()) {
      auto made = std::make_unique<Node>();
      made->parent = node;
      made->name = name;
      child = node->children.emplace(std::string(name), std::move(made)).first;
    }
    node = child->second.get();
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return node;
}

std::string ChangeSet::PathOf(const Node& node) const {
  std::vector<const Node*> chain;
  for (const Node* at = &node; at->parent != nullptr; at = at->parent) chain.push_back(at);
  std::string path;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    if (!path.empty()) path += '/';
    path += (*at)->name;
  }
  return path;
}

void ChangeSet::Watched(std::string_view path, int watch) {
  Node* node = FindOrMake(path);
  const auto before = by_watch_.find(watch);
  if (before != by_watch_.end() && before->second != node) before->second->watch = -1;
  if (node->watch >= 0 && node->watch != watch) by_watch_.erase(node->watch);
  node->watch = watch;
  by_watch_[watch] = node;
}

bool ChangeSet::IsWatched(std::string_view path) const {
  const Node* node = Find(path);
  return node != nullptr && node->watch >= 0;
}

void ChangeSet::Detach(std::unique_ptr<Node> top, std::vector<int>& watches) {
  // Of any depth: each is taken apart when its children are no longer in it.
  std::vector<std::unique_ptr<Node>> nodes;
  nodes.push_back(std::move(top));
  while (!nodes.empty()) {
    const std::unique_ptr<Node> node = std::move(nodes.back());
    nodes.pop_back();
    for (auto& [name, child] : node->children) nodes.push_back(std::move(child));
    if (node->watch >= 0) {
      by_watch_.erase(node->watch);
      watches.push_back(node->watch);
    }
    names_ -= node->names.size();
    dirty_.erase(node.get());
  }
}

void ChangeSet::Expect(const std::string& path, std::uint32_t mask) { ++expected_[{path, mask}]; }

bool ChangeSet::WasExpected(const Node& node, const Event& event) {
  if (expected_.empty()) return false;
  std::string path = PathOf(node);
  if (!path.empty()) path += '/';
  path += event.name;
  const auto found =
      expected_.find({std::move(path), event.mask & (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)});
  if (found == expected_.end()) return false;
  if (--found->second == 0) expected_.erase(found);
  return true;
}

std::vector<int> ChangeSet::Apply(const Event& event) {
  std::vector<int> watches;
  if ((event.mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0) lost_ = true;
  const auto found = by_watch_.find(event.watch);
  if (found == by_watch_.end()) return watches;  // taken off before the event was read
  Node& node = *found->second;
  if ((event.mask & IN_IGNORED) != 0) {
    by_watch_.erase(found);
    node.watch = -1;
    return watches;
  }
  if (event.name.empty()) {
    // A directory's own metadata comes with its name from its parent; the root has none.
    if (node.parent == nullptr && (event.mask & IN_ATTRIB) != 0)
      MarkNode(node, "", Touch::kMetadata);
    return watches;
  }
  const bool expected = WasExpected(node, event);
  if ((event.mask & kLeft) != 0 && (event.mask & IN_ISDIR) != 0) {
    const auto child = node.children.find(event.name);
    if (child != node.children.end()) {
      Detach(std::move(child->second), watches);
      node.children.erase(child);
    }
  }
  if (!expected) MarkNode(node, event.name, TouchOf(event.mask));
  return watches;
}

void ChangeSet::Mark(std::string_view directory, std::string_view name, Touch touch) {
  MarkNode(*FindOrMake(directory), name, touch);
}

void ChangeSet::MarkNode(Node& node, std::string_view name, Touch touch) {
  dirty_.insert(&node);
  if (node.all && touch != Touch::kTree) return;
  const auto known = node.names.find(name);
  if (known != node.names.end()) {
    known->second = std::max(known->second, touch);
    return;
  }
  if (names_ >= max_names_ && touch != Touch::kTree) {
    // A directory that is new here has to stay known: what is in it may be older than it looks.
    names_ -=
        std::erase_if(node.names, [](const auto& kept) { return kept.second != Touch::kTree; });
    node.all = true;
    return;
  }
  node.names.emplace(std::string(name), touch);
  ++names_;
}

std::vector<DirtyDirectory> ChangeSet::Take() {
  std::vector<DirtyDirectory> taken;
  taken.reserve(dirty_.size());
  for (Node* node : dirty_) {
    DirtyDirectory directory{PathOf(*node), node->all, {}};
    directory.names.reserve(node->names.size());
    for (auto& [name, touch] : node->names) directory.names.emplace_back(name, touch);
    node->names.clear();
    node->all = false;
    taken.push_back(std::move(directory));
  }
  dirty_.clear();
  names_ = 0;
  std::sort(taken.begin(), taken.end(),
            [](const auto& left, const auto& right) { return left.path < right.path; });
  return taken;
}

std::vector<int> ChangeSet::Reset() {
  std::vector<int> watches;
  Detach(std::exchange(root_, std::make_unique<Node>()), watches);
  dirty_.clear();
  names_ = 0;
  lost_ = false;
  CHECK(by_watch_.empty());
  return watches;
}

}  // namespace leeward::lab::trees
