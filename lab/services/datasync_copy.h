// One execution's work, in the Region of its destination: bringing files, and verifying them.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/services/efs_pull.h"
#include "lab/services/flow.h"

namespace leeward::lab::datasync {

struct CopyCounts {
  std::int64_t listed = 0;  // at the source
  std::int64_t transferred = 0;
  std::int64_t bytes = 0;
  std::int64_t deleted = 0;
  std::int64_t skipped = 0;
  std::int64_t verified = 0;
  std::int64_t failed = 0;  // to be verified
};
shapes::Value ToValue(const CopyCounts& counts);
CopyCounts CountsOf(const shapes::Value& value);

// Of the folder in which an execution puts files together, beside the file system's tree.
inline constexpr std::string_view kScratchPrefix = "datasync-";

struct CopyOrder {
  std::string source_region;
  std::string source_location;   // ARN
  std::filesystem::path root;    // of a file system
  std::string inside;            // a directory in it; "" for all of it
  std::filesystem::path folder;  // the file system's
  std::string name;              // of the execution, for its scratch folder
  shapes::Value options;         // complete
  std::string includes;
  std::string excludes;
  std::function<base::Status()> writable;  // still
};

class Copy : public std::enable_shared_from_this<Copy> {
 public:
  Copy(Host& host, const efs::PullLimits& limits, CopyOrder order)
      : host_(host), limits_(limits), order_(std::move(order)) {}
  void Start();
  void Cancel();

  // PREPARING, TRANSFERRING, VERIFYING, then SUCCESS or ERROR.
  const std::string& phase() const { return phase_; }
  bool ended() const { return phase_ == "SUCCESS" || phase_ == "ERROR"; }
  // Ended, and so long ago that nobody asks for it any more.
  bool Forgettable() const;
  CopyCounts counts() const;
  const std::string& failed_in() const { return failed_in_; }  // a phase
  const std::string& error_code() const { return error_code_; }
  const std::string& error_detail() const { return error_detail_; }

 private:
  using Self = std::shared_ptr<Copy>;
  static Flow<> Run(Self self);
  Flow<base::Status> Transfer();
  Flow<base::Status> Verify();
  Flow<base::Result<shapes::Value>> AskSums(std::vector<std::string> files);
  base::Status Compare(const std::vector<std::string>& files, const shapes::Value& sums);
  void Fail(std::string_view code, std::string detail);

  Host& host_;
  efs::PullLimits limits_;
  CopyOrder order_;
  std::string phase_ = "PREPARING";
  std::string failed_in_;
  std::string error_code_;
  std::string error_detail_;
  std::shared_ptr<efs::TreeCopy> tree_;
  std::shared_ptr<efs::Pull> pull_;
  std::vector<std::string> to_verify_;
  CopyCounts verified_;
  std::int64_t listed_ = 0;
  base::MonotonicTime ended_;
  bool cancelled_ = false;
};

}  // namespace leeward::lab::datasync
