// Files: the few things Leeward does with a file system, so that tests can lose power in between.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leeward::ports {

// A file that only grows.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // Appends all of it or fails: kExhausted when the disk is full. Not durable until Sync.
  virtual base::Status Append(std::string_view bytes) = 0;
  virtual base::Status Sync() = 0;
  virtual base::Result<std::uint64_t> Size() const = 0;
  // Cuts the file to `size` bytes; durable at the next Sync.
  virtual base::Status Truncate(std::uint64_t size) = 0;
};

class Files {
 public:
  virtual ~Files() = default;
  // Whole file. kNotFound; kExhausted past `max_bytes`; kInvalid for a directory.
  virtual base::Result<std::string> Read(const std::string& path, std::uint64_t max_bytes) = 0;
  // Replaces the file in one move (temporary file, sync, rename, sync of the directory), mode 0600.
  virtual base::Status WriteAtomically(const std::string& path, std::string_view bytes) = 0;
  // Opens for appending, made with mode 0600 when absent. Holds an exclusive lock until destroyed:
  // kWrongState when another process has it.
  virtual base::Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) = 0;
  virtual base::Status MakeDirectories(const std::string& path) = 0;
  virtual base::Status Remove(const std::string& path) = 0;
  virtual base::Result<bool> Exists(const std::string& path) = 0;
  virtual base::Result<std::vector<std::string>> List(const std::string& directory) = 0;
};

}  // namespace leeward::ports
