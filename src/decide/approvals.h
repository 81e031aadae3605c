// Approvals: what people are asked about, who has agreed, and whether that is enough. The request
// is of one execution, one plan and one gate, and what is given is kept inside it, so that an
// approval can count for nothing else. docs/formats/api.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace leeward::decide {

struct Approval {
  std::string name, reason;
  base::WallTime at;
  friend bool operator==(const Approval&, const Approval&) = default;
};

struct ApprovalRequest {
  model::ExecutionId execution;
  std::string plan;      // its digest
  model::StepId step;    // the gate that asks
  std::string question;  // what is approved, one line
  int people = 1;
  base::WallTime until;
  std::vector<Approval> given;  // by different people
  friend bool operator==(const ApprovalRequest&, const ApprovalRequest&) = default;
};

// kInvalid when name or reason is missing, longer than is kept, or no plain line.
base::Status CheckApproval(const Approval& approval);
// The same from "NAME: REASON".
base::Result<Approval> ApprovalFrom(std::string_view by, base::WallTime at);

// The request with the approval in it. kAlready: that person approved before, however the name is
// written. kWrongState: time is up, or there is nothing to wait for any more.
base::Result<ApprovalRequest> Approve(ApprovalRequest request, const Approval& approval,
                                      base::WallTime now);

// What is asked now, where `there` is what was asked before: the same execution, plan and gate keep
// their time and what was given for them; anything else begins anew.
ApprovalRequest Asked(const ApprovalRequest* there, ApprovalRequest wanted);

// What was given in time counts for this long after it was up: for whoever waits to find it, or to
// be started again and find it. Not for another day.
inline constexpr base::Duration kTakenIn = std::chrono::minutes(1);

enum class Standing { kWaits, kApproved, kTimeIsUp };
Standing StandingOf(const ApprovalRequest& request, base::WallTime now);
// How many approvals are still to come.
int Lacking(const ApprovalRequest& request);
// "waits for 1 of 2 approvals until 2026-11-23T03:12:40Z"; one is still to come.
std::string Describe(const ApprovalRequest& request, base::WallTime now);

// "leeward/<application>/approvals"
std::string ApprovalsKey(const model::ApplicationName& application);
std::string ToJson(const ApprovalRequest& request);
// kCorrupt for anything but such a request.
base::Result<ApprovalRequest> ApprovalRequestFromJson(std::string_view text);

}  // namespace leeward::decide
