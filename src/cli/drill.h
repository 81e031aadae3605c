// Drill: the whole story in a private lab: stage, protect, load, loss of the home Region, failover,
// audit, failback, audit. Each act is a function; the list of them is in drill.cc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/carry_out.h"
#include "cli/drill_lab.h"
#include "cli/drill_load.h"
#include "cli/drill_sessions.h"
#include "cli/inventory_file.h"
#include "cli/live_view.h"
#include "cli/project.h"
#include "cli/world.h"
#include "driver/watch.h"
#include "model/observation.h"
#include "probe/canary.h"
#include "report/report.h"
#include "steps/runner.h"

namespace leeward::cli {

// What people watch of a drill; for --json, nobody.
class DrillVoice {
 public:
  virtual ~DrillVoice() = default;
  virtual driver::EventSink& sink() = 0;
  // An act that was done, with how long it took.
  virtual void Act(std::string_view name, std::string_view text, base::Duration took) = 0;
  // What is going on; asked for again and again.
  virtual void Doing(std::function<std::string()> status) = 0;
  // An execution's table becomes final.
  virtual void Settle() = 0;
};

class Drill {
 public:
  Drill(const Arguments& arguments, World& world, Project project,
        const LabEndpoints& lab_endpoints, DrillLab& lab, DrillVoice& voice);
  ~Drill();

  // Every act in turn; the first that fails ends the drill, and its error is told in the report
  // too.
  base::Status Run();
  // What there is to report, also of a drill that ended early.
  base::Result<report::Report> MakeReport() const;

 private:
  struct ActEntry {
    const char* name;
    base::Result<std::string> (Drill::*run)();
  };
  // drill.cc
  base::Status Perform(const ActEntry& act);
  base::Status Record(std::vector<model::Event> events);
  base::Status Carry(const model::Plan& plan);
  base::Status StartLoad(const std::string& name, std::unique_ptr<DrillLoad>* load);
  model::Snapshot Here(model::Action action) const;
  // The store that the workload's `read` looks into; empty when there are several without a read.
  model::ComponentName ReadStore() const;
  // drill_before.cc
  base::Result<std::string> Stage();
  base::Result<std::string> Protect();
  base::Result<std::string> Begin();
  base::Result<std::string> BeginSessions();
  base::Result<std::string> StartWatch();
  // drill_loss.cc
  base::Result<std::string> Fault();
  base::Result<std::string> Detect();
  base::Result<std::string> Failover();
  base::Result<std::string> Recovered();
  base::Result<std::string> AuditFailover();
  base::Result<std::string> AuditSessions();
  // drill_home.cc
  base::Result<std::string> Heal();
  base::Result<std::string> Failback();
  base::Result<std::string> AuditFailback();

  const Arguments& arguments_;
  World& world_;
  const Project project_;
  const LabEndpoints& lab_endpoints_;
  DrillLab& lab_;
  DrillVoice& voice_;
  InventoryKeeper inventory_;
  std::unique_ptr<steps::Runner> steps_;
  std::unique_ptr<journal::Journal> journal_;
  std::vector<model::Event> events_;
  std::unique_ptr<DrillLoad> out_,
      back_;                   // the load until the audit of the failover, and on the way home
  DrillLoad* load_ = nullptr;  // the one that runs
  std::unique_ptr<DrillSessions> sessions_;
  std::uint64_t lost_ = 0;  // of the failover
  std::vector<std::unique_ptr<probe::CanaryWriter>> canaries_;
  std::unique_ptr<driver::Watch> watch_;
  std::unique_ptr<class Vantage> vantage_;
  std::optional<base::WallTime> fault_;   // when the kill began
  std::optional<base::WallTime> killed_;  // when nothing of it was left
  std::optional<driver::Ruling> ruling_;
  report::LoadSeries series_;
};

}  // namespace leeward::cli
