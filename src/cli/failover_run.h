// Carries a failover out for the daemon, by the same journal, plan and driver as `leeward
// failover`.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/carry_out.h"
#include "cli/project.h"
#include "cli/world.h"
#include "driver/event_sink.h"
#include "lease/taker.h"
#include "model/observation.h"
#include "ports/shared_store.h"
#include "serve/api.h"

namespace leeward::cli {

// What the journal says of failovers.
struct JournalFacts {
  bool unfinished = false;       // a controller's can be gone on with
  bool foreign_work = false;     // another move can
  model::ExecutionId execution;  // of either
  bool mirrored = false;         // so is that one
  std::optional<base::WallTime> last_failover_end;
};
base::Result<JournalFacts> ReadJournalFacts(ports::Files& files, const Project& project);

struct FailoverAsk {
  model::Snapshot snapshot;  // what it is decided upon
  std::string reason;
  serve::Order order;
  std::string actor;
  ports::SharedStore* store = nullptr;            // the spec's, where it is open already
  std::function<void(const std::string&)> say{};  // one line for people
  std::optional<lease::Sighting> sighting{};      // of the writers' lease
  std::function<std::string()> moot = {};         // as in steps::Tools
};

// The plan for a failover now.
base::Result<model::Plan> PlanFailover(World& world, const Project& project, const FailoverAsk& ask,
                                       const std::vector<model::Event>& history);

// Goes on with what the journal has unfinished, else begins.
base::Result<Carried> RunFailover(World& world, const Project& project, const FailoverAsk& ask,
                                  driver::EventSink& sink);

}  // namespace leeward::cli
