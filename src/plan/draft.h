// Draft: a plan in the making, handed from pass to pass.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace leeward::plan {

// Where a step's AWS call is sent.
enum class Where {
  kHere,    // the Region in which the step acts
  kOther,   // the other of the application's two Regions
  kGlobal,  // a service with one control plane for all Regions
  kData,    // a data plane that outlives any one Region
};

struct CallTemplate {
  const char* service;
  const char* operation;
  Where where = Where::kHere;
  std::string_view of_kind = {};  // of no use without a component of that kind; empty: of any
  std::string_view with = {};     // nor without that parameter of the step; empty: of any
};

enum class Attempts { kOnce, kSeveral };

// The part that a step kind plays in plans. The rules between components and those of the gates are
// written for parts, so that a new component kind declares what its steps are, and is ordered,
// measured and fenced with the rest.
enum class Part : unsigned {
  kNone = 0,
  kMeasures = 1u << 0,    // states what a store would lose at most: output `bound_ns`
  kFences = 1u << 1,      // closes a store's old writer, best effort: output `proof`
  kStops = 1u << 2,       // stops what writes in the old Region, best effort
  kChanges = 1u << 3,     // the first of its component to change the new Region in a failover
  kReplicates = 1u << 4,  // makes the other Region's copy, or finds it whole
  kKeeps = 1u << 5,       // keeps and lists what a returning old writer alone holds
  kCloses = 1u << 6,      // ends the writes of a store for a planned move
  kOpens = 1u << 7,       // lets writes into a store again
  kServes = 1u << 8,      // after it the store takes writes, or the service answers
  kRetires = 1u << 9,     // puts the old side away after a planned move
  kRestates = 1u << 10,   // states again, behind the fence, what its store would lose at most
  kCompletes = 1u << 11,  // waits for a store's last write, in a planned move
};
constexpr Part operator|(Part a, Part b) {
  return static_cast<Part>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool Plays(Part parts, Part one) {
  return (static_cast<unsigned>(parts) & static_cast<unsigned>(one)) != 0;
}

// Everything about a step kind that does not depend on the plan. Tables: one a component kind, and
// common.cc.
struct StepTemplate {
  const char* kind;
  model::Phase phase;
  const char* title;  // "{component}", "{region}" and "{other}" are filled in
  const char* reason;
  const char* undo;  // empty: it cannot be taken back
  base::Duration Timeouts::*timeout;
  Attempts attempts;
  model::OnFailure on_failure;
  std::vector<CallTemplate> calls;
  Part parts = Part::kNone;
};

// A step that must come after another, by kind, or by part: ":measures". "@to" or "@from" behind it
// narrows it to the steps that act in that Region. Tables beside the step kinds.
enum class Scope {
  kSame,  // within one component
  kAll,   // over all components
};
struct OrderRule {
  const char* before;
  const char* after;
  Scope scope;
};

struct Draft {
  const model::Application& application;
  const model::Inventory& inventory;
  const model::Snapshot& snapshot;
  const Options& options;
  model::Plan plan;

  bool from_may_answer = true;  // unless it is down, and nothing of it answers

  // Adds a step of this kind, filled in from its template. Its id becomes final in the pass
  // `names`.
  model::Step& Emit(std::string_view kind, const model::ComponentName& component,
                    const model::Region& region);
  const model::Region& Other(const model::Region& region) const {
    return region == plan.from ? plan.to : plan.from;
  }
  // Whether any step of this kind is in the plan.
  bool Has(std::string_view kind) const;
};

// What steps of several component kinds are told alike; each returns its step.
// The other Region, whose data the step's Region has or gets.
model::Step& TellSource(const Draft& draft, model::Step& step);
// Where AWS Backup keeps the component, and under which key.
void TellVault(const model::Backed& backup, model::Step& step);
// The other Region, which has the writer.
model::Step& TellWriter(const Draft& draft, model::Step& step);
// Of a store's `measure`: its source, and how much may be lost.
model::Step& TellBudget(const Draft& draft, model::Step& step);
// Of a store's steps that say what it would lose: who promoted it here, when that is known.
model::Step& TellPromoted(const Draft& draft, model::Step& step);
// Of the steps of a file system: the services whose tasks have it mounted.
model::Step& TellWriters(const Draft& draft, model::Step& step);
// Of a store's `late-writes`: its writer, and where the last failover parted it from that.
model::Step& TellParting(const Draft& draft, model::Step& step);

// Whether the step kind is meant by a rule's side without its "@": "rds.replicate", ":replicates".
bool IsMeant(std::string_view side, const model::StepKind& kind);
// Whether there are kinds that the side means.
bool MeansAny(std::string_view side);

// What a component kind brings to plans.
struct Recipe {
  const char* kind;  // as model::KindName says it
  const std::vector<StepTemplate>& (*templates)();
  const std::vector<OrderRule>& (*order)();
  // Each adds this component's steps for an action.
  void (*protect)(const model::Component& component, Draft& draft);
  void (*failover)(const model::Component& component, Draft& draft);
  void (*move)(const model::Component& component,
               Draft& draft);  // planned: switchover and failback
  // Puts the component back, in the plan's `to`, into what a move had begun to close; and in its
  // `from`, what it had begun to start.
  void (*call_off)(const model::Component& component, Draft& draft);
  // Kinds after which others may rely on the component, and which wait for what the component
  // relies on; by action. Empty: the plan has no such step.
  struct Ends {
    const char* ready;
    const char* waits;
  };
  Ends in_protect, in_failover, in_move;
  // Whether a guard closes the store by itself when its Region's lease ends.
  enum class Door { kNone, kGuarded } door = Door::kNone;
};
const std::vector<const Recipe*>& Recipes();
const Recipe& RecipeOf(const model::Component& component);

const Recipe& RdsRecipe();
const Recipe& EcsRecipe();
const Recipe& Route53Recipe();
const Recipe& DynamodbRecipe();
const Recipe& ElasticacheRecipe();
const Recipe& EfsRecipe();
const Recipe& DataSyncRecipe();
const Recipe& EbsRecipe();
const Recipe& SecretsManagerRecipe();
const Recipe& KmsRecipe();
const Recipe& S3Recipe();

// Steps of the whole application: gates, verification, inventory.
const std::vector<StepTemplate>& GateTemplates();
const std::vector<StepTemplate>& CommonTemplates();
const std::vector<OrderRule>& CommonOrder();

const StepTemplate& TemplateOf(std::string_view kind);
// The Region whose control plane a service's calls need when they are sent to `region`; empty:
// none.
model::Region ControlPlaneOf(std::string_view service, const model::Region& region);

// --- Passes, in order; the list with the reason of the order is passes.cc
// --------------------------------

base::Status CheckOptions(Draft& draft);
base::Status AssignRoles(Draft& draft);
base::Status EmitComponents(Draft& draft);
base::Status EmitCommon(Draft& draft);
base::Status NameSteps(Draft& draft);
base::Status OrderSteps(Draft& draft);
base::Status SortSteps(Draft& draft);
base::Status ReduceOrder(Draft& draft);
base::Status SetLimits(Draft& draft);
base::Status AnnotateCalls(Draft& draft);
base::Status CheckNothingNeedsTheLost(Draft& draft);

struct Pass {
  const char* name;
  base::Status (*run)(Draft& draft);
};
const std::vector<Pass>& Passes();

}  // namespace leeward::plan
