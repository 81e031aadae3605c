// Plan: a goal to a DAG of steps, made by small passes (plan/passes.cc). A plan is a value with
// stable text, JSON and DOT forms; applying it never re-plans.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/application.h"
#include "model/inventory.h"
#include "model/observation.h"
#include "model/plan.h"

namespace leeward::plan {

// Limits of steps, by what they wait for. Ranges are checked by Make.
struct Timeouts {
  base::Duration look{10'000'000'000};       // reads and small changes of an API; 1 s to 10 min
  base::Duration create{3'600'000'000'000};  // a replica or instance comes to be; 1 s to 24 h
  base::Duration fence{
      2'000'000'000};  // best effort against a Region that may be gone; 100 ms to 5 min
  base::Duration drain{30'000'000'000};     // received log is replayed; 100 ms to 1 h
  base::Duration promote{900'000'000'000};  // 1 s to 2 h
  base::Duration scale{600'000'000'000};    // tasks start; 1 s to 2 h
  base::Duration shift{15'000'000'000};     // routing controls over all endpoints; 1 s to 10 min
  base::Duration lease{1'200'000'000'000};  // the old lease ends and is taken; 1 s to 1 h
  base::Duration confirm{120'000'000'000};  // resolvers answer the new address; 1 s to 1 h
};

// A drill's own statement that it ended the old Region's processes.
struct KilledByDrill {
  model::Region region;
  base::WallTime at;
};

// Who starts an action. A person who does so has said yes; a daemon asks where the spec says so.
enum class Starter { kPerson, kDaemon };

struct Options {
  Timeouts timeouts;
  Starter starter = Starter::kPerson;
  model::Region to;  // --to; empty: the Region where the application is not active
  int attempts = 3;  // of a step that may be tried again; 1 to 10
  std::optional<base::Duration> accept_loss;  // --accept-loss
  std::string override_fence;                 // --override-fence "NAME: REASON"
  std::optional<KilledByDrill> killed;
  std::string reason;  // why this plan is asked for
  // Where each store's last failover parted it from its old writer, as that failover's journal
  // says; absent: not known.
  std::map<model::ComponentName, std::string> parted;
  // What moves that are not done promoted, and where, as the journal says.
  std::map<model::ComponentName, model::Promotion> promoted;
};

// The plan, or why there can be none. kInvalid: options out of range. kWrongState: the snapshot
// does not allow the action (already there, active unknown, parts in different Regions with nothing
// to resume). kRefused: the plan would need the Region that is lost.
//
// kFailover moves from where the snapshot says the application is active to the other Region;
// kSwitchover the same, planned, both alive; kFailback is the planned move home, preserving what
// the old writer still holds. kCallOff puts back a planned move that has promoted nothing: `to` in
// the options is the Region that it left.
base::Result<model::Plan> Make(model::Action action, const model::Application& application,
                               const model::Inventory& inventory, const model::Snapshot& snapshot,
                               const Options& options);

// A table for people: step, Region, AWS operation, control plane needed, waits for, undo.
std::string ToText(const model::Plan& plan);
// The same as a list in at most `width` columns, for terminals in which the table has no room.
std::string ToText(const model::Plan& plan, int width);
// Stable; docs/formats/plan.md. FromJson(ToJson(p)) == p.
std::string ToJson(const model::Plan& plan);
base::Result<model::Plan> FromJson(std::string_view json);
// Graphviz.
std::string ToDot(const model::Plan& plan);

// Every step kind that a recipe can emit; each has a runner.
std::vector<model::StepKind> AllStepKinds();

// Every AWS operation that a recipe can name, without Regions; each is served by the lab. Sorted.
struct Operation {
  std::string service, name;
  friend auto operator<=>(const Operation&, const Operation&) = default;
};
std::vector<Operation> AllOperations();

}  // namespace leeward::plan
