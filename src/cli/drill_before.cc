// The drill until all is well and under load.
#include <fmt/format.h>

#include <algorithm>

#include "cli/canary_writers.h"
#include "cli/drill.h"
#include "cli/stage_run.h"
#include "cli/vantage.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kFirstWritePatience{20'000'000'000};
constexpr base::Duration kStartPatience{30'000'000'000};
constexpr base::Duration kWarmUp{2'000'000'000};          // of steady service before the fault
constexpr base::Duration kSessionsBefore{4'000'000'000};  // of their traffic, before the watch
constexpr base::Duration kLongestAge{5'000'000'000};      // that is waited for, see AnyAge
constexpr int kObserverHost = 10;  // last number of a vantage point's address

// A Region is lost at any moment, not at one that the load's own start has set: what its clients
// remember of the application's name is then of any age up to the records' TTL, and how soon they
// ask again depends on it.
base::Duration AnyAge(const model::Application& application, ports::Random& random) {
  base::Duration ttl{};
  for (const model::Component& component : application.components) {
    if (const auto* traffic = std::get_if<model::Route53>(&component.kind)) ttl = traffic->ttl;
  }
  const auto bound = static_cast<double>(std::min(ttl, kLongestAge).count());
  return base::Duration(static_cast<base::Duration::rep>(random.Unit() * bound));
}

}  // namespace

base::Result<std::string> Drill::Stage() {
  ASSIGN_OR_RETURN(
      const std::size_t calls,
      RunStage(world_, project_, lab_.directory() + "/app", [this](const StageCall& call) {
        voice_.Doing([line = call.service + " " + call.operation] { return line; });
      }));
  voice_.Doing(nullptr);
  return fmt::format("{} calls put {} in place in {}", calls, project_.application.name.str(),
                     project_.application.regions.home.str());
}

base::Result<std::string> Drill::Protect() {
  const model::Snapshot snapshot = Here(model::Action::kProtect);
  plan::Options options;
  options.reason = "the drill protects what it is about to lose";
  ASSIGN_OR_RETURN(const model::Plan plan, plan::Make(model::Action::kProtect, project_.application,
                                                      inventory_.current(), snapshot, options));
  RETURN_IF_ERROR(Carry(plan));
  return fmt::format("{} stands by in {}", project_.application.name.str(),
                     project_.application.regions.recovery.str());
}

base::Result<std::string> Drill::Begin() {
  const model::Application& application = project_.application;
  canaries_ = StartCanaries(world_, application, inventory_.current(), application.regions.home,
                            "drill", *world_.resolver);
  RETURN_IF_ERROR(StartLoad("out", &out_));
  return fmt::format("{:.0f} writes a second to {}",
                     arguments_.rate.value_or(application.workload->rate),
                     application.workload->url);
}

base::Result<std::string> Drill::BeginSessions() {
  ASSIGN_OR_RETURN(sessions_, DrillSessions::Start({world_, project_, inventory_.current(),
                                                    lab_endpoints_, lab_.directory()}));
  // A share of few sessions says little, and the ones that are older than moments have to be there.
  if (!world_.Pause(kSessionsBefore)) return base::Cancelled("stopped on request");
  return sessions_->Text();
}

base::Result<std::string> Drill::StartWatch() {
  const model::Application& application = project_.application;
  std::map<model::ComponentName, model::Region> active;
  for (const model::Component& component : application.components)
    active[component.name] = application.regions.home;
  watch_ = std::make_unique<driver::Watch>(application, active, world_.clock);
  std::vector<Standing> places;
  std::string from;
  for (const model::Region& region : {application.regions.recovery, application.regions.witness}) {
    const auto block = lab_endpoints_.blocks.find(region);
    if (region.empty() || block == lab_endpoints_.blocks.end()) continue;
    ASSIGN_OR_RETURN(std::string address, AddressIn(block->second, kObserverHost));
    places.push_back({region, std::move(address)});
    from += (from.empty() ? "" : " and ") + region.str();
  }
  vantage_ = std::make_unique<Vantage>(world_, application, inventory_.current(), places,
                                       lab_endpoints_.dns, *watch_);
  if (!watch_->WaitUntilCalm(kStartPatience, world_.stop)) {
    return base::Unreachable("the Regions did not come to be judged up: " +
                             watch_->Look().decision.reason);
  }
  steps_->Warm(application, inventory_.current(), application.regions.recovery,
               world_.clock.Monotonic() + kWarmUp);
  RETURN_IF_ERROR(load_->AwaitSteady(kWarmUp, kFirstWritePatience));
  if (!world_.Pause(AnyAge(application, world_.random))) {
    return base::Cancelled("stopped on request");
  }
  return "from " + from + ": all is well";
}

}  // namespace leeward::cli
