#include "cli/status_json.h"

#include <nlohmann/json.hpp>

#include "cli/quorum_view.h"
#include "model/names.h"

namespace leeward::cli {
namespace {

using Json = nlohmann::ordered_json;

const char* NameOf(StoreRole role) {
  switch (role) {
    case StoreRole::kWriter:
      return "writer";
    case StoreRole::kReplica:
      return "replica";
    case StoreRole::kPeer:
      return "peer";
    case StoreRole::kBackup:
      return "backup";
  }
  return "";
}

Json StoreJson(const StoreSeen& store, base::WallTime now) {
  Json json;
  json["component"] = store.component.str();
  json["region"] = store.region.str();
  json["answers"] = store.role.has_value();
  if (!store.role) {
    json["failure"] = store.failure;
    return json;
  }
  json["role"] = NameOf(*store.role);
  if (store.standing) {
    json["in_sync"] = store.standing->good;
    json["standing"] = store.standing->told;
  }
  if (store.position) {
    json["in_recovery"] = store.position->replica;
    json["received"] = store.position->received;
    json["replayed"] = store.position->replayed;
  }
  if (store.newest_canary) json["newest_canary_age_s"] = base::Seconds(now - *store.newest_canary);
  return json;
}

}  // namespace

std::string StatusJson(const Status& status) {
  Json json;
  json["schema"] = "leeward/status/v1";
  json["application"] = status.application.name.str();
  json["at"] = base::FormatIso8601(status.seen.at);
  json["regions"] = Json::array();
  for (const model::Verdict& verdict : status.snapshot.verdicts) {
    Json region;
    region["region"] = verdict.region.str();
    region["health"] = model::Name(verdict.health);
    region["reason"] = verdict.reason;
    const auto plane = status.seen.control_planes.find(verdict.region);
    if (plane != status.seen.control_planes.end() && !plane->second.ok())
      region["failure"] = plane->second.error().message();
    const auto routing = status.seen.routing_on.find(verdict.region);
    if (routing != status.seen.routing_on.end())
      region["routing_control"] = routing->second ? "on" : "off";
    json["regions"].push_back(region);
  }
  json["active"] = Json::object();
  for (const auto& [component, region] : status.snapshot.active)
    json["active"][component.str()] = region.str();
  json["stores"] = Json::array();
  for (const StoreSeen& store : status.seen.stores)
    json["stores"].push_back(StoreJson(store, status.seen.at));
  json["protected"] = !status.inventory.facts.empty();
  json["last"] = status.last;
  if (status.approval) {
    json["approval"] = Json::parse(decide::ToJson(*status.approval));
    json["approval"]["standing"] = decide::Describe(*status.approval, status.seen.at);
  }
  if (status.quorum) json["quorum"] = Json::parse(QuorumJson(*status.quorum));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leeward::cli
