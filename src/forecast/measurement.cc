#include "forecast/measurement.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace leeward::forecast {
namespace {

using Json = nlohmann::json;

constexpr int kReportVersion = 1;

// The member at the end of the path; null where there is none.
const Json& At(const Json& json, std::initializer_list<const char*> path) {
  static const Json kNull;
  const Json* at = &json;
  for (const char* name : path) {
    if (!at->is_object() || !at->contains(name)) return kNull;
    at = &(*at)[name];
  }
  return *at;
}

std::string Text(const Json& json, std::initializer_list<const char*> path) {
  const Json& found = At(json, path);
  return found.is_string() ? found.get<std::string>() : "";
}

// More than a year is no measurement.
base::Result<Duration> Span(const Json& json, std::initializer_list<const char*> path) {
  constexpr double kMostSeconds = 366.0 * 86'400;
  const Json& found = At(json, path);
  const std::string name = *(path.end() - 1);
  if (!found.is_number()) return base::Invalid("the report has no " + name);
  const double seconds = found.get<double>();
  if (!(seconds >= 0 && seconds < kMostSeconds)) {
    return base::Invalid("the report's " + name + " cannot be");
  }
  return Duration(std::llround(seconds * 1e9));
}

base::Status CheckKind(const Json& report, const model::Application& application,
                       const std::string& fault) {
  if (At(report, {"leeward_report"}) != Json(kReportVersion)) {
    return base::Invalid("it is not the document of `leeward drill --json`");
  }
  const std::string name = Text(report, {"application"});
  if (name != application.name.str()) return base::Invalid("it is of the application " + name);
  if (Text(report, {"fault", "name"}) != fault) {
    return base::Invalid("it has no fault " + fault);
  }
  if (Text(report, {"fault", "region"}) != application.regions.home.str()) {
    return base::Invalid("it lost " + Text(report, {"fault", "region"}) + ", not the spec's home");
  }
  if (!At(report, {"rto"}).is_object()) return base::Invalid("it measured no recovery");
  if (!At(report, {"rpo"}).is_object()) return base::Invalid("it measured no loss");
  return base::Ok();
}

std::string FailoverOf(const Json& report, const std::string& fault_at) {
  for (const Json& execution : At(report, {"executions"})) {
    if (Text(execution, {"action"}) != "failover" || Text(execution, {"outcome"}) != "done") {
      continue;
    }
    // Both are ISO 8601 in UTC of one length, so that their order as text is their order in time.
    if (Text(execution, {"began"}) >= fault_at) return Text(execution, {"execution"});
  }
  return "";
}

// The steps of the failover; and what the phase `decide` took without them, which is the making of
// the plan.
base::Status ReadSteps(const Json& report, const std::string& failover, Latencies* latencies) {
  Duration measuring{0}, gate{0};
  for (const Json& row : At(report, {"timeline"})) {
    if (Text(row, {"execution"}) != failover || Text(row, {"state"}) != "done") continue;
    const std::string step = Text(row, {"step"});
    ASSIGN_OR_RETURN(const Duration took, Span(row, {"took_s"}));
    latencies->steps[model::StepId(step)] = took;
    if (Text(row, {"phase"}) != "decide") continue;
    Duration& part = step.starts_with("gate.") ? gate : measuring;
    part = std::max(part, took);
  }
  if (latencies->steps.empty()) return base::Invalid("it has no steps of a failover");
  ASSIGN_OR_RETURN(const Duration decide, Span(report, {"rto", "decide_s"}));
  latencies->planning = std::max(Duration(0), decide - measuring - gate);
  return base::Ok();
}

// The client asks for the name when the life of the last answer is over, and finds the recovery
// Region the first time it asks after the switch.
base::Status ReadClient(const Json& report, Duration ttl, Latencies* latencies) {
  ASSIGN_OR_RETURN(const Duration total, Span(report, {"rto", "total_s"}));
  ASSIGN_OR_RETURN(const Duration tail, Span(report, {"rto", "client_tail_s"}));
  latencies->client_phase = total % ttl;
  latencies->client_late = tail / ttl * ttl;
  return base::Ok();
}

// Between the age of the oldest write that was lost and that of the one before it.
base::Status ReadLoss(const Json& report, Duration write_every, Latencies* latencies) {
  ASSIGN_OR_RETURN(latencies->replication_lag, Span(report, {"rpo", "lost_s"}));
  const Json& lost = At(report, {"rpo", "lost"});
  if (!lost.is_number()) return base::Invalid("it counted no lost writes");
  if (lost.get<double>() > 0) latencies->replication_lag += write_every / 2;
  return base::Ok();
}

}  // namespace

base::Result<Latencies> ReadMeasurement(const model::Application& application,
                                        const std::string& fault, std::string_view report_json) {
  const Json report = Json::parse(report_json, nullptr, false);
  if (!report.is_object()) return base::Invalid("it is not JSON");
  RETURN_IF_ERROR(CheckKind(report, application, fault));
  ASSIGN_OR_RETURN(const Terms terms, TermsOf(application));
  const std::string fault_at = Text(report, {"fault", "at"});
  ASSIGN_OR_RETURN(const base::WallTime at, base::ParseIso8601(fault_at));
  ASSIGN_OR_RETURN(const Duration detect, Span(report, {"rto", "detect_s"}));
  Latencies latencies;
  const Duration phase = at.since_epoch % application.detection.probe_every;
  latencies.detection_late = detect - DetectionBySlots(application.detection, phase);
  const std::string failover = FailoverOf(report, fault_at);
  if (failover.empty()) return base::Invalid("no failover in it is done");
  RETURN_IF_ERROR(ReadSteps(report, failover, &latencies));
  RETURN_IF_ERROR(ReadClient(report, terms.ttl, &latencies));
  RETURN_IF_ERROR(ReadLoss(report, terms.write_every, &latencies));
  return latencies;
}

}  // namespace leeward::forecast
