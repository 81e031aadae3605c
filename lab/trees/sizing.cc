#include "lab/trees/sizing.h"

#include <utility>

namespace leeward::lab::trees {

base::Result<Sizing> Sizing::Begin(const std::string& root) {
  ASSIGN_OR_RETURN(Handle handle, OpenRoot(root));
  return Sizing(std::move(handle));
}

bool Sizing::Step(std::uint32_t names) {
  for (std::uint32_t done = 0; done < names; ++done) {
    if (next_ < names_.size()) {
      Count(names_.at(next_++));
    } else if (directories_.empty()) {
      return true;
    } else {
      Open();
    }
  }
  return false;
}

void Sizing::Open() {
  path_ = std::move(directories_.back());
  directories_.pop_back();
  names_ = Names();
  next_ = 0;
  Opened opened = OpenDirectory(root_.get(), path_);
  if (opened.error != 0 || names_.Read(opened.handle.get()) != 0) {
    names_ = Names();
    return;
  }
  directory_ = std::move(opened.handle);
}

void Sizing::Count(const char* name) {
  Entry entry;
  if (Look(directory_.get(), name, entry) != 0) return;  // gone since
  if (entry.kind == Kind::kDirectory) return directories_.push_back(Join(path_, name));
  if (entry.kind != Kind::kFile) return;
  if (entry.links < 2 || linked_.insert(entry.inode).second) bytes_ += entry.size;
}

}  // namespace leeward::lab::trees
