// A recovery point on its way into this Region: its list and its files are asked of the source's
// Region through the lab's network, and compared with what the list says.
#pragma once

#include <memory>
#include <string>

#include "lab/services/backup_folder.h"
#include "lab/services/flow.h"

namespace leeward::lab::backup {

struct IncomingLimits {
  base::Duration call{10'000'000'000};  // to another Region
  base::Duration retry{500'000'000};    // after a call that failed
  base::Duration lost{60'000'000'000};  // that the other Region may be silent
  std::size_t bytes = 1 << 20;          // of one answer
};

struct Incoming {
  std::string job;  // of the source's Region
  std::string source_region;
  std::string source_point;  // ARN
  std::string point;         // ARN here
  std::string vault;         // here
  std::string folder;        // of the point, by name
  shapes::Value record;      // of the source's point
  shapes::Value tags;
  shapes::Value metadata;
  shapes::Value seal;
  shapes::Value lifecycle;
  std::string state = "RUNNING";  // COMPLETED, FAILED
  std::string message;
  base::MonotonicTime ended;
  WorkPtr work = std::make_shared<Work>();
};

// Brings the folder. To be held until it ends.
class FolderPull {
 public:
  FolderPull(Host& host, const IncomingLimits& limits, const Incoming& incoming,
             std::filesystem::path folder);
  Flow<base::Status> Run();

 private:
  Flow<base::Status> BringList();
  Flow<base::Status> BringParts();
  Flow<base::Result<shapes::Value>> Ask(std::string operation, shapes::Value input);
  Flow<base::Status> Do(std::function<base::Status()> work);
  base::Status TakeParts(const std::vector<Part>& parts, const shapes::Value& answer);

  Host& host_;
  IncomingLimits limits_;
  std::string region_;
  std::string point_;
  Seal seal_;
  WorkPtr work_;
  FolderTake take_;
};

// The source's side of both questions.
Answer AnswerReadList(const std::filesystem::path& folder, const shapes::Value& input);
Answer AnswerReadParts(const std::filesystem::path& folder, const shapes::Value& input);

}  // namespace leeward::lab::backup
