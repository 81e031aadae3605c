// Status: all that a controller tells of one application, as JSON for the API and as text for
// Prometheus. docs/formats/api.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "decide/approvals.h"
#include "model/observation.h"
#include "serve/move.h"

namespace leeward::serve {

struct RegionStatus {
  model::Verdict verdict;
  model::Health application = model::Health::kUnknown;
  model::Health stores = model::Health::kUnknown;
  model::Health control_plane = model::Health::kUnknown;
  std::string apart;  // "the application is dead, the AWS API answers"; empty: they agree
};

struct ObserverStatus {
  model::Region region;
  std::string standing;
  bool fresh = false;
  std::optional<base::Duration> silence;  // absent: it was never heard
};

struct Status {
  model::ApplicationName application;
  std::string mode;  // "automatic", "manual"
  bool leading = false;
  std::string lease;  // of the controllers, for people
  std::vector<RegionStatus> regions;
  std::vector<ObserverStatus> observers;
  std::vector<model::Combination> down_when;             // what the verdicts count
  std::map<model::ComponentName, model::Region> active;  // empty: not known
  std::string goal, row, reason;                         // of the decision table
  std::string doing;                                     // why it does what it does now
  std::optional<std::string> running;  // the step that changed last, while a move runs
  std::optional<Move> move;
  std::optional<decide::ApprovalRequest> approval;  // that people are asked for now
  std::string approval_standing;                    // of it, for people
  std::map<std::string, std::uint64_t> moves;       // by outcome, since this process began
  std::uint64_t store_errors = 0;
  std::optional<base::Duration>
      store_silence;  // since the store last answered; absent: it never did
};

std::string StatusJson(const Status& status);  // with its newline
// All applications in Prometheus's text format, version 0.0.4.
std::string MetricsText(const std::vector<Status>& all);

}  // namespace leeward::serve
