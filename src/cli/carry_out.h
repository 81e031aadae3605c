// Carries out an action's plan with everything around it: the journal, an unfinished execution to
// go on with, the view, and what is told at the end.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/project.h"
#include "cli/world.h"
#include "driver/event_sink.h"
#include "driver/execution.h"
#include "journal/journal.h"
#include "model/inventory.h"
#include "model/plan.h"

namespace leeward::cli {

// What an execution came to.
struct Carried {
  model::Plan plan;
  driver::Finish finish;
  std::vector<model::Event> events;        // of this run, in order
  std::optional<base::ErrorCode> failure;  // of the first step that failed for good

  // 0, 1, 3 or 4.
  int ExitCode() const;
};

// An execution in the journal that is to be gone on with.
struct Interrupted {
  model::ExecutionId execution;
  model::Plan plan;
};

// kWrongState: the newest unfinished execution is another move, which has to be ended first.
base::Result<std::optional<Interrupted>> FindInterrupted(const std::vector<model::Event>& events,
                                                         model::Action wanted);

// The action that was unfinished by what the journal had `before` and has ended as done by what it
// has now: its last records were in the store alone. Who asks for the action again means that one,
// and not another from where it ended. Absent: there is none.
std::optional<Interrupted> FoundDone(const std::vector<model::Event>& before,
                                     const std::vector<model::Event>& now, model::Action wanted);

// The unfinished planned move that `call-off` is to end. Absent: a call-off was begun already, and
// is gone on with. kWrongState: there is none, or it has gone too far.
base::Result<std::optional<Interrupted>> FindCallableOff(const std::vector<model::Event>& events);

struct Carrier {
  World& world;
  const Project& project;
  const model::Inventory& inventory;
  ports::StepRunner& steps;
  journal::Journal& journal;
  driver::EventSink& sink;
  std::string actor;
};

base::Result<Carried> CarryOut(const Carrier& carrier, const model::Plan& plan);
base::Result<Carried> GoOnWith(const Carrier& carrier, const Interrupted& interrupted,
                               const std::vector<model::Event>& history);

// Opens the project's journal, making its directory.
base::Result<journal::Journal::Opened> OpenJournal(ports::Files& files, const Project& project);

// "root@host" or as much of it as is known.
std::string Actor(const World& world);

}  // namespace leeward::cli
