#include "cli/stage_run.h"

#include <filesystem>
#include <utility>

#include "cli/before.h"
#include "cli/shared_folder.h"

namespace leeward::cli {
namespace {

constexpr base::Duration kCallPatience{30'000'000'000};
constexpr std::uint64_t kMaxStageFile = 1u << 20;

Variables VariablesFor(const World& world, const model::Application& application,
                       const std::string& folder) {
  Variables variables = {{"home", application.regions.home.str()},
                         {"recovery", application.regions.recovery.str()},
                         {"witness", application.regions.witness.str()},
                         {"here", folder}};
  for (const model::Component& component : application.components) {
    const std::string secret = SecretVariable(component.kind);
    if (!secret.empty()) variables["env:" + secret] = world.Variable(secret);
  }
  return variables;
}

}  // namespace

base::Result<std::size_t> RunStage(World& world, const Project& project, const std::string& copy,
                                   std::function<void(const StageCall&)> tell) {
  if (!project.application.lab) {
    return base::Invalid(
        "spec " + project.spec_path +
        " has no lab.stage; name the file with the calls that put the application in place");
  }
  const std::filesystem::path spec = std::filesystem::absolute(project.spec_path);
  const std::string path = (spec.parent_path() / project.application.lab->file).string();
  const base::Result<std::string> text = world.files.Read(path, kMaxStageFile);
  if (!text.ok()) return base::Invalid("stage " + path + ": " + text.error().message());
  ASSIGN_OR_RETURN(const Stage stage, ParseStage(*text, project.application.lab->file));
  std::string here = spec.parent_path().string();
  if (!copy.empty()) {
    ASSIGN_OR_RETURN(here, ReadableByEngines(here, copy));
  }
  StageHands hands;
  hands.call = [&world](const StageCall& call, const std::string& region,
                        const shapes::Value& input) {
    aws::CallOptions options;
    options.region = region;
    options.deadline = kCallPatience;
    return world.aws->Call(call.service, call.operation, input, options);
  };
  hands.pause = [&world](base::Duration wait) -> base::Status {
    if (world.Pause(wait)) return base::Ok();
    return base::Cancelled("stopped on request");
  };
  hands.tell = std::move(tell);
  RETURN_IF_ERROR(ApplyStage(stage, VariablesFor(world, project.application, here), hands));
  return stage.calls.size();
}

}  // namespace leeward::cli
