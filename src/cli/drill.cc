#include "cli/drill.h"

#include <fmt/format.h>

#include <utility>

#include "cli/report_input.h"
#include "cli/step_runners.h"
#include "cli/vantage.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kLoadPatience{20'000'000'000};

}  // namespace

Drill::Drill(const Arguments& arguments, World& world, Project project,
             const LabEndpoints& lab_endpoints, DrillLab& lab, DrillVoice& voice)
    : arguments_(arguments),
      world_(world),
      project_(std::move(project)),
      lab_endpoints_(lab_endpoints),
      lab_(lab),
      voice_(voice),
      inventory_(world.files, project_.InventoryPath()),
      steps_(MakeStepRunners(world, inventory_, project_)) {}

Drill::~Drill() { voice_.Doing(nullptr); }

base::Status Drill::Run() {
  static constexpr ActEntry kActs[] = {
      {"stage", &Drill::Stage},
      {"protect", &Drill::Protect},
      {"load", &Drill::Begin},
      {"sessions", &Drill::BeginSessions},
      {"watch", &Drill::StartWatch},
      {"fault", &Drill::Fault},
      {"detect", &Drill::Detect},
      {"failover", &Drill::Failover},
      {"recovered", &Drill::Recovered},
      {"audit", &Drill::AuditFailover},
      {"sessions", &Drill::AuditSessions},
      {"heal", &Drill::Heal},
      {"failback", &Drill::Failback},
      {"audit", &Drill::AuditFailback},
  };
  ASSIGN_OR_RETURN(journal::Journal::Opened opened, OpenJournal(world_.files, project_));
  journal_ = std::move(opened.journal);
  RETURN_IF_ERROR(inventory_.Load());
  for (const ActEntry& act : kActs) {
    if (arguments_.no_failback && act.run == &Drill::Heal) break;
    const bool of_sessions = act.run == &Drill::BeginSessions || act.run == &Drill::AuditSessions;
    if (of_sessions && project_.application.workload->sessions.empty()) continue;
    RETURN_IF_ERROR(Perform(act));
  }
  return base::Ok();
}

base::Status Drill::Perform(const ActEntry& act) {
  if (world_.stop.stop_requested()) return base::Cancelled("stopped on request");
  const base::MonotonicTime begin = world_.clock.Monotonic();
  base::Result<std::string> text = (this->*act.run)();
  voice_.Settle();
  if (!text.ok()) return std::move(text).error().Context(act.name);
  voice_.Act(act.name, *text, world_.clock.Monotonic() - begin);
  return base::Ok();
}

base::Status Drill::Record(std::vector<model::Event> events) {
  ASSIGN_OR_RETURN(const std::vector<model::Event> recorded, journal_->Append(std::move(events)));
  events_.insert(events_.end(), recorded.begin(), recorded.end());
  return base::Ok();
}

base::Status Drill::Carry(const model::Plan& plan) {
  const Carrier carrier{world_,        project_, inventory_.current(), *steps_, *journal_,
                        voice_.sink(), "drill"};
  ASSIGN_OR_RETURN(const Carried carried, CarryOut(carrier, plan));
  events_.insert(events_.end(), carried.events.begin(), carried.events.end());
  inventory_.TakeUp();
  switch (carried.finish.outcome) {
    case execute::Outcome::kDone:
      return base::Ok();
    case execute::Outcome::kRefused:
    case execute::Outcome::kHeld:
      return base::Refused(carried.finish.reason);
    case execute::Outcome::kAborted:
    case execute::Outcome::kAbandoned:
      return base::Cancelled(carried.finish.reason);
    case execute::Outcome::kFailed:
      return base::ServiceBroken(carried.finish.reason);
  }
  return base::Ok();
}

base::Status Drill::StartLoad(const std::string& name, std::unique_ptr<DrillLoad>* load) {
  model::Workload workload = *project_.application.workload;
  if (arguments_.rate) workload.rate = *arguments_.rate;
  ASSIGN_OR_RETURN(*load, DrillLoad::Start(world_, workload, name));
  load_ = load->get();
  voice_.Doing([this] { return load_->Text(); });
  return load_->AwaitAcknowledged(1, kLoadPatience);
}

// In a drill where things are is known, not looked for: it put them there.
model::Snapshot Drill::Here(model::Action action) const {
  const model::Regions& regions = project_.application.regions;
  const model::Region& active =
      action == model::Action::kFailback ? regions.recovery : regions.home;
  model::Snapshot snapshot;
  snapshot.at = world_.clock.Now();
  for (const model::Region& region : {regions.home, regions.recovery}) {
    snapshot.verdicts.push_back(
        {region, model::Health::kUp, 1, 1, snapshot.at, "the drill's own lab"});
  }
  for (const model::Component& component : project_.application.components)
    snapshot.active[component.name] = active;
  return snapshot;
}

base::Result<report::Report> Drill::MakeReport() const {
  if (!journal_) return base::WrongState("the drill ended before its journal was opened");
  ASSIGN_OR_RETURN(report::Input input,
                   ReportInput(project_, journal_->path(), journal_->summary(), events_));
  input.load = series_;
  return report::Make(input);
}

}  // namespace leeward::cli
