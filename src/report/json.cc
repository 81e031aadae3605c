// The report as JSON. docs/formats/report.md.
#include <nlohmann/json.hpp>

#include "model/names.h"
#include "report/parts.h"

namespace leeward::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

// Seconds to the microsecond: finer is noise, and the parts must still add up on paper.
double Seconds(base::Duration duration) {
  return static_cast<double>(std::chrono::round<std::chrono::microseconds>(duration).count()) / 1e6;
}

Json OptionalSeconds(const std::optional<base::Duration>& duration) {
  return duration ? Json(Seconds(*duration)) : Json(nullptr);
}

Json JsonOf(const RtoSplit& rto) {
  Json json;
  json["total_s"] = Seconds(rto.total);
  json["detect_s"] = Seconds(rto.detect);
  json["decide_s"] = Seconds(rto.decide);
  json["fence_s"] = Seconds(rto.fence);
  json["promote_s"] = Seconds(rto.promote);
  json["scale_s"] = Seconds(rto.scale);
  json["traffic_s"] = Seconds(rto.traffic);
  json["client_tail_s"] = Seconds(rto.client_tail);
  json["restores"] = Json::object();
  for (const auto& [store, took] : rto.restores)
    json["restores"][store.str()] = {{"took_s", Seconds(took)}};
  return json;
}

Json JsonOf(const Rpo& rpo) {
  Json json;
  json["acknowledged"] = rpo.acknowledged;
  json["lost"] = rpo.lost;
  json["lost_s"] = Seconds(rpo.lost_span);
  json["bound_s"] = OptionalSeconds(rpo.bound);
  return json;
}

Json JsonOf(const StoreRpo& store) {
  Json json;
  json["acknowledged"] = store.writes ? Json(store.writes->acknowledged) : Json(nullptr);
  json["lost"] = store.writes ? Json(store.writes->lost) : Json(nullptr);
  json["lost_s"] = store.writes ? Json(Seconds(store.writes->lost_span)) : Json(nullptr);
  json["bound_s"] = OptionalSeconds(store.bound);
  return json;
}

Json JsonOf(const Sessions& sessions) {
  Json json;
  for (const SessionFigure& figure : SessionFigures()) json[figure.name] = sessions.*figure.member;
  const std::optional<double> share = sessions.SurvivedShare();
  json["survived_share"] = share ? Json(*share) : Json(nullptr);
  json["lost_s"] = Seconds(sessions.lost_span);
  return json;
}

Json JsonOf(const ExecutionSummary& execution) {
  Json json;
  json["execution"] = execution.execution.str();
  json["action"] = model::Name(execution.action);
  json["from"] = execution.from.str();
  json["to"] = execution.to.str();
  json["reason"] = execution.reason;
  json["began"] = base::FormatIso8601(execution.began);
  json["ended"] = base::FormatIso8601(execution.ended);
  json["took_s"] = Seconds(execution.ended - execution.began);
  json["outcome"] = execution.outcome;
  json["outcome_reason"] = execution.outcome_reason;
  return json;
}

Json JsonOf(const TimelineRow& row) {
  Json json;
  json["execution"] = row.execution.str();
  json["step"] = row.step.str();
  json["phase"] = model::Name(row.phase);
  json["region"] = row.region.str();
  json["title"] = row.title;
  json["began"] = base::FormatIso8601(row.began);
  json["took_s"] = Seconds(row.ended - row.began);
  json["attempts"] = row.attempts;
  json["state"] = row.state;
  json["detail"] = row.detail;
  return json;
}

Json JsonOf(const Chain& chain) {
  Json json;
  json["length_s"] = Seconds(chain.length);
  json["in_turn_s"] = Seconds(chain.in_turn);
  json["steps"] = Json::array();
  for (const ChainLink& link : chain.links) {
    json["steps"].push_back({{"step", link.step.str()},
                             {"began", base::FormatIso8601(link.began)},
                             {"took_s", Seconds(link.ended - link.began)}});
  }
  return json;
}

Json JsonOf(const Failback& failback) {
  Json json;
  json["acknowledged"] = failback.acknowledged;
  json["lost"] = failback.lost;
  json["unavailable_s"] = Seconds(failback.unavailable);
  return json;
}

Json InstantOrNull(const std::optional<base::WallTime>& at) {
  return at ? Json(base::FormatIso8601(*at)) : Json(nullptr);
}

Json JsonOf(const Consistency& consistency) {
  Json json;
  json["line"] = InstantOrNull(consistency.line.at);
  json["line_of"] = consistency.line.store.str();
  json["points"] = Json::object();
  for (const model::RecoveryPoint& point : consistency.line.points)
    json["points"][point.store.str()] = InstantOrNull(point.at);
  json["references"] = Json::array();
  for (const model::ReferenceCounts& counts : consistency.references)
    json["references"].push_back(Json::parse(model::ToJson(counts)));
  json["entries"] = consistency.entries;
  json["complete"] = consistency.complete;
  json["first"] = Json::array();
  for (const model::RepairEntry& entry : consistency.first)
    json["first"].push_back(Json::parse(model::ToJson(entry)));
  json["list"] = consistency.list.empty() ? Json(nullptr) : Json(consistency.list);
  json["list_sha256"] = consistency.list.empty() ? Json(nullptr) : Json(consistency.list_sha256);
  return json;
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? JsonOf(*value) : Json(nullptr);
}

Json FaultJson(const Report& report) {
  if (!report.fault) return nullptr;
  Json json;
  json["name"] = report.fault_name;
  json["region"] = report.fault_region.str();
  json["at"] = base::FormatIso8601(*report.fault);
  return json;
}

Json JsonOf(const Objective& objective) {
  Json json;
  json["name"] = objective.name;
  json["required"] = objective.required;
  json["measured"] = objective.measured;
  json["verdict"] = Name(objective.verdict);
  return json;
}

template <typename T>
Json ListOf(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(JsonOf(value));
  return list;
}

}  // namespace

std::string ToJson(const Report& report) {
  Json json;
  json["leeward_report"] = kVersion;
  json["application"] = report.application.name.str();
  json["verdict"] = Name(report.verdict);
  json["fault"] = FaultJson(report);
  json["rto"] = OrNull(report.rto);
  json["rpo"] = OrNull(report.rpo);
  json["components"] = Json::object();
  for (const auto& [name, rpo] : report.components) json["components"][name.str()] = JsonOf(rpo);
  json["sessions"] = Json::object();
  for (const Sessions& one : report.sessions) json["sessions"][one.mode] = JsonOf(one);
  json["longest_chain"] = OrNull(report.chain);
  json["failback"] = OrNull(report.failback);
  json["consistency"] = OrNull(report.consistency);
  json["objectives"] = ListOf(report.objectives);
  json["problems"] = report.problems;
  json["executions"] = ListOf(report.executions);
  json["timeline"] = ListOf(report.timeline);
  json["journal"] = {{"path", report.journal_path},
                     {"records", report.journal_records},
                     {"last_hash", report.journal_last_hash}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leeward::report
