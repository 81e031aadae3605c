// The plan for people: a table, and a graph for Graphviz.
#include "plan/text.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/wrap.h"
#include "model/names.h"
#include "plan/plan.h"

namespace leeward::plan {
namespace {

using model::AwsCall;
using model::Step;

std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(base::CountColumns(text));
}

using Cells = std::vector<std::string>;

const Cells& Heads() {
  static const Cells kHeads = {"#",     "step", "acts in", "AWS operation", "control plane",
                               "after", "undo"};
  return kHeads;
}

std::string Operation(const AwsCall& call) {
  return ShortService(call.service) + " " + call.operation;
}

// One line for the step and one for each further AWS operation it may use.
std::vector<Cells> Rows(const Step& step, const std::map<model::StepId, int>& number) {
  std::vector<Cells> rows;
  for (const AwsCall& call : step.calls) {
    rows.push_back({"", "", "", Operation(call),
                    call.control_plane.empty() ? "none" : call.control_plane.str(), "", ""});
  }
  if (rows.empty()) rows.push_back({"", "", "", "–", "none", "", ""});
  Cells& first = rows.front();
  first[0] = std::to_string(number.at(step.id));
  first[1] =
      step.id.str() + (step.on_failure == model::OnFailure::kContinue ? " (best effort)" : "");
  first[2] = step.region.str();
  first[5] = Numbers(step, number);
  first[6] = Undo(step);
  return rows;
}

std::string Line(const Cells& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += (i == 0 ? " " : "  ") +
            (i == 0 ? std::string(widths[0] - Width(cells[0]), ' ') + cells[0] : cells[i]);
    if (i > 0) line += std::string(widths[i] - Width(cells[i]), ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string Rule(const std::vector<std::size_t>& widths) {
  std::size_t total = 1;
  for (std::size_t width : widths) total += width + 2;
  std::string rule;
  for (std::size_t i = 0; i + 1 < total; ++i) rule += "─";
  return rule + "\n";
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + "\"";
}

}  // namespace

std::string Numbers(const Step& step, const std::map<model::StepId, int>& number) {
  std::vector<int> numbers;
  for (const model::StepId& before : step.after) numbers.push_back(number.at(before));
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (int one : numbers) text += (text.empty() ? "" : ",") + std::to_string(one);
  return text.empty() ? "–" : text;
}

std::string Undo(const Step& step) {
  return step.undo.empty() ? "none: it cannot be taken back" : step.undo;
}

std::string ShortService(const std::string& service) {
  static const std::map<std::string, std::string> kShort = {
      {"route53-recovery-control-config", "arc-config"}, {"route53-recovery-cluster", "arc-data"}};
  const auto found = kShort.find(service);
  return found == kShort.end() ? service : found->second;
}

std::string Title(const model::Plan& plan) {
  return std::string(model::Name(plan.action)) + " of " + plan.application.str() + ": " +
         plan.from.str() + " → " + plan.to.str() + ", " + std::to_string(plan.steps.size()) +
         (plan.steps.size() == 1 ? " step" : " steps") + "\n" +
         (plan.reason.empty() ? "" : "why: " + plan.reason + "\n");
}

std::string Dependencies(const model::Plan& plan) {
  std::map<model::Region, std::set<model::StepId>> needed;
  for (const Step& step : plan.steps) {
    if (step.on_failure == model::OnFailure::kContinue) continue;
    for (const AwsCall& call : step.calls) {
      if (!call.control_plane.empty()) needed[call.control_plane].insert(step.id);
    }
  }
  std::string text;
  for (const auto& [region, steps] : needed) {
    text += (text.empty() ? "" : ", ") + region.str() + " (" + std::to_string(steps.size()) +
            (steps.size() == 1 ? " step)" : " steps)");
  }
  return "needs the control plane of: " + (text.empty() ? std::string("none") : text);
}

std::string ToText(const model::Plan& plan) {
  std::map<model::StepId, int> number;
  for (const Step& step : plan.steps) number.emplace(step.id, static_cast<int>(number.size()) + 1);
  std::vector<std::size_t> widths;
  for (const std::string& head : Heads()) widths.push_back(Width(head));
  std::vector<std::pair<model::Phase, Cells>> rows;
  for (const Step& step : plan.steps) {
    for (Cells& cells : Rows(step, number)) {
      for (std::size_t i = 0; i < cells.size(); ++i)
        widths[i] = std::max(widths[i], Width(cells[i]));
      rows.emplace_back(step.phase, std::move(cells));
    }
  }
  std::string text = Title(plan) + "\n" + Line(Heads(), widths) + Rule(widths);
  const model::Phase* phase = nullptr;
  for (const auto& [row_phase, cells] : rows) {
    if (phase == nullptr || *phase != row_phase)
      text += " " + std::string(model::Name(row_phase)) + "\n";
    phase = &row_phase;
    text += Line(cells, widths);
  }
  return text + Rule(widths) + Dependencies(plan) + "\n";
}

std::string ToDot(const model::Plan& plan) {
  std::string dot =
      "digraph " + Quoted(std::string(model::Name(plan.action)) + " of " + plan.application.str()) +
      " {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
  for (const Step& step : plan.steps) {
    dot += "  " + Quoted(step.id.str()) + " [label=" + Quoted(step.title) +
           (step.on_failure == model::OnFailure::kContinue ? ", style=\"rounded,dashed\"" : "") +
           "];\n";
    for (const model::StepId& before : step.after) {
      dot += "  " + Quoted(before.str()) + " -> " + Quoted(step.id.str()) + ";\n";
    }
  }
  return dot + "}\n";
}

}  // namespace leeward::plan
