// The machine's file system.
#pragma once

#include "ports/files.h"

namespace leeward::os {

class SystemFiles : public ports::Files {
 public:
  base::Result<std::string> Read(const std::string& path, std::uint64_t max_bytes) override;
  base::Status WriteAtomically(const std::string& path, std::string_view bytes) override;
  base::Result<std::unique_ptr<ports::AppendFile>> OpenAppend(const std::string& path) override;
  base::Status MakeDirectories(const std::string& path) override;
  base::Status Remove(const std::string& path) override;  // a file or an empty directory; kNotFound
  base::Result<bool> Exists(const std::string& path) override;
  base::Result<std::vector<std::string>> List(
      const std::string& directory) override;  // names, sorted
};

}  // namespace leeward::os
