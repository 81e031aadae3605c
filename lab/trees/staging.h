// The folder beside a destination in which everything is made before it gets its name there, and
// to which whole directories go before they are taken apart. On the destination's file system, and
// outside its visible tree. What a kill leaves behind is only ever here, and is swept at the next
// start.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/trees/descriptor.h"
#include "lab/trees/entry.h"

namespace leeward::lab::trees {

// Opens a directory of ours up to ourselves, whose permissions may shut us out as well.
void MakeAccessible(int directory, const char* name);

class Staging {
 public:
  // Makes the folder when there is none. kWrongState while another copy works in it; kInvalid on
  // another file system than the destination's.
  static base::Result<std::unique_ptr<Staging>> Open(const std::string& path,
                                                     const Entry& destination);

  int folder() const { return made_.get(); }
  int root() const { return root_.get(); }  // the work folder itself
  // A name that nothing in the folder has.
  std::string NextName();
  // Of a large file, so that its copy goes on after a kill: the same as long as it is unchanged,
  // and the machine has not started anew, which may have lost what was written last.
  std::string PartialName(const Entry& source) const;

  // The functions below answer 0 or errno.
  // Gives what was made its name. What stood there before is replaced at once.
  int Publish(const std::string& made, int directory, const char* name);
  // Takes a whole directory out of sight at once.
  int Discard(int directory, const char* name);
  int Remove(const std::string& made);

  // Takes apart what was discarded, at most about `budget` names of it. True when nothing is left
  // that can be removed.
  bool EmptyTrash(std::uint32_t& budget);
  // Partial copies that nobody came back for.
  void SweepPartials();

  // The file systems' own time, now.
  std::int64_t Stamp() const;
  std::string ReadState() const;
  int WriteState(std::string_view text);

 private:
  Staging() = default;
  bool EmptyOne(const char* name, std::uint32_t& budget);
  // Of at least `most` of its names, when there are so many. True when something went away.
  bool EmptyInside(int directory, std::size_t most, std::uint32_t& budget);
  void Sweep(std::string_view but_for);

  Handle root_;
  Handle lock_;
  Handle made_;
  Handle trash_;
  std::string boot_;
  std::uint64_t next_ = 0;
  std::set<std::string, std::less<>> stuck_;  // of the trash; the next start tries again
};

}  // namespace leeward::lab::trees
