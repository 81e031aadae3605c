// Project: one application's spec, and where its state is kept.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/arguments.h"
#include "model/application.h"
#include "ports/files.h"

namespace leeward::cli {

struct Project {
  model::Application application;
  std::string spec_path, spec_text;
  std::string state;  // directory

  std::string JournalPath() const { return state + "/journal/journal.lwj"; }
  std::string InventoryPath() const { return state + "/inventory.json"; }
  // What the spec's file names are relative to; empty: where the process stands.
  std::string SpecFolder() const;
};

// Reads and checks the spec. When something is wrong with it every mistake has been printed, and
// the error is only for its exit code. Without a place for state, for the commands that keep none.
base::Result<Project> ReadProject(ports::Files& files, const Arguments& arguments);
// The same with it.
base::Result<Project> OpenProject(ports::Files& files, const Arguments& arguments);
// Its message is not to be printed again.
bool AlreadyTold(const base::Error& error);

// --state, else $XDG_STATE_HOME/leeward/APPLICATION, else ~/.local/state/leeward/APPLICATION.
base::Result<std::string> StateDirectory(const std::string& given,
                                         const model::ApplicationName& application);

}  // namespace leeward::cli
