// Passes `limits`, `calls` and `nothing-lost`: how long, how often, with whose control plane, and
// whether that is allowed.
#include <algorithm>

#include "model/names.h"
#include "plan/draft.h"

namespace leeward::plan {
namespace {

// Services whose control plane stands in one Region for all (partition aws).
struct GlobalService {
  const char* service;
  const char* region;
  bool endpoint_is_regional;
};
constexpr GlobalService kGlobalServices[] = {
    {"route53", "us-east-1", false},
    {"route53-recovery-control-config", "us-west-2", true},
};
constexpr char kDataPlane[] = "route53-recovery-cluster";

// What is set of a bucket goes through one Region for all, wherever the bucket is; its objects, and
// what is asked of it, do not.
constexpr char kBucketSettings[] = "us-east-1";
bool SetsBucket(const CallTemplate& call) {
  return std::string_view(call.service) == "s3" &&
         std::string_view(call.operation).starts_with("PutBucket");
}

const GlobalService* FindGlobal(std::string_view service) {
  for (const GlobalService& one : kGlobalServices) {
    if (one.service == service) return &one;
  }
  return nullptr;
}

model::AwsCall CallOf(const CallTemplate& one, const Draft& draft, const model::Step& step) {
  model::AwsCall call{one.service, one.operation, {}, {}};
  switch (one.where) {
    case Where::kHere:
      call.region = step.region;
      break;
    case Where::kOther:
      call.region = draft.Other(step.region);
      break;
    case Where::kGlobal:
      if (const GlobalService* global = FindGlobal(one.service);
          global != nullptr && global->endpoint_is_regional) {
        call.region = model::Region(global->region);
      }
      break;
    case Where::kData:
      break;
  }
  call.control_plane =
      SetsBucket(one) ? model::Region(kBucketSettings) : ControlPlaneOf(one.service, call.region);
  return call;
}

// Whether a component is of the kind, or of one that uses its service.
bool HasKind(std::string_view kind, const model::Application& application) {
  return std::any_of(application.components.begin(), application.components.end(),
                     [&](const model::Component& component) {
                       const bool files =
                           kind == "efs" && model::FilesOf(component.kind) != nullptr;
                       return files || model::KindName(component.kind) == kind;
                     });
}

// What is of one component kind, or of a service that one is named after, is asked only where there
// is such a component.
bool HasUseFor(const CallTemplate& call, const model::Application& application) {
  if (!call.of_kind.empty()) return HasKind(call.of_kind, application);
  const bool is_kind = std::any_of(Recipes().begin(), Recipes().end(), [&](const Recipe* recipe) {
    return recipe->kind == call.service;
  });
  return !is_kind || HasKind(call.service, application);
}

}  // namespace

model::Region ControlPlaneOf(std::string_view service, const model::Region& region) {
  if (service == kDataPlane) return {};
  if (const GlobalService* global = FindGlobal(service)) return model::Region(global->region);
  return region;
}

base::Status SetLimits(Draft& draft) {
  for (model::Step& step : draft.plan.steps) {
    const StepTemplate& one = TemplateOf(step.kind.str());
    step.timeout = draft.options.timeouts.*one.timeout;
    // People are waited for on top of what the step does itself.
    if (step.parameters.contains("approval-within-ns"))
      step.timeout += draft.application.failover.approval->within;
    step.max_attempts = one.attempts == Attempts::kOnce ? 1 : draft.options.attempts;
  }
  return base::Ok();
}

base::Status AnnotateCalls(Draft& draft) {
  for (model::Step& step : draft.plan.steps) {
    for (const CallTemplate& one : TemplateOf(step.kind.str()).calls) {
      const bool has = one.with.empty() || step.parameters.contains(std::string(one.with));
      if (has && HasUseFor(one, draft.application)) step.calls.push_back(CallOf(one, draft, step));
    }
  }
  return base::Ok();
}

// A failover must work while `from` and everything that lives there are gone. Best-effort steps may
// try.
base::Status CheckNothingNeedsTheLost(Draft& draft) {
  if (draft.plan.action != model::Action::kFailover) return base::Ok();
  const model::Region& lost = draft.plan.from;
  for (const model::Step& step : draft.plan.steps) {
    if (step.on_failure == model::OnFailure::kContinue) continue;
    if (step.region == lost) {
      return base::Refused("step " + step.id.str() + " acts in " + lost.str() +
                           ", which the failover is to do without");
    }
    for (const model::AwsCall& call : step.calls) {
      if (call.region != lost && call.control_plane != lost) continue;
      return base::Refused("step " + step.id.str() + " needs " + lost.str() + " for " +
                           call.service + " " + call.operation +
                           "; the failover is to do without it");
    }
  }
  return base::Ok();
}

}  // namespace leeward::plan
