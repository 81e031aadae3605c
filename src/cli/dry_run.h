// What --dry-run says: each step of the plan, what it would do now and what would stop it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/carry_out.h"
#include "cli/terminal.h"
#include "model/event.h"
#include "model/plan.h"
#include "steps/dry_run.h"

namespace leeward::cli {

struct DryRun {
  model::Plan plan;
  std::optional<model::ExecutionId> execution;  // that was cut off and would be gone on with
  steps::Findings findings;

  // The first step that would stop it; nullptr: none. A best-effort step stops nothing.
  const model::Step* StoppedBy() const;
  int ExitCode() const;
};

// Looks at every step. Changes nothing; `history` is the journal's.
DryRun RunDry(World& world, const Project& project, const model::Inventory& inventory,
              const model::Plan& plan, const std::optional<Interrupted>& interrupted,
              const std::vector<model::Event>& history);

// A table; where the terminal has too little room for it, its last column is wrapped.
std::string DryRunText(const DryRun& dry, const Terminal& terminal);
std::string DryRunJson(const DryRun& dry);  // leeward/dry-run/v1, ends with a newline

// Prints it; the exit code.
int TellDryRun(const DryRun& dry, const Arguments& arguments);

}  // namespace leeward::cli
