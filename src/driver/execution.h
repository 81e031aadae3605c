// Execution: carries out one plan. The loop is: ask `execute` for the next batch, make its records
// durable, start its commands, hear of the steps that ended. It adds no order of its own.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "driver/event_sink.h"
#include "execute/execute.h"
#include "journal/journal.h"
#include "model/application.h"
#include "model/inventory.h"
#include "ports/clock.h"
#include "ports/step_runner.h"

namespace leeward::driver {

// What an execution works with; all of it outlives the execution.
struct Setting {
  const model::Application& application;
  const model::Inventory& inventory;
  journal::Journal& journal;
  ports::StepRunner& steps;
  const ports::Clock& clock;
  EventSink& sink;
  std::stop_token stop;  // asked for: no step is started any more, running ones are told to end
  execute::Limits limits;
};

struct Finish {
  execute::Outcome outcome = execute::Outcome::kFailed;
  std::string reason;
  execute::State state;
};

// Carries out `plan` from its beginning. An error means that the journal could not take a record:
// nothing was started after that, and what was running was told to end.
base::Result<Finish> Begin(const Setting& setting, const model::Plan& plan,
                           const execute::Start& start);

// Goes on with an execution of `plan` that `history` tells of, where it stopped.
base::Result<Finish> GoOn(const Setting& setting, const model::Plan& plan,
                          const model::ExecutionId& execution, const std::string& actor,
                          const std::vector<model::Event>& history);

}  // namespace leeward::driver
