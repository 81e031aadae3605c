#include "serve/status.h"

#include <nlohmann/json.hpp>

#include "model/names.h"

namespace leeward::serve {
namespace {

using Json = nlohmann::ordered_json;
using model::Health;

Json RegionJson(const RegionStatus& region) {
  Json json;
  json["region"] = region.verdict.region.str();
  json["health"] = model::Name(region.verdict.health);
  json["fresh"] = region.verdict.fresh;
  json["votes"] = region.verdict.votes;
  json["application"] = model::Name(region.application);
  json["stores"] = model::Name(region.stores);
  json["control_plane"] = model::Name(region.control_plane);
  json["reason"] = region.verdict.reason + (region.apart.empty() ? "" : "; " + region.apart);
  return json;
}

// A label's value, with what the format reserves escaped.
std::string Label(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

class Metrics {
 public:
  void Head(const char* name, const char* type, const char* help) {
    name_ = name;
    text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  void Put(const std::map<std::string, std::string>& labels, const std::string& value) {
    text_ += name_;
    const char* before = "{";
    for (const auto& [label, content] : labels) {
      text_ += before + label + "=\"" + Label(content) + "\"";
      before = ",";
    }
    text_ += "} " + value + "\n";
  }
  void Put(const std::map<std::string, std::string>& labels, bool value) {
    Put(labels, std::string(value ? "1" : "0"));
  }
  const std::string& text() const { return text_; }

 private:
  std::string name_, text_;
};

void PutRegions(const std::vector<Status>& all, Metrics* metrics) {
  metrics->Head("leeward_region_health", "gauge", "1 for the quorum's verdict on the Region.");
  for (const Status& status : all) {
    for (const RegionStatus& region : status.regions) {
      for (const Health health : model::AllOf<Health>()) {
        metrics->Put({{"application", status.application.str()},
                      {"region", region.verdict.region.str()},
                      {"health", std::string(model::Name(health))}},
                     region.verdict.health == health);
      }
    }
  }
}

void PutObservers(const std::vector<Status>& all, Metrics* metrics) {
  metrics->Head("leeward_observer_fresh", "gauge", "1 while the observer has a vote.");
  for (const Status& status : all) {
    for (const ObserverStatus& observer : status.observers) {
      metrics->Put({{"application", status.application.str()}, {"region", observer.region.str()}},
                   observer.fresh);
    }
  }
  metrics->Head("leeward_observer_silence_seconds", "gauge",
                "Since the observer's sequence went on.");
  for (const Status& status : all) {
    for (const ObserverStatus& observer : status.observers) {
      if (!observer.silence) continue;
      metrics->Put({{"application", status.application.str()}, {"region", observer.region.str()}},
                   std::to_string(base::Seconds(*observer.silence)));
    }
  }
}

void PutController(const std::vector<Status>& all, Metrics* metrics) {
  metrics->Head("leeward_leading", "gauge", "1 while this controller is the one that acts.");
  for (const Status& status : all)
    metrics->Put({{"application", status.application.str()}}, status.leading);
  metrics->Head("leeward_move_running", "gauge", "1 while this controller carries a move out.");
  for (const Status& status : all)
    metrics->Put({{"application", status.application.str()}}, status.running.has_value());
  metrics->Head("leeward_moves_total", "counter", "Moves that this process ended, by outcome.");
  for (const Status& status : all) {
    for (const auto& [outcome, count] : status.moves) {
      metrics->Put({{"application", status.application.str()}, {"outcome", outcome}},
                   std::to_string(count));
    }
  }
  metrics->Head("leeward_store_errors_total", "counter", "Looks at the shared store that failed.");
  for (const Status& status : all) {
    metrics->Put({{"application", status.application.str()}}, std::to_string(status.store_errors));
  }
}

}  // namespace

std::string StatusJson(const Status& status) {
  Json json;
  json["schema"] = "leeward/serve-status/v1";
  json["application"] = status.application.str();
  json["mode"] = status.mode;
  json["leading"] = status.leading;
  json["lease"] = status.lease;
  json["regions"] = Json::array();
  for (const RegionStatus& region : status.regions) json["regions"].push_back(RegionJson(region));
  json["down_when"] = Json::array();
  for (const model::Combination& together : status.down_when)
    json["down_when"].push_back(model::NameOf(together));
  json["observers"] = Json::array();
  for (const ObserverStatus& observer : status.observers) {
    Json one{{"region", observer.region.str()}, {"standing", observer.standing}};
    if (observer.silence) one["silence_s"] = base::Seconds(*observer.silence);
    json["observers"].push_back(one);
  }
  json["active"] = Json::object();
  for (const auto& [component, region] : status.active)
    json["active"][component.str()] = region.str();
  json["decision"] = {{"goal", status.goal}, {"row", status.row}, {"reason", status.reason}};
  json["doing"] = status.doing;
  if (status.running) json["running"] = *status.running;
  if (status.move) json["move"] = Json::parse(ToJson(*status.move));
  if (status.approval) {
    json["approval"] = Json::parse(decide::ToJson(*status.approval));
    json["approval"]["standing"] = status.approval_standing;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string MetricsText(const std::vector<Status>& all) {
  Metrics metrics;
  PutRegions(all, &metrics);
  PutObservers(all, &metrics);
  PutController(all, &metrics);
  return metrics.text();
}

}  // namespace leeward::serve
