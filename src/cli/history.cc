#include "cli/history.h"

#include <fmt/format.h>

#include <string_view>

#include "base/time.h"

namespace leeward::cli {
namespace {

constexpr std::string_view kAbandoned = "abandoned";

// "orders" of "rds.drain/orders@us-west-2" when the step is of that kind.
std::optional<model::ComponentName> ComponentOf(const model::StepId& step, std::string_view kind) {
  std::string_view text = step.str();
  if (!text.starts_with(kind) || text.size() <= kind.size() || text[kind.size()] != '/')
    return std::nullopt;
  text.remove_prefix(kind.size() + 1);
  return model::ComponentName(std::string(text.substr(0, text.find('@'))));
}

}  // namespace

std::map<model::ComponentName, Parting> PartingsOf(const std::vector<model::Event>& events) {
  std::map<model::ComponentName, Parting> partings;
  std::map<model::ExecutionId, model::Region> left;
  for (const model::Event& event : events) {
    if (event.kind == model::EventKind::kExecutionStarted)
      left[event.execution] = model::Region(std::string(event.Field("from")));
    if (event.kind != model::EventKind::kStepDone) continue;
    for (const char* kind : {"rds.drain", "dynamodb.ready"}) {
      const auto store = ComponentOf(event.step, kind);
      const std::string_view at = event.Field("out.parted");
      if (store && !at.empty()) partings[*store] = {std::string(at), left[event.execution], ""};
    }
    if (const auto store = ComponentOf(event.step, "rds.preserve-old")) {
      const auto found = partings.find(*store);
      const std::string_view kept = event.Field("out.old_instance");
      if (found != partings.end() && !kept.empty()) found->second.kept = kept;
    }
  }
  return partings;
}

bool IsWholeIn(const std::vector<model::Event>& events, const model::ExecutionId& execution) {
  bool whole = false;
  for (const model::Event& event : events) {
    if (event.execution != execution) continue;
    // Of an end that was heard of, and is not the end of what these records tell.
    const bool heard_of = event.kind == model::EventKind::kExecutionFinished &&
                          !event.Field("actor").empty() && event.Field("outcome") != kAbandoned;
    whole = !heard_of;
  }
  return whole;
}

std::map<model::ComponentName, std::string> PartedOf(const std::vector<model::Event>& events) {
  std::map<model::ComponentName, std::string> parted;
  for (const auto& [store, parting] : PartingsOf(events)) parted[store] = parting.at;
  // Files and volumes that an old Region alone holds are kept and not listed, so their parting is
  // told only.
  for (const model::Event& event : events) {
    const std::string_view at = event.Field("out.parted");
    if (event.kind != model::EventKind::kStepDone || at.empty()) continue;
    for (const char* kind : {"efs.promote", "efs.restore", "datasync.promote", "ebs.promote",
                             "dynamodb.restore", "s3.ready"}) {
      if (const auto store = ComponentOf(event.step, kind)) parted[*store] = std::string(at);
    }
  }
  return parted;
}

std::string LastTold(const std::vector<model::Event>& events) {
  std::map<model::ExecutionId, std::string> moves;
  std::string last = "nothing was carried out yet";
  for (const model::Event& event : events) {
    std::string& move = moves[event.execution];
    const std::string at = base::FormatIso8601(event.at);
    if (event.kind == model::EventKind::kExecutionStarted) {
      move = fmt::format("{} from {} to {}", event.Field("action"), event.Field("from"),
                         event.Field("to"));
      last = fmt::format("{}: begun {}, not ended", move, at);
    } else if (event.kind == model::EventKind::kExecutionResumed) {
      last = fmt::format("{}: gone on with {}, not ended", move, at);
    } else if (event.kind == model::EventKind::kExecutionFinished) {
      last = fmt::format("{}: {} {}", move, event.Field("outcome"), at);
    }
  }
  return last;
}

}  // namespace leeward::cli
