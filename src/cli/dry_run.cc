#include "cli/dry_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/wrap.h"
#include "cli/emit.h"
#include "cli/exit_code.h"
#include "cli/step_runners.h"
#include "execute/execute.h"
#include "model/names.h"

namespace leeward::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::Step;
using steps::Finding;
using steps::Would;

constexpr int kLeastDetail = 30;  // columns; a narrower terminal gets longer lines

steps::DoneBefore DoneOf(const Interrupted& interrupted, const std::vector<model::Event>& history) {
  const execute::State state = execute::Replay(interrupted.plan, interrupted.execution, history);
  steps::DoneBefore done;
  done.outputs = state.outputs;
  for (const auto& [id, progress] : state.steps) {
    if (progress.state == execute::StepState::kDone) done.steps[id] = progress.detail;
  }
  return done;
}

bool IsBestEffort(const Step& step) { return step.on_failure == model::OnFailure::kContinue; }

std::string Words(const Step& step, const Finding& finding) {
  std::string detail = Printable(finding.detail);
  switch (finding.would) {
    case Would::kNothing:
      return "nothing to do: " + detail;
    case Would::kPass:
      return "passes: " + detail;
    case Would::kStop:
      return (IsBestEffort(step) ? "fails, the rest goes on: " : "STOPS: ") + detail;
    case Would::kAct:
    case Would::kLater:
      return detail;
  }
  return detail;
}

Colour ColourOf(const Step& step, const Finding& finding) {
  if (finding.would == Would::kStop) return IsBestEffort(step) ? Colour::kWarn : Colour::kBad;
  return finding.would == Would::kLater ? Colour::kFaint : Colour::kPlain;
}

// "failover of shop from us-east-1 to us-west-2".
std::string What(const model::Plan& plan) {
  return fmt::format("{} of {} from {} to {}", model::Name(plan.action), plan.application.str(),
                     plan.from.str(), plan.to.str());
}

std::string StepText(const Step& step) {
  return step.id.str() + (IsBestEffort(step) ? " (best effort)" : "");
}

struct Widths {
  int step = 4;
  int region = 7;
  int detail = 0;  // 0: as long as it is
};

Widths WidthsOf(const DryRun& dry, const Terminal& terminal) {
  Widths widths;
  for (const Step& step : dry.plan.steps) {
    widths.step = std::max(widths.step, Columns(StepText(step)));
    widths.region = std::max(widths.region, Columns(step.region.str()));
  }
  const int before = 5 + widths.step + 2 + widths.region + 2;
  if (terminal.live) widths.detail = std::max(terminal.width - before, kLeastDetail);
  return widths;
}

std::string Rows(const Terminal& terminal, const Widths& widths, const Step& step,
                 std::size_t number, const Finding& finding) {
  const std::string words = Words(step, finding);
  const std::vector<std::string> lines =
      widths.detail == 0 ? std::vector<std::string>{words} : base::WrapWords(words, widths.detail);
  std::string first = fmt::format("{:>3}  {:<{}}  {:<{}}  ", number, StepText(step), widths.step,
                                  step.region.str(), widths.region);
  const std::string further(first.size(), ' ');
  std::string rows;
  for (const std::string& line : lines) {
    rows +=
        (rows.empty() ? first : further) + Paint(terminal, ColourOf(step, finding), line) + "\n";
  }
  return rows;
}

Json StepJson(const Step& step, const Finding& finding) {
  Json json;
  json["id"] = step.id.str();
  json["phase"] = model::Name(step.phase);
  json["region"] = step.region.str();
  json["title"] = step.title;
  json["best_effort"] = IsBestEffort(step);
  json["would"] = steps::Name(finding.would);
  json["detail"] = finding.detail;
  if (finding.stop) json["code"] = base::Name(*finding.stop);
  return json;
}

}  // namespace

const Step* DryRun::StoppedBy() const {
  for (const Step& step : plan.steps) {
    const auto found = findings.find(step.id);
    if (IsBestEffort(step) || found == findings.end()) continue;
    if (found->second.would == Would::kStop) return &step;
  }
  return nullptr;
}

int DryRun::ExitCode() const {
  const Step* step = StoppedBy();
  if (step == nullptr) return kDone;
  const base::ErrorCode code = findings.at(step->id).stop.value_or(base::ErrorCode::kWrongState);
  // The command line and the spec were good enough to come here.
  return code == base::ErrorCode::kInvalid ? kFailed : ExitCodeFor(code);
}

DryRun RunDry(World& world, const Project& project, const model::Inventory& inventory,
              const model::Plan& plan, const std::optional<Interrupted>& interrupted,
              const std::vector<model::Event>& history) {
  DryRun dry{plan, std::nullopt, {}};
  steps::DoneBefore done;
  if (interrupted) {
    dry.execution = interrupted->execution;
    done = DoneOf(*interrupted, history);
  }
  const auto runner = MakeDryRunner(world, project.SpecFolder());
  dry.findings = runner->Walk(project.application, inventory, plan, done,
                              [&world] { return world.stop.stop_requested(); });
  return dry;
}

std::string DryRunText(const DryRun& dry, const Terminal& terminal) {
  std::string text = fmt::format("dry run of {}, {} steps: looked at, nothing is changed\n",
                                 What(dry.plan), dry.plan.steps.size());
  if (!dry.plan.reason.empty()) text += "why: " + dry.plan.reason + "\n";
  if (dry.execution) text += "goes on with execution " + dry.execution->str() + "\n";
  const Widths widths = WidthsOf(dry, terminal);
  text +=
      fmt::format("\n  #  {:<{}}  {:<{}}  would\n", "step", widths.step, "acts in", widths.region);
  std::size_t number = 0;
  const model::Phase* phase = nullptr;
  for (const Step& step : dry.plan.steps) {
    if (phase == nullptr || *phase != step.phase)
      text += fmt::format(" {}\n", model::Name(step.phase));
    phase = &step.phase;
    text += Rows(terminal, widths, step, ++number, dry.findings.at(step.id));
  }
  return text;
}

std::string DryRunJson(const DryRun& dry) {
  const Step* stopped = dry.StoppedBy();
  Json json;
  json["schema"] = "leeward/dry-run/v1";
  json["action"] = model::Name(dry.plan.action);
  json["application"] = dry.plan.application.str();
  json["from"] = dry.plan.from.str();
  json["to"] = dry.plan.to.str();
  json["reason"] = dry.plan.reason;
  if (dry.execution) json["execution"] = dry.execution->str();
  json["outcome"] = stopped == nullptr ? "passes" : "stops";
  if (stopped != nullptr) json["stopped_by"] = stopped->id.str();
  json["exit_code"] = dry.ExitCode();
  json["steps"] = Json::array();
  for (const Step& step : dry.plan.steps)
    json["steps"].push_back(StepJson(step, dry.findings.at(step.id)));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int TellDryRun(const DryRun& dry, const Arguments& arguments) {
  if (arguments.json) {
    Emit("{}", DryRunJson(dry));
    return dry.ExitCode();
  }
  Emit("{}\n", DryRunText(dry, LookAtTerminal()));
  const Step* stopped = dry.StoppedBy();
  if (stopped == nullptr) {
    Emit("nothing that can be seen now would stop it\n");
  } else {
    Emit(stderr, "leeward: {} would stop at {}: {}\n", What(dry.plan), stopped->id.str(),
         Printable(dry.findings.at(stopped->id).detail));
  }
  return dry.ExitCode();
}

}  // namespace leeward::cli
