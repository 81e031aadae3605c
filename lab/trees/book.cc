#include "lab/trees/book.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

namespace leeward::lab::trees {
namespace {

constexpr const char* kName = "directories";
constexpr const char* kNewName = "directories.new";
constexpr std::size_t kRecordsAtOnce = 4096;
constexpr std::size_t kSmallest = 10'000;  // records below which the file is not worth shortening

}  // namespace

void Book::Open(int folder) {
  folder_ = folder;
  file_ =
      Handle(::openat(folder, kName, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  known_.clear();
  on_disk_ = 0;
  std::vector<Record> records(kRecordsAtOnce);
  for (off_t at = 0; file_.valid();) {
    const ssize_t got = ::pread(file_.get(), records.data(), records.size() * sizeof(Record), at);
    if (got < static_cast<ssize_t>(sizeof(Record))) break;
    const std::size_t count = static_cast<std::size_t>(got) / sizeof(Record);
    for (std::size_t i = 0; i < count; ++i) known_[records[i].path].inode = records[i].inode;
    on_disk_ += count;
    at += static_cast<off_t>(count * sizeof(Record));
  }
  // A kill may have left a part of a record, behind which nothing could be read.
  if (file_.valid() && ::ftruncate(file_.get(), static_cast<off_t>(on_disk_ * sizeof(Record))) != 0)
    Clear();
}

void Book::Clear() {
  known_.clear();
  met_.clear();
  on_disk_ = 0;
  if (file_.valid() && ::ftruncate(file_.get(), 0) != 0) file_.Close();
}

bool Book::Met(std::string_view path, std::uint64_t inode, Extent extent) {
  const std::uint64_t hash = std::hash<std::string_view>()(path);
  const auto [found, is_new] = known_.try_emplace(hash);
  Known& known = found->second;
  known.walk = walk_;
  if (known.inode == inode) return true;
  const bool in_flux = std::exchange(known.inode, 0) == 0;
  if (extent == Extent::kAll) {
    met_[hash] = inode;
  } else {
    met_.erase(hash);
  }
  // A path that is not in the file is in flux without being told.
  const Record flux{hash, 0};
  if (!is_new && !in_flux) Append(&flux, 1);
  return false;
}

void Book::Settle() {
  if (met_.empty()) return;
  std::vector<Record> records;
  records.reserve(met_.size());
  for (const auto& [path, inode] : met_) {
    known_[path].inode = inode;
    records.push_back({path, inode});
  }
  met_.clear();
  Append(records.data(), records.size());
  if (on_disk_ > kSmallest && on_disk_ > 2 * known_.size()) Rewrite();
}

void Book::EndWalk() {
  const auto gone =
      std::erase_if(known_, [this](const auto& entry) { return entry.second.walk != walk_; });
  std::erase_if(met_, [this](const auto& met) { return !known_.contains(met.first); });
  // A path that is not known here must not be known to the file either.
  if (gone > 0) Rewrite();
}

// What cannot be written down is not known at the next start: the file is given up.
void Book::Append(const Record* records, std::size_t count) {
  if (!file_.valid()) return;
  const auto size = static_cast<ssize_t>(count * sizeof(Record));
  if (::write(file_.get(), records, static_cast<std::size_t>(size)) != size) return GiveUp();
  on_disk_ += count;
}

void Book::GiveUp() {
  file_.Close();
  static_cast<void>(::unlinkat(folder_, kName, 0));
}

void Book::Rewrite() {
  Handle shorter(::openat(folder_, kNewName,
                          O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!shorter.valid()) return GiveUp();
  std::vector<Record> records;
  for (const auto& [path, known] : known_) {
    if (known.inode != 0) records.push_back({path, known.inode});
  }
  const auto size = static_cast<ssize_t>(records.size() * sizeof(Record));
  if (::write(shorter.get(), records.data(), static_cast<std::size_t>(size)) != size ||
      ::renameat(folder_, kNewName, folder_, kName) != 0)
    return GiveUp();
  file_ = std::move(shorter);
  on_disk_ = records.size();
}

}  // namespace leeward::lab::trees
