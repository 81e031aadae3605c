// Watches on the directories of one tree, and what they have told.
#pragma once

#include <string_view>

#include "lab/trees/changes.h"
#include "lab/trees/descriptor.h"

namespace leeward::lab::trees {

class Watcher {
 public:
  // At most `most` watches, and what the machine allows.
  explicit Watcher(std::size_t most);

  // Before the directory is listed: what happens from now on is told. After the first refusal (no
  // watches left, none to be had here) it is not usable until Reset.
  void Add(std::string_view path, int directory);
  // Reads all that has been told when it is called, and not much more, however much is told
  // meanwhile.
  void Listen();
  // Takes all watches off and tries anew.
  void Reset();

  bool usable() const { return refused_ == 0; }
  int refused() const { return refused_; }  // errno
  int descriptor() const { return queue_.get(); }
  ChangeSet& changes() { return changes_; }
  const ChangeSet& changes() const { return changes_; }

 private:
  void TakeOff(const std::vector<int>& watches);

  ChangeSet changes_;
  const std::size_t most_;
  Handle queue_;
  int refused_ = 0;
};

}  // namespace leeward::lab::trees
