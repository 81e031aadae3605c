// Write access to a directory of ours whose permissions, kept as the source has them, close it to
// us as well.
#pragma once

#include <cstdint>

namespace leeward::lab::trees {

// Open as long as this lives. Where it cannot be opened, or the superuser needs no such thing,
// nothing happens, and what is done next says so.
class Unlocked {
 public:
  explicit Unlocked(int directory);
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  const int directory_;
  std::uint32_t mode_ = 0;
  bool changed_ = false;
};

}  // namespace leeward::lab::trees
