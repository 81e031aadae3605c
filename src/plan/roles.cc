// Passes `options` and `roles`: whether there can be a plan, and from where to where.
#include <algorithm>
#include <set>

#include "model/names.h"
#include "plan/draft.h"

namespace leeward::plan {
namespace {

using model::Action;
using model::Health;
using model::Region;

struct Range {
  const char* name;
  base::Duration Timeouts::*limit;
  base::Duration low, high;
};
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
constexpr Range kRanges[] = {
    {"look", &Timeouts::look, seconds(1), minutes(10)},
    {"create", &Timeouts::create, seconds(1), hours(24)},
    {"fence", &Timeouts::fence, milliseconds(100), minutes(5)},
    {"drain", &Timeouts::drain, milliseconds(100), hours(1)},
    {"promote", &Timeouts::promote, seconds(1), hours(2)},
    {"scale", &Timeouts::scale, seconds(1), hours(2)},
    {"shift", &Timeouts::shift, seconds(1), minutes(10)},
    {"lease", &Timeouts::lease, seconds(1), hours(1)},
    {"confirm", &Timeouts::confirm, seconds(1), hours(1)},
};
constexpr int kMaxAttempts = 10;

Health HealthOf(const Draft& draft, const Region& region) {
  const model::Verdict* verdict = draft.snapshot.Of(region);
  return verdict == nullptr ? Health::kUnknown : verdict->health;
}

// "orders in us-west-2, traffic in us-east-1"
std::string Whereabouts(const Draft& draft) {
  std::string text;
  for (const auto& [component, region] : draft.snapshot.active) {
    text += (text.empty() ? "" : ", ") + component.str() + " in " + region.str();
  }
  return text;
}

// Where the application is active. Empty when the snapshot does not say.
base::Result<Region> ActiveRegion(const Draft& draft) {
  std::set<Region> regions;
  for (const auto& [component, region] : draft.snapshot.active) regions.insert(region);
  if (regions.size() > 1) {
    return base::WrongState("the application is active in two Regions (" + Whereabouts(draft) +
                            "): go on with the interrupted action, or say --to REGION");
  }
  return regions.empty() ? Region() : *regions.begin();
}

// Nothing of such an application tells its active Region.
std::string WhyUnknown(const Draft& draft) {
  const auto& components = draft.application.components;
  const bool tables =
      std::all_of(components.begin(), components.end(), [](const model::Component& component) {
        return std::holds_alternative<model::Dynamodb>(component.kind) ||
               std::holds_alternative<model::S3>(component.kind);
      });
  return tables ? ": its stores take writes in every Region alike" : "";
}

base::Result<Region> Origin(const Draft& draft) {
  const model::Regions& regions = draft.application.regions;
  if (draft.plan.action == Action::kFailback) return regions.recovery;
  if (!draft.options.to.empty()) {
    if (draft.options.to == regions.home) return regions.recovery;
    if (draft.options.to == regions.recovery) return regions.home;
    return base::Invalid("--to " + draft.options.to.str() + ": the application's Regions are " +
                         regions.home.str() + " and " + regions.recovery.str());
  }
  ASSIGN_OR_RETURN(const Region active, ActiveRegion(draft));
  if (active.empty()) {
    if (draft.plan.action == Action::kProtect) return regions.home;
    return base::WrongState("it is not known where the application is active" + WhyUnknown(draft) +
                            "; say --to " + regions.recovery.str() + " to leave " +
                            regions.home.str() + ", --to " + regions.home.str() +
                            " the other way round");
  }
  if (active != regions.home && active != regions.recovery) {
    return base::WrongState("the application is active in " + active.str() +
                            ", which its spec does not name");
  }
  return active;
}

base::Status CheckNotThereAlready(const Draft& draft) {
  const bool moves = draft.plan.action != Action::kProtect && draft.plan.action != Action::kCallOff;
  if (!moves || draft.snapshot.active.empty()) return base::Ok();
  for (const auto& [component, region] : draft.snapshot.active) {
    if (region != draft.plan.to) return base::Ok();
  }
  return base::WrongState("the application is active in " + draft.plan.to.str() +
                          " already; there is nothing to move");
}

base::Status CheckHealth(const Draft& draft) {
  const Region& to = draft.plan.to;
  const Region& from = draft.plan.from;
  if (HealthOf(draft, to) == Health::kDown) {
    return base::WrongState(to.str() + " is down itself; the application cannot go there");
  }
  const bool planned =
      draft.plan.action == Action::kSwitchover || draft.plan.action == Action::kFailback;
  if (planned && HealthOf(draft, from) == Health::kDown) {
    return base::WrongState(from.str() +
                            " is down; a planned move needs both Regions: use failover");
  }
  return base::Ok();
}

}  // namespace

base::Status CheckOptions(Draft& draft) {
  const Options& options = draft.options;
  for (const Range& range : kRanges) {
    const base::Duration value = options.timeouts.*range.limit;
    if (value >= range.low && value <= range.high) continue;
    return base::Invalid(
        "time-out '" + std::string(range.name) + "' is " + base::FormatDuration(value) +
        "; write " + base::FormatDuration(range.low) + " to " + base::FormatDuration(range.high));
  }
  if (options.attempts < 1 || options.attempts > kMaxAttempts) {
    return base::Invalid("attempts is " + std::to_string(options.attempts) + "; write 1 to " +
                         std::to_string(kMaxAttempts));
  }
  if (options.accept_loss && options.accept_loss->count() < 0) {
    return base::Invalid("an accepted loss cannot be negative");
  }
  return base::Ok();
}

base::Status AssignRoles(Draft& draft) {
  const model::Regions& regions = draft.application.regions;
  ASSIGN_OR_RETURN(draft.plan.from, Origin(draft));
  draft.plan.to = draft.plan.from == regions.home ? regions.recovery : regions.home;
  RETURN_IF_ERROR(CheckNotThereAlready(draft));
  RETURN_IF_ERROR(CheckHealth(draft));
  const model::Verdict* from = draft.snapshot.Of(draft.plan.from);
  draft.from_may_answer =
      HealthOf(draft, draft.plan.from) != Health::kDown || from->answers_in_part;
  return base::Ok();
}

}  // namespace leeward::plan
