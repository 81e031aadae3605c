// Write permissions that a copy does not show, so that it is read-only for those who use it, and
// that everything in it gets back when the copy ends.
//
// The rule is that an owner may write, and nobody else. What the rule does not tell is written down
// in a file outside the tree before it shows less, by inode: a kill at any moment leaves no wrong
// permissions behind, and the memory goes with the exceptions. Everything here blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "lab/trees/descriptor.h"

namespace leeward::lab::trees {

class Withheld {
 public:
  static constexpr std::uint32_t kBits = 0222;

  // `file` keeps what the rule does not tell; there is none while nothing is held. Whatever cannot
  // be read of it is not taken for nothing: those permissions would be lost.
  static base::Result<std::unique_ptr<Withheld>> Open(std::string file);

  // Takes the bits from everything in the tree. Done before, it does nothing; interrupted, it goes
  // on. No symbolic link is followed, and no other file system entered.
  base::Status Hold(const std::string& tree);
  // Gives them back. What is interrupted goes on with the next call.
  base::Status Release(const std::string& tree);
  // Since Hold began, until Release has ended.
  bool holds() const { return kept_; }

  // By a copy into the tree, before its inode shows less than `mode`. 0 or errno.
  int Keep(std::uint64_t inode, std::uint32_t mode);
  // Between both everything in the tree is kept: what was not is forgotten.
  void BeginWalk() { ++walk_; }
  void EndWalk();

  // What an inode that shows `shown` has in truth.
  std::uint32_t True(std::uint64_t inode, std::uint32_t shown) const;
  std::size_t exceptions() const { return exceptions_.size(); }

 private:
  struct Record {
    std::uint64_t inode = 0;  // 0: a mark
    std::uint32_t mode = 0;
    std::uint32_t seal = 0;  // tells a record from other bytes
  };
  struct Exception {
    std::uint32_t mode = 0;
    std::uint32_t walk = 0;  // the last in which it was kept
  };
  using Exceptions = std::unordered_map<std::uint64_t, Exception>;
  enum Mark : std::uint32_t { kAllKept = 1, kAllTaken = 2 };

  explicit Withheld(std::string file) : path_(std::move(file)) {}
  base::Status Read();
  void Take(const Record& record);
  int Append(std::uint64_t inode, std::uint32_t mode);
  base::Status SetMark(Mark mark);
  base::Status KeepAll(const std::string& tree);
  base::Status TakeAll(const std::string& tree);
  base::Status Clear();
  bool Rewrite(const Exceptions& exceptions);

  const std::string path_;
  Handle file_;
  Exceptions exceptions_;
  std::uint32_t walk_ = 0;
  bool kept_ = false;
  bool taken_ = false;
};

}  // namespace leeward::lab::trees
