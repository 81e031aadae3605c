// DrillSessions: the session services of a drill, the traffic to them, and what became of every
// session when the home Region was lost.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/drill_lab.h"
#include "cli/drill_session_service.h"
#include "cli/project.h"
#include "cli/world.h"
#include "model/inventory.h"
#include "report/report.h"
#include "sessions/workload.h"

namespace leeward::cli {

class DrillSessions {
 public:
  // Where a drill is: its spec, its lab, and a folder for what the services say.
  struct Surroundings {
    World& world;
    const Project& project;
    const model::Inventory& inventory;
    const LabEndpoints& lab;
    std::string logs;
  };
  // The services of every mode in the spec's workload, and their traffic to the home Region; none
  // where the spec has none. All of it outlives it.
  static base::Result<std::unique_ptr<DrillSessions>> Start(const Surroundings& around);

  // The home Region's services end, as everything there.
  void LoseHome();
  // The traffic goes to the recovery Region.
  void Move();
  void Stop();
  // Asks for every session in the recovery Region; the traffic has to be stopped.
  std::vector<report::Sessions> Audit(base::WallTime fault, base::Duration patience);
  // "500/s of sessions by redis"; empty without any.
  std::string Text() const;

 private:
  struct Mode {
    model::SessionLoad load;
    std::unique_ptr<SessionService> home, away;
    std::unique_ptr<sessions::Workload> traffic;  // ends before the services
    double reached = 0;                           // requests answered per second, up to the loss
  };
  explicit DrillSessions(World& world) : world_(world) {}
  base::Result<Mode> StartMode(const Surroundings& around, const model::SessionLoad& load,
                               int number);

  World& world_;
  base::MonotonicTime began_;
  std::vector<Mode> modes_;
};

}  // namespace leeward::cli
