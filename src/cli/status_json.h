// What `status` shows. docs/formats/cli.md.
#pragma once

#include <string>

#include "cli/look.h"
#include "cli/quorum.h"
#include "decide/approvals.h"
#include "model/application.h"

namespace leeward::cli {

struct Status {
  model::Application application;
  model::Inventory inventory;
  Seen seen;
  model::Snapshot snapshot;
  std::optional<decide::ApprovalRequest> approval;  // that people are asked for now
  std::string last;                                 // execution, for people
  std::optional<Quorum> quorum;                     // absent: the spec names no store
};

// One line and a newline.
std::string StatusJson(const Status& status);

}  // namespace leeward::cli
