// Plan: a DAG of idempotent steps from what is to what should be. A value: saved, diffed, signed
// off, run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/ids.h"

namespace leeward::model {

enum class Action {
  kProtect,
  kFailover,
  kSwitchover,
  kFailback,
  kCallOff,  // ends a planned move that has not promoted anything: back to where it was
};

// The part of the RTO (or of the work around it) that a step's time is counted in.
enum class Phase {
  kPrepare,
  kDetect,
  kDecide,
  kFence,
  kPromote,
  kScale,
  kTraffic,
  kVerify,
  kReprotect
};

// One AWS operation a step may use, and the Region whose loss would take it away.
struct AwsCall {
  std::string service;    // "rds"
  std::string operation;  // "PromoteReadReplica"
  Region region;          // where it is sent; empty: a global endpoint
  Region control_plane;   // the Region whose control plane must live; empty: data plane, none
};

enum class OnFailure {
  kStop,      // the execution stops; a later run goes on here
  kContinue,  // best effort: the failure is recorded and the steps behind it run
};

// A store's promotion by a move.
struct Promotion {
  Region region;
  ExecutionId by;
};

struct Step {
  StepId id;                // unique in the plan: "rds.promote/orders"
  StepKind kind;            // has exactly one runner
  ComponentName component;  // empty for steps of the whole application
  Region region;            // where it acts
  Phase phase = Phase::kPrepare;
  std::string title;   // "promote orders in us-west-2"
  std::string reason;  // why it is in this plan
  std::vector<AwsCall> calls;
  std::vector<StepId> after;  // starts when all of these are done
  std::map<std::string, std::string> parameters;
  std::string undo;          // how to take it back, in words; empty: it cannot be
  base::Duration timeout{};  // of one attempt
  int max_attempts = 1;
  OnFailure on_failure = OnFailure::kStop;
};

struct Plan {
  Action action = Action::kFailover;
  ApplicationName application;
  Region from;  // active before
  Region to;    // active after
  base::WallTime made;
  std::string reason;       // why this plan: the row of the decision table and what it saw
  std::vector<Step> steps;  // in an order in which each comes after what it waits for

  const Step* Find(const StepId& id) const {
    for (const Step& step : steps) {
      if (step.id == id) return &step;
    }
    return nullptr;
  }
};

}  // namespace leeward::model
