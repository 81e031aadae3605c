// A directory tree that belongs to a file system: reading it, and making it the copy of another.
//
// Everything here blocks. No path leads out of the tree: each part of one is opened by itself, and
// a symbolic link is never followed, whoever puts one there meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::lab::efs {

class Opened;

struct Entry {
  enum class Kind { kFile, kDirectory, kLink };
  std::string name;  // any bytes but '/' and NUL
  Kind kind = Kind::kFile;
  std::uint32_t mode = 0;  // permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t size = 0;
  std::int64_t accessed = 0;  // ns since the epoch, as the next two
  std::int64_t modified = 0;
  std::int64_t changed = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 1;
  std::string target;  // of a symbolic link
};

// "a/b" of "a" and "b"; the other one if one is empty.
std::string Below(std::string_view directory, std::string_view name);
// Whether a name that came from elsewhere may be used here.
bool IsPlainName(std::string_view name);
bool IsPlainPath(std::string_view relative);

// What is in a directory, by name; `relative` is "" for the tree's root. What EFS cannot hold
// (devices, sockets, pipes) is left out. kNotFound for one that is gone.
base::Result<std::vector<Entry>> ListDirectory(const std::filesystem::path& root,
                                               const std::string& relative);
base::Result<Entry> Look(const std::filesystem::path& root, const std::string& relative);

// A part of a file, without the hole before it.
struct Piece {
  Entry entry;  // the file as it was when the bytes were read
  std::int64_t offset = 0;
  std::string bytes;
  std::int64_t next = 0;  // where to go on
  bool last() const { return next >= entry.size; }
};
// Whether both are of the same contents.
bool SameContents(const Entry& a, const Entry& b);
// Strict: kWrongState for a file that changes meanwhile. Loose: what was read.
enum class Reading { kStrict, kLoose };
struct PieceAsked {
  std::string path;
  std::int64_t offset = 0;
  std::size_t most = 1 << 20;
  Reading reading = Reading::kStrict;
};
base::Result<Piece> ReadPiece(const std::filesystem::path& root, const PieceAsked& asked);

// Tells two files with other contents apart.
base::Result<std::string> SumOf(const std::filesystem::path& root, const std::string& relative);

// Makes one tree the copy of another, a directory at a time. What arrives of a file is put together
// in a folder beside the tree, and moved to its place when it is whole.
class TreeCopy {
 public:
  struct Options {
    std::filesystem::path root;
    std::string inside;             // a directory in it that is the copy; "" for all of it
    std::filesystem::path scratch;  // on the same disk; emptied first
    bool remove_extra = true;
    bool keep_newer = false;  // files that exist are left alone
    bool keep_owners = true;
    bool keep_modes = true;
    bool keep_times = true;
    bool take_all = false;                                // also files that look the same
    std::function<bool(const std::string& path)> wanted;  // what else stays; null: everything
  };
  struct Counts {
    std::int64_t files = 0;  // put in place
    std::int64_t bytes = 0;  // of them
    std::int64_t removed = 0;
    std::int64_t skipped = 0;  // left as they were, because files there are not overwritten
  };
  static base::Result<TreeCopy> Begin(Options options);

  // Makes the directory hold what `entries` says, but for the contents of files; answers the files
  // that have to be brought.
  base::Result<std::vector<Entry>> TakeDirectory(const std::string& relative,
                                                 const std::vector<Entry>& entries);
  // A part of a file; one from the beginning begins it anew.
  base::Status TakePiece(const std::string& relative, const Piece& piece);
  void DropFile(const std::string& relative);
  // The whole of it has been taken: to its place.
  base::Status PutFile(const std::string& relative, const Entry& entry);
  // Gives further names to the files that have several; after all files.
  base::Status LinkFiles();
  // Bits, owner and times of a directory; after all that is in it.
  base::Status FinishDirectory(const std::string& relative, const Entry& entry);

  const Counts& counts() const { return counts_; }
  const Options& options() const { return options_; }

 private:
  struct Link {
    std::string first;
    std::string path;
    Entry entry;
  };
  explicit TreeCopy(Options options) : options_(std::move(options)) {}
  base::Result<Opened> OpenIn(std::string_view relative) const;
  std::string ScratchOf(const std::string& relative) const;
  base::Status Remove(int directory, const std::string& relative);
  base::Status Dress(int directory, const std::string& relative, const Entry& entry);
  base::Status DressFile(int file, const std::string& relative, const Entry& entry);
  static base::Status MakeDirectory(int directory, const std::string& relative, const Entry& entry);
  base::Status MakeLink(int directory, const std::string& relative, const Entry& entry);
  base::Result<bool> TakeEntry(int directory, const std::string& relative, const Entry& entry);
  base::Result<bool> TakeFile(int directory, const std::string& relative, const Entry& entry,
                              const std::optional<Entry>& now);
  bool SameFile(const Entry& entry, const Entry& now) const;

  Options options_;
  Counts counts_;
  std::map<std::uint64_t, std::string> first_names_;  // by the source's inode, of linked files
  std::vector<Link> links_;
};

}  // namespace leeward::lab::efs
