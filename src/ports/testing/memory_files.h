// MemoryFiles: a file system in memory that can lose power and run full. For tests and the
// simulator.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ports/files.h"

namespace leeward::ports::testing {

class MemoryFiles : public Files {
 public:
  base::Result<std::string> Read(const std::string& path, std::uint64_t max_bytes) override;
  base::Status WriteAtomically(const std::string& path, std::string_view bytes) override;
  base::Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override;
  base::Status MakeDirectories(const std::string& path) override;
  base::Status Remove(const std::string& path) override;
  base::Result<bool> Exists(const std::string& path) override;
  base::Result<std::vector<std::string>> List(const std::string& directory) override;

  // Everything written and not synced is gone, except the first `kept` bytes of each file's
  // unsynced tail. Locks are released; files that were open answer kUnreachable from now on.
  void LosePower(std::uint64_t kept = 0);
  // Bytes that may still be written in all; a write past it writes what fits and is kExhausted.
  void SetSpace(std::optional<std::uint64_t> bytes) { space_ = bytes; }
  // The next `count` calls of Sync fail with kExhausted.
  void FailSyncs(int count) { failing_syncs_ = count; }
  // The next `count` calls of Truncate fail with kExhausted.
  void FailTruncates(int count) { failing_truncates_ = count; }

  // From now on Sync answers that all is well and makes nothing durable.
  void LieAboutSyncs(bool lie) { lying_ = lie; }
  // How much of the file a loss of power would leave; 0 when there is no such file.
  std::uint64_t DurableBytes(const std::string& path) const;

  // The bytes as a reader sees them now; CHECKs that the file is there.
  std::string& Bytes(const std::string& path);
  void Put(const std::string& path, std::string bytes);
  int syncs() const { return syncs_; }

 private:
  friend class MemoryAppendFile;
  struct File {
    std::string bytes;    // as written
    std::string durable;  // as on the platter
    bool cut = false;     // since the last sync
  };
  // Takes `wanted` bytes of the space left; answers how many fit.
  std::uint64_t TakeSpace(std::uint64_t wanted);

  std::map<std::string, File> files_;
  std::set<std::string> directories_, locked_;
  std::optional<std::uint64_t> space_;
  int failing_syncs_ = 0, failing_truncates_ = 0, syncs_ = 0;
  bool lying_ = false;
  std::uint64_t boot_ = 0;
};

}  // namespace leeward::ports::testing
