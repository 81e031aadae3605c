#include "lab/trees/links.h"

namespace leeward::lab::trees {

bool Links::Note(const std::string& path, std::uint64_t inode, std::uint32_t links) {
  const auto known = inodes_.find(path);
  if (known != inodes_.end() && known->second != inode) Forget(path);
  if (links < 2) {
    Forget(path);
    return false;
  }
  inodes_[path] = inode;
  Group& group = groups_[inode];
  group.paths.insert(path);
  group.links = links;
  return group.paths.size() < links && group.looked_for != links;
}

void Links::Forget(std::string_view path) {
  const auto known = inodes_.find(path);
  if (known == inodes_.end()) return;
  const auto group = groups_.find(known->second);
  if (group != groups_.end()) {
    group->second.paths.erase(known->first);
    if (group->second.paths.empty()) groups_.erase(group);
  }
  inodes_.erase(known);
}

void Links::ForgetBelow(std::string_view directory) {
  const std::string prefix = std::string(directory) + "/";
  for (auto at = inodes_.lower_bound(prefix);
       at != inodes_.end() && at->first.starts_with(prefix);) {
    const std::string path = at->first;
    ++at;
    Forget(path);
  }
}

std::vector<std::string> Links::Others(std::string_view path) const {
  std::vector<std::string> others;
  const auto known = inodes_.find(path);
  if (known == inodes_.end()) return others;
  for (const std::string& name : groups_.at(known->second).paths) {
    if (name != path) others.push_back(name);
  }
  return others;
}

std::optional<std::uint64_t> Links::InodeOf(std::string_view path) const {
  const auto known = inodes_.find(path);
  if (known == inodes_.end()) return std::nullopt;
  return known->second;
}

const std::set<std::string>& Links::NamesOf(std::uint64_t inode) const {
  return groups_.at(inode).paths;
}

std::vector<std::string> Links::SharedWithTheOutside() const {
  std::vector<std::string> shared;
  for (const auto& [inode, group] : groups_) {
    if (group.paths.size() < group.links)
      shared.insert(shared.end(), group.paths.begin(), group.paths.end());
  }
  return shared;
}

void Links::WalkEnded() {
  for (auto& [inode, group] : groups_) group.looked_for = group.links;
}

void Links::BeginRound() {
  leaders_.clear();
  deferred_.clear();
}

void Links::Lead(std::uint64_t inode, const std::string& path) { leaders_[inode] = path; }

const std::string* Links::Leader(std::uint64_t inode) const {
  const auto found = leaders_.find(inode);
  return found == leaders_.end() ? nullptr : &found->second;
}

}  // namespace leeward::lab::trees
