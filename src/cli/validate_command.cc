#include "cli/commands.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/project.h"
#include "os/files.h"
#include "spec/spec.h"

namespace leeward::cli {

int RunValidate(const Arguments& arguments) {
  os::SystemFiles files;
  base::Result<Project> project = ReadProject(files, arguments);
  if (!project.ok()) return AlreadyTold(project.error()) ? kBadUsage : Complain(project.error());
  const model::Application& application = project->application;
  Emit("{}: good. {} with {} components, from {} to {}\n", arguments.spec, application.name.str(),
       application.components.size(), application.regions.home.str(),
       application.regions.recovery.str());
  return kDone;
}

int RunSchema(const Arguments&) {
  Emit("{}", spec::JsonSchema());
  return kDone;
}

int RunVersion(const Arguments&) {
  Emit("leeward {}\n", LEEWARD_VERSION);
  return kDone;
}

}  // namespace leeward::cli
