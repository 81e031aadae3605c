// The plan as a list, for terminals in which the table has no room.
#include <algorithm>
#include <map>
#include <sstream>

#include "base/wrap.h"
#include "model/names.h"
#include "plan/plan.h"
#include "plan/text.h"

namespace leeward::plan {
namespace {

using model::Step;

constexpr std::size_t kNumberColumns = 4;

std::string Begin(const Step& step, const std::map<model::StepId, int>& number) {
  std::string text = step.id.str() + " in " + step.region.str();
  if (step.on_failure == model::OnFailure::kContinue) text += ", best effort";
  if (!step.after.empty()) text += ", after " + Numbers(step, number);
  return text;
}

// What is called, by the Region whose control plane has to live for it.
std::vector<std::string> Needs(const Step& step) {
  std::map<model::Region, std::map<std::string, std::vector<std::string>>> by_region;
  for (const model::AwsCall& call : step.calls) {
    std::vector<std::string>& names = by_region[call.control_plane][ShortService(call.service)];
    if (std::find(names.begin(), names.end(), call.operation) == names.end())
      names.push_back(call.operation);
  }
  std::vector<std::string> needs;
  for (const auto& [region, services] : by_region) {
    std::string text =
        "needs " + (region.empty() ? std::string("no control plane") : region.str()) + " for";
    for (const auto& [service, names] : services) {
      text += (text.back() == 'r' ? " " : ", ") + service;
      for (const std::string& name : names) text += (name == names.front() ? " " : ", ") + name;
    }
    needs.push_back(std::move(text));
  }
  return needs;
}

// `first` and the text, wrapped; what does not fit stands two columns further in.
std::string Lines(const std::string& first, const std::string& text, int width) {
  const int begin = base::CountColumns(first);
  const std::string indent(static_cast<std::size_t>(begin + 2), ' ');
  std::string lines;
  for (const std::string& line : base::WrapWords(text, width - begin - 2))
    lines += (lines.empty() ? first : indent) + line + "\n";
  return lines;
}

std::string StepLines(const Step& step, const std::map<model::StepId, int>& number, int width) {
  const std::string digits = std::to_string(number.at(step.id));
  const std::string label(kNumberColumns - std::min(digits.size(), kNumberColumns), ' ');
  const std::string indent(kNumberColumns + 4, ' ');
  std::string lines = Lines(label + digits + "  ", Begin(step, number), width);
  for (const std::string& need : Needs(step)) lines += Lines(indent, need, width);
  if (step.undo != kNothingToUndo) lines += Lines(indent, "undo: " + Undo(step), width);
  return lines;
}

}  // namespace

std::string ToText(const model::Plan& plan, int width) {
  std::map<model::StepId, int> number;
  for (const Step& step : plan.steps) number.emplace(step.id, static_cast<int>(number.size()) + 1);
  std::string text;
  std::istringstream title(Title(plan));
  for (std::string line; std::getline(title, line);) text += Lines("", line, width);
  text += "\n";
  const model::Phase* phase = nullptr;
  for (const Step& step : plan.steps) {
    if (phase == nullptr || *phase != step.phase)
      text += " " + std::string(model::Name(step.phase)) + "\n";
    phase = &step.phase;
    text += StepLines(step, number, width);
  }
  return text + "\n" + Lines("", Dependencies(plan), width);
}

}  // namespace leeward::plan
