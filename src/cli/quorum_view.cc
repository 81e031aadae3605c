#include "cli/quorum_view.h"

#include <nlohmann/json.hpp>

#include "model/names.h"

namespace leeward::cli {
namespace {

using Json = nlohmann::ordered_json;

Json VerdictJson(const observe::RegionVerdict& region) {
  Json json;
  json["region"] = region.verdict.region.str();
  json["health"] = model::Name(region.verdict.health);
  json["fresh"] = region.verdict.fresh;
  json["votes"] = region.verdict.votes;
  json["application"] = model::Name(region.application);
  json["stores"] = model::Name(region.stores);
  json["control_plane"] = model::Name(region.control_plane);
  json["reason"] = region.verdict.reason;
  return json;
}

Json ObserverJson(const observe::Sight& sight) {
  Json json;
  json["region"] = sight.from.str();
  json["standing"] = observe::Name(sight.standing);
  if (sight.standing == observe::Standing::kAbsent) return json;
  json["who"] = sight.who;
  json["sequence"] = sight.sequence;
  json["silence_s"] = base::Seconds(sight.silence);
  json["its_clock"] = base::FormatIso8601(sight.said);
  if (!sight.trouble.empty()) json["trouble"] = sight.trouble;
  return json;
}

}  // namespace

std::string VerdictText(const observe::RegionVerdict& region) {
  const std::string apart = observe::Apart(region);
  return region.verdict.reason + (apart.empty() ? "" : "; " + apart);
}

std::string DownWhenText(const Quorum& quorum) {
  std::string text;
  for (const model::Combination& together : quorum.down_when)
    text += (text.empty() ? "" : ", or ") + model::NameOf(together);
  return text;
}

std::string ObserversText(const Quorum& quorum) {
  std::string text;
  for (const observe::Sight& sight : quorum.observers) {
    text += (text.empty() ? "" : ", ") + sight.from.str() + " ";
    text += observe::Name(sight.standing);
    if (sight.standing == observe::Standing::kStale)
      text += " for " + base::HumanDuration(sight.silence);
    if (!sight.trouble.empty()) text += " (" + sight.trouble + ")";
  }
  return text + (quorum.trouble.empty() ? "" : "; " + quorum.trouble);
}

std::string QuorumJson(const Quorum& quorum) {
  Json json;
  json["verdicts"] = json["observers"] = Json::array();
  for (const observe::RegionVerdict& region : quorum.regions)
    json["verdicts"].push_back(VerdictJson(region));
  for (const observe::Sight& sight : quorum.observers)
    json["observers"].push_back(ObserverJson(sight));
  json["down_when"] = Json::array();
  for (const model::Combination& together : quorum.down_when)
    json["down_when"].push_back(model::NameOf(together));
  if (!quorum.trouble.empty()) json["trouble"] = quorum.trouble;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace leeward::cli
