// Route 53: what is kept on disk.
#include "lab/services/route53.h"
#include "lab/services/route53_internal.h"
#include "lab/services/saved_state.h"

namespace leeward::lab {
namespace {

using shapes::Value;

Value CheckToValue(const HealthCheck& check) {
  return Value::Struct({{"Id", check.id},
                        {"CallerReference", check.caller_reference},
                        {"Version", check.version},
                        {"Config", check.config},
                        {"Tags", check.tags},
                        {"LastKnown", check.last_known}});
}

HealthCheck CheckFromValue(const Value& value) {
  HealthCheck check;
  check.id = value.String("Id");
  check.caller_reference = value.String("CallerReference");
  check.version = value.Int("Version", 1);
  check.config = value.Sub("Config");
  check.tags = Value(value.Items("Tags"));
  check.last_known = value.Flag("LastKnown", true);
  return check;
}

}  // namespace

void Route53::Save() {
  Value::List zones;
  for (const auto& [id, zone] : zones_) {
    zones.push_back(Value::Struct({{"CallerReference", zone.caller_reference},
                                   {"Comment", zone.comment},
                                   {"Tags", zone.tags},
                                   {"Zone", ZoneToValue(*zone.records)}}));
  }
  Value::List changes;
  for (const ChangeRecord& change : changes_) {
    changes.push_back(Value::Struct({{"Id", change.id},
                                     {"ZoneId", change.zone_id},
                                     {"Comment", change.comment},
                                     {"Submitted", change.submitted}}));
  }
  Value::List checks;
  for (const auto& [id, check] : checks_) checks.push_back(CheckToValue(check));
  SaveState(host_, name(),
            Value::Struct({{"Zones", std::move(zones)},
                           {"Changes", std::move(changes)},
                           {"Checks", std::move(checks)}}));
}

// What was still spreading has spread by the time the process is up again.
base::Status Route53::Load() {
  ASSIGN_OR_RETURN(const Value saved, LoadState(host_, name()));
  for (const Value& value : saved.Items("Zones")) {
    HostedZone zone;
    zone.caller_reference = value.String("CallerReference");
    zone.comment = value.String("Comment");
    zone.tags = Value(value.Items("Tags"));
    zone.records = std::make_shared<Zone>(ZoneFromValue(value.Sub("Zone")));
    zone.live = zone.records;
    zone.id = zone.records->id;
    const auto* ns = zone.records->Find(zone.records->name, RrType::kNs);
    for (const std::string& server : ns->front().values) {
      zone.name_servers.push_back(server.substr(0, server.size() - 1));
    }
    zones_[zone.id] = std::move(zone);
  }
  for (const Value& value : saved.Items("Changes")) {
    ChangeRecord change{std::string(value.String("Id")),
                        std::string(value.String("ZoneId")),
                        std::string(value.String("Comment")),
                        {},
                        true};
    if (const Value* submitted = value.Find("Submitted")) change.submitted = submitted->time();
    changes_.push_back(std::move(change));
  }
  for (const Value& value : saved.Items("Checks")) {
    HealthCheck check = CheckFromValue(value);
    checks_.emplace(check.id, std::move(check));
  }
  return base::Ok();
}

}  // namespace leeward::lab
