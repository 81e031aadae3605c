// Looking at a tree from a directory that is held open, so that neither a symbolic link nor a race
// leads out of it. Errors are errno's numbers: callers tell "gone" from "not allowed" by them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "lab/trees/descriptor.h"
#include "lab/trees/entry.h"

namespace leeward::lab::trees {

struct Opened {
  Handle handle;
  int error = 0;
};

// A tree's root, by a path that whoever set it up trusts.
base::Result<Handle> OpenRoot(const std::string& path);

// The directory at `path` below `root` ("" is the root itself): no symbolic link on the way, no
// `..`, no other file system. Paths may be longer than the system takes at once.
Opened OpenDirectory(int root, std::string_view path);
// A file to read, by its one name in `directory`. Never waits (for a pipe's other end, say).
Opened OpenFile(int directory, const char* name);

// 0 or an error; never follows a symbolic link.
int Look(int directory, const char* name, Entry& entry);
int LookAt(int descriptor, Entry& entry);

// A symbolic link's text. Empty with an error.
struct Target {
  std::string text;
  int error = 0;
};
Target ReadTarget(int directory, const char* name);

// The names in a directory, sorted by their bytes, in one piece of memory.
class Names {
 public:
  // 0 or an error. All of them, or when there are more than `most` at least so many.
  int Read(int directory, std::size_t most = SIZE_MAX);
  void Set(const std::vector<std::string>& names);

  std::size_t size() const { return starts_.size(); }
  const char* at(std::size_t index) const { return text_.data() + starts_[index]; }

 private:
  std::string text_;  // each ends with a zero byte
  std::vector<std::uint32_t> starts_;
};

// "" and "name" is "name", "a" and "name" is "a/name".
std::string Join(std::string_view directory, std::string_view name);
// The other way round.
std::pair<std::string, std::string> Split(std::string_view path);

// For messages: printable, with other bytes as \x0a.
std::string Printable(std::string_view path);

}  // namespace leeward::lab::trees
