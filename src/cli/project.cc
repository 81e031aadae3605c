#include "cli/project.h"

#include <cstdio>
#include <filesystem>
#include <utility>
#include <variant>

#include "cli/terminal.h"
#include "os/environment.h"
#include "spec/spec.h"

namespace leeward::cli {
namespace {

constexpr char kTold[] = "the spec has mistakes";

base::Error ForUsage(const base::Error& error) {
  return base::Invalid("no spec: " + error.message() + "; name a spec file such as shop.yaml");
}

}  // namespace

std::string Project::SpecFolder() const {
  return std::filesystem::path(spec_path).parent_path().string();
}

bool AlreadyTold(const base::Error& error) { return error.message() == kTold; }

base::Result<std::string> StateDirectory(const std::string& given,
                                         const model::ApplicationName& application) {
  if (!given.empty()) return given;
  const std::string xdg = os::Environment("XDG_STATE_HOME").value_or("");
  if (!xdg.empty()) return xdg + "/leeward/" + application.str();
  const std::string home = os::Environment("HOME").value_or("");
  if (!home.empty()) return home + "/.local/state/leeward/" + application.str();
  return base::Invalid(
      "neither HOME nor XDG_STATE_HOME is set; say where state is kept with --state DIRECTORY");
}

base::Result<Project> ReadProject(ports::Files& files, const Arguments& arguments) {
  base::Result<std::string> text = files.Read(arguments.spec, spec::kMaxBytes);
  if (!text.ok()) return ForUsage(text.error());
  auto parsed = spec::Parse(*text, arguments.spec);
  if (const auto* diagnostics = std::get_if<spec::Diagnostics>(&parsed)) {
    for (const spec::Diagnostic& diagnostic : *diagnostics) {
      std::fprintf(stderr, "leeward: %s\n", Printable(spec::ToText(diagnostic)).c_str());
    }
    return base::Invalid(kTold);
  }
  Project project;
  project.application = std::get<model::Application>(std::move(parsed));
  project.spec_path = arguments.spec;
  project.spec_text = std::move(*text);
  return project;
}

base::Result<Project> OpenProject(ports::Files& files, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Project project, ReadProject(files, arguments));
  ASSIGN_OR_RETURN(project.state, StateDirectory(arguments.state, project.application.name));
  return project;
}

}  // namespace leeward::cli
