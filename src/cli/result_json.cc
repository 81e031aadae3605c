#include "cli/result_json.h"

#include <nlohmann/json.hpp>

#include "model/names.h"

namespace leeward::cli {
namespace {

using Json = nlohmann::ordered_json;

Json StepJson(const model::Step& step, const execute::StepProgress& progress) {
  Json json;
  json["id"] = step.id.str();
  json["phase"] = model::Name(step.phase);
  json["region"] = step.region.str();
  json["title"] = step.title;
  json["state"] = execute::Name(progress.state);
  json["attempts"] = progress.attempts;
  const bool ran = progress.attempts > 0;
  if (ran) json["began"] = base::FormatIso8601(progress.first_intended);
  if (ran && progress.ended != base::WallTime{}) {
    json["ended"] = base::FormatIso8601(progress.ended);
    json["seconds"] = base::Seconds(progress.ended - progress.first_intended);
  }
  json["detail"] = progress.detail;
  return json;
}

}  // namespace

std::string ResultJson(const Carried& carried, const journal::Journal& journal) {
  Json json;
  json["schema"] = "leeward/result/v1";
  json["action"] = model::Name(carried.plan.action);
  json["application"] = carried.plan.application.str();
  json["from"] = carried.plan.from.str();
  json["to"] = carried.plan.to.str();
  json["execution"] = carried.finish.state.execution.str();
  json["outcome"] = execute::Name(carried.finish.outcome);
  json["reason"] = carried.finish.reason;
  json["exit_code"] = carried.ExitCode();
  json["steps"] = Json::array();
  for (const model::Step& step : carried.plan.steps) {
    const auto found = carried.finish.state.steps.find(step.id);
    json["steps"].push_back(StepJson(
        step, found == carried.finish.state.steps.end() ? execute::StepProgress{} : found->second));
  }
  json["journal"] = {{"path", journal.path()},
                     {"records", journal.summary().records},
                     {"last_hash", journal.summary().last_hash}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leeward::cli
