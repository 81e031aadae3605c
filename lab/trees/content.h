// The bytes of one file, from one descriptor to another, in bounded pieces: holes stay holes, and
// the file system copies by itself where it can.
#pragma once

#include <cstdint>
#include <memory>

#include "lab/trees/entry.h"

namespace leeward::lab::trees {

// Where a file system can share blocks between two files at once, the whole file is taken in one
// call. 0, or the errno that says it cannot.
int CloneContent(int from, int to);

enum class Copying : std::uint8_t { kMore, kDone, kShrank, kFailed };

class ContentCopy {
 public:
  // `source` is what `from` looked like when it was opened; `begin` is what `to` has already.
  ContentCopy(int from, int to, const Entry& source, std::uint64_t begin);

  // Copies at most `budget` bytes of data and adds them to `moved`.
  Copying Step(std::uint64_t budget, std::uint64_t& moved);
  int error() const { return error_; }
  // Bytes to the end of the file, holes among them.
  std::uint64_t left() const { return size_ - at_; }

 private:
  Copying Fail(int error);
  Copying FindData();
  Copying CopyPiece(std::uint64_t wanted, std::uint64_t& moved);
  Copying CopyThroughMemory(std::uint64_t wanted, std::uint64_t& moved);
  Copying Finish();

  const int from_;
  const int to_;
  const std::uint64_t size_;
  const bool has_holes_;
  std::uint64_t at_;
  std::uint64_t data_end_;  // of the piece between two holes that `at_` is in
  bool in_kernel_;
  int error_ = 0;
};

enum class Comparing : std::uint8_t { kMore, kSame, kDiffer, kFailed };

class ContentComparison {
 public:
  ContentComparison(int left, int right) : left_(left), right_(right) {}
  // Reads at most about `budget` bytes of each.
  Comparing Step(std::uint64_t budget);
  int error() const { return error_; }

 private:
  const int left_;
  const int right_;
  std::uint64_t at_ = 0;
  int error_ = 0;
};

}  // namespace leeward::lab::trees
