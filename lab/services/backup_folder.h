// What a recovery point keeps: a folder of files that never change again, with a list of them that
// says what each must hold. The list is what a copy in another Region is checked against.
//
//   <point>/content   the files
//   <point>/list      one JSON line for each, a directory before what is in it
//
// Everything here blocks. Content comes from users' trees: no path leads out of it, and a symbolic
// link is never followed.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shapes/value.h"

namespace leeward::lab::backup {

// A job under way, as its workers and its owner both see it.
struct Work {
  std::atomic<bool> stopped{false};
  std::atomic<std::int64_t> bytes{0};
};
using WorkPtr = std::shared_ptr<Work>;

// What a folder's list says in short; equal seals are equal contents.
struct Seal {
  std::string digest;           // of the list
  std::int64_t list_bytes = 0;  // its length
  std::int64_t bytes = 0;       // of all files, those with several names once
};
shapes::Value ToValue(const Seal& seal);
Seal SealOf(const shapes::Value& value);

std::filesystem::path ContentOf(const std::filesystem::path& folder);

// Lists `content`, which nobody changes any more. kCancelled once `work` is stopped.
base::Result<Seal> SealFolder(const std::filesystem::path& folder, const WorkPtr& work);

// The giving side of a copy. At most `most` bytes.
base::Result<std::string> ReadList(const std::filesystem::path& folder, std::int64_t offset,
                                   std::size_t most);
struct Part {
  std::string path;  // below content
  std::int64_t offset = 0;
  std::int64_t size = 0;
};
base::Result<std::string> ReadPart(const std::filesystem::path& folder, const Part& part);

// The taking side: the list first, then the parts that it names, then what only a whole copy has.
class FolderTake {
 public:
  explicit FolderTake(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Makes the folder anew.
  base::Status Begin();
  base::Status TakeList(std::string_view bytes);
  // The list is whole, which `seal` is held against.
  base::Status OpenList(const Seal& seal);
  // The next parts to bring, together at most `most` bytes; none when all is there.
  std::vector<Part> Next(std::size_t most);
  base::Status TakePart(const Part& part, std::string_view bytes);
  // Compares every file with the list, then gives names, owners, modes and times.
  base::Status Finish(const WorkPtr& work);

 private:
  base::Status Dress(const shapes::Value& line) const;

  std::filesystem::path folder_;
  std::vector<shapes::Value> lines_;
  std::size_t next_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace leeward::lab::backup
