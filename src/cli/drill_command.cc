// drill: a private lab, the drill in it, and what it showed.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/before.h"
#include "cli/commands.h"
#include "cli/drill.h"
#include "cli/drill_voice.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/signals.h"

namespace leeward::cli {
namespace {

constexpr char kLabKey[] = "test";  // the lab's own default

base::Status CheckArguments(const Arguments& arguments, const Project& project) {
  if (!arguments.lab) {
    return base::Invalid(
        "drill without --lab would destroy a real Region's application, and is not built; add "
        "--lab");
  }
  if (!project.application.lab)
    return base::Invalid(
        "the spec has no lab.stage; a drill needs the calls that put the application in place");
  if (!project.application.workload)
    return base::Invalid("the spec has no workload; a drill needs a load to measure");
  return base::Ok();
}

// Short, because Unix sockets stand below it.
base::Result<std::string> LabDirectory(const Arguments& arguments, World& world) {
  const std::string directory = arguments.lab_state.empty()
                                    ? "/tmp/lwd-" + world.random.Hex(8)
                                    : std::filesystem::absolute(arguments.lab_state).string();
  RETURN_IF_ERROR(world.files.MakeDirectories(directory));
  return directory;
}

// The world as it is in the lab: its endpoints, its names, passwords made up for the occasion.
base::Result<std::unique_ptr<World>> LabWorld(const World& outside, const Project& project,
                                              const LabEndpoints& lab, ports::Random& random) {
  WorldOptions options;
  options.stop = outside.stop;
  options.resolver = lab.dns;
  options.aws = WorldOptions::Aws::kOnlyGiven;
  options.environment = {{"AWS_ENDPOINT_URL", lab.gateway},
                         {"AWS_ACCESS_KEY_ID", kLabKey},
                         {"AWS_SECRET_ACCESS_KEY", kLabKey}};
  for (const model::Component& component : project.application.components) {
    const std::string secret = SecretVariable(component.kind);
    if (secret.empty()) continue;
    const std::string given = outside.Variable(secret);
    options.environment[secret] = given.empty() ? random.Hex(24) : given;
  }
  return World::Make(options);
}

struct Told {
  base::Status run;
  base::Result<report::Report> report;
};

// The drill itself; the lab is gone when this returns, unless it is to be kept.
base::Result<Told> RunIn(const Arguments& arguments, World& outside, const Project& project,
                         DrillVoice& voice) {
  ASSIGN_OR_RETURN(const std::string directory, LabDirectory(arguments, outside));
  DrillLab lab(outside.files, directory,
               arguments.keep ? DrillLab::Ending::kKeep : DrillLab::Ending::kTakeDown);
  const base::MonotonicTime begin = outside.clock.Monotonic();
  voice.Doing([] { return std::string("the lab comes up"); });
  ASSIGN_OR_RETURN(const LabEndpoints endpoints, lab.Up(project.application.regions));
  voice.Act("lab", fmt::format("Regions at {}, names at {}", endpoints.gateway, endpoints.dns),
            outside.clock.Monotonic() - begin);
  ASSIGN_OR_RETURN(const std::unique_ptr<World> world,
                   LabWorld(outside, project, endpoints, outside.random));
  Told told{base::Ok(), base::WrongState("the drill did not begin")};
  {
    Drill drill(arguments, *world, project, endpoints, lab, voice);
    told.run = drill.Run();
    told.report = drill.MakeReport();
  }
  if (arguments.keep) return told;
  // What was measured is told all the same, and so is what may be left on this machine.
  const base::Status down = lab.Down();
  if (down.ok()) return told;
  if (told.report.ok()) told.report->problems.push_back(down.error().message());
  if (told.run.ok()) {
    told.run = down;
  } else if (!told.report.ok()) {
    told.run = base::Error(told.run.error().code(),
                           told.run.error().message() + "; " + down.error().message());
  }
  return told;
}

// Why the drill ended early, where the report does not say it by itself.
void AddProblem(report::Report* report, const std::string& message) {
  const bool told = std::any_of(
      report->problems.begin(), report->problems.end(), [&](const std::string& problem) {
        const std::size_t colon = message.find(": ");
        return problem.find(message.substr(colon == std::string::npos ? 0 : colon + 2)) !=
               std::string::npos;
      });
  if (!told) report->problems.push_back(message);
}

base::Result<int> Tell(const Arguments& arguments, World& world, Told told) {
  if (!told.report.ok()) {
    if (!told.run.ok()) return std::move(told.run).error();
    return std::move(told.report).error();
  }
  report::Report& made = *told.report;
  if (!told.run.ok()) {
    AddProblem(&made, told.run.error().message());
    // What was done before the end may well be in order; that is not a drill that passed.
    if (made.verdict == report::Verdict::kPass) made.verdict = report::Verdict::kIncomplete;
  }
  if (!arguments.report.empty())
    RETURN_IF_ERROR(world.files.WriteAtomically(arguments.report, report::ToHtml(made)));
  const bool colour = LookAtTerminal().colour;
  Emit("{}", arguments.json
                 ? report::ToJson(made)
                 : report::ToText(made, colour ? report::Colour::kYes : report::Colour::kNo));
  if (!arguments.json && !arguments.report.empty()) Emit("report: {}\n", arguments.report);
  std::fflush(stdout);
  if (!told.run.ok()) return std::move(told.run).error();
  return made.verdict == report::Verdict::kPass ? kDone : kFailed;
}

base::Result<int> Carry(const Arguments& arguments, World& world) {
  ASSIGN_OR_RETURN(Project project, OpenProject(world.files, arguments));
  RETURN_IF_ERROR(CheckArguments(arguments, project));
  project.state += "/drills/" + base::FormatAmzDate(world.clock.Now()) + "-" + world.random.Hex(4);
  StandardOutput output;
  std::unique_ptr<DrillVoice> voice;
  if (arguments.json) {
    voice = std::make_unique<SilentDrill>();
  } else {
    const Terminal terminal = LookAtTerminal();
    auto spoken = std::make_unique<SpokenDrill>(world.clock, terminal, output);
    spoken->Say(Paint(terminal, Colour::kBold,
                      fmt::format("drill of {}: {} of {}, to {}", project.application.name.str(),
                                  arguments.fault, project.application.regions.home.str(),
                                  project.application.regions.recovery.str())));
    voice = std::move(spoken);
  }
  base::Result<Told> told = RunIn(arguments, world, project, *voice);
  voice.reset();
  if (!told.ok()) return std::move(told).error();
  return Tell(arguments, world, *std::move(told));
}

}  // namespace

int RunDrill(const Arguments& arguments) {
  StopSignals signals;
  WorldOptions options;
  options.stop = signals.token();
  base::Result<std::unique_ptr<World>> world = World::Make(options);
  if (!world.ok()) return Complain(world.error());
  const base::Result<int> code = Carry(arguments, **world);
  if (code.ok()) return *code;
  return AlreadyTold(code.error()) ? kBadUsage : Complain(code.error());
}

}  // namespace leeward::cli
