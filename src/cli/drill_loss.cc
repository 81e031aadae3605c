// The drill from the loss of the home Region to the audit of what was lost.
#include <fmt/format.h>

#include <algorithm>

#include "cli/drill.h"
#include "cli/vantage.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kDetectPatience{60'000'000'000};
constexpr base::Duration kRecoveryPatience{30'000'000'000};
constexpr base::Duration kSteady{1'000'000'000};
constexpr base::Duration kAuditPatience{60'000'000'000};

// The addresses at which a Region's load balancers answer.
std::vector<std::string> FrontsOf(const model::Application& application,
                                  const model::Inventory& inventory, const model::Region& region) {
  std::vector<std::string> fronts;
  for (const model::Component& component : application.components) {
    std::string front(inventory.Fact(component.name, region, "load-balancer.address"));
    if (!front.empty()) fronts.push_back(std::move(front));
  }
  return fronts;
}

// Whether it is there for sessions: no order of the workload is looked for in it.
bool HasSessions(const model::Workload& workload, const model::ComponentName& store) {
  return std::any_of(workload.sessions.begin(), workload.sessions.end(),
                     [&](const model::SessionLoad& load) { return load.store == store; });
}

}  // namespace

model::ComponentName Drill::ReadStore() const {
  const model::Application& application = project_.application;
  model::ComponentName store;
  for (const model::Component& component : application.components) {
    if (!model::IsStore(component.kind) || application.workload->reads.contains(component.name) ||
        HasSessions(*application.workload, component.name))
      continue;
    if (!store.empty()) return {};
    store = component.name;
  }
  return store;
}

base::Result<std::string> Drill::Fault() {
  const model::Region& home = project_.application.regions.home;
  ASSIGN_OR_RETURN(fault_, lab_.Kill(home));
  killed_ = world_.clock.Now();
  // After their stores and their network: what was acknowledged and had not crossed is lost.
  if (sessions_) sessions_->LoseHome();
  RETURN_IF_ERROR(Record({report::Fault(arguments_.fault, home, *fault_)}));
  return fmt::format("{}: every process of {} killed", arguments_.fault, home.str());
}

base::Result<std::string> Drill::Detect() {
  ruling_ = watch_->WaitForMove(kDetectPatience, world_.stop);
  if (!ruling_)
    return base::Unreachable("the loss was not detected: " + watch_->Look().decision.reason);
  const model::Verdict* verdict = ruling_->snapshot.Of(project_.application.regions.home);
  if (verdict != nullptr) RETURN_IF_ERROR(Record({report::Judged(*verdict)}));
  return ruling_->decision.reason;
}

base::Result<std::string> Drill::Failover() {
  plan::Options options;
  options.reason = ruling_->decision.reason;
  options.killed = plan::KilledByDrill{project_.application.regions.home, *killed_};
  ASSIGN_OR_RETURN(const model::Plan plan,
                   plan::Make(model::Action::kFailover, project_.application, inventory_.current(),
                              ruling_->snapshot, options));
  RETURN_IF_ERROR(Carry(plan));
  return fmt::format("{} is active in {}", project_.application.name.str(), plan.to.str());
}

base::Result<std::string> Drill::Recovered() {
  const model::Region& recovery = project_.application.regions.recovery;
  const auto fronts = FrontsOf(project_.application, inventory_.current(), recovery);
  ASSIGN_OR_RETURN(const probe::WriteRecord first,
                   load_->AwaitFirst(*fault_, fronts, kRecoveryPatience));
  std::vector<model::Event> events;
  if (const auto last = load_->LastAcknowledged(*fault_))
    events.push_back(report::Load(report::kLastAcknowledged, last->ended));
  events.push_back(report::Load(report::kFirstRecovered, first.ended));
  RETURN_IF_ERROR(Record(std::move(events)));
  if (sessions_) sessions_->Move();
  RETURN_IF_ERROR(load_->AwaitSteady(kSteady, kRecoveryPatience));
  return fmt::format("first write acknowledged by {} {} after the fault", recovery.str(),
                     base::HumanDuration(first.ended - *fault_));
}

base::Result<std::string> Drill::AuditFailover() {
  canaries_.clear();
  load_->Stop();
  if (sessions_) sessions_->Stop();
  voice_.Doing([] { return std::string("every acknowledged write is read back"); });
  ASSIGN_OR_RETURN(const Audit audit, load_->ReadBack(ReadStore(), kAuditPatience));
  lost_ = audit.lost.size();
  load_->AddTo(&series_, audit.lost);
  const base::WallTime now = world_.clock.Now();
  std::vector<model::Event> events;
  // An empty owner is the application as a whole.
  const auto measured = [&](const model::ComponentName& owner,
                            const std::vector<probe::WriteRecord>& lost) {
    const base::Duration span = lost.empty() ? base::Duration{} : *fault_ - lost.front().ended;
    const std::pair<const char*, std::int64_t> figures[] = {
        {report::kAcknowledged, static_cast<std::int64_t>(audit.acknowledged)},
        {report::kLost, static_cast<std::int64_t>(lost.size())},
        {report::kLostSpan, span.count()}};
    for (const auto& [what, value] : figures)
      events.push_back(report::Measured(what, owner, value, now));
  };
  measured({}, audit.lost);
  std::string told;
  for (const auto& [store, lost] : audit.by_store) {
    measured(store, lost);
    told += fmt::format("{}{} {}", told.empty() ? "" : ", ", lost.size(), store.str());
  }
  RETURN_IF_ERROR(Record(std::move(events)));
  return fmt::format("{} acknowledged writes read back, {} lost{}", audit.acknowledged,
                     audit.lost.size(), audit.by_store.size() < 2 ? "" : " (" + told + ")");
}

base::Result<std::string> Drill::AuditSessions() {
  voice_.Doing([] { return std::string("every session is asked for"); });
  const std::vector<report::Sessions> found = sessions_->Audit(*fault_, kAuditPatience);
  sessions_.reset();
  std::vector<model::Event> events;
  std::string told;
  for (const report::Sessions& one : found) {
    events.push_back(report::MeasuredSessions(one, world_.clock.Now()));
    told += fmt::format("{}{} of {} by {}", told.empty() ? "" : ", ", one.survived,
                        one.survived + one.lost + one.unknown, one.mode);
  }
  RETURN_IF_ERROR(Record(std::move(events)));
  return told + " survived";
}

}  // namespace leeward::cli
