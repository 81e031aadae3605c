#include "lab/services/route53_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/dns/sockets.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr int kMaxNesting = 4;
constexpr double kQuorumShare = 0.18;
constexpr std::int64_t kDefaultThreshold = 3;
constexpr std::int64_t kDefaultInterval = 30;
constexpr std::size_t kMinRegions = 3;
constexpr std::size_t kMaxChildren = 256;

ApiError Wrong(std::string message) { return {"InvalidInput", std::move(message), 400, {}}; }

bool IsHttp(std::string_view type) { return type.starts_with("HTTP"); }
bool IsEndpointType(std::string_view type) { return IsHttp(type) || type == "TCP"; }

// Addresses that AWS's checkers cannot reach, the loopback network apart.
bool IsRefusedAddress(const std::string& address) {
  const auto starts = [&](std::string_view prefix) { return address.starts_with(prefix); };
  if (starts("10.") || starts("192.168.") || starts("169.254.") || starts("0.")) return true;
  if (starts("172.")) {
    const int second = std::atoi(address.c_str() + 4);
    return second >= 16 && second <= 31;
  }
  return starts("fe80:") || starts("fc") || starts("fd");
}

std::optional<ApiError> RefuseAddress(const Value& config) {
  const std::string address(config.String("IPAddress"));
  if (address.empty()) return std::nullopt;
  if (!IsIpLiteral(address)) {
    return Wrong(fmt::format("Invalid parameter : {} is not a valid IP address.", address));
  }
  if (IsRefusedAddress(address)) {
    return Wrong(fmt::format("Invalid parameter : IP address {} is in a reserved or private range.",
                             address));
  }
  return std::nullopt;
}

std::optional<ApiError> RefuseTcp(const Value& config) {
  if (!config.Has("Port"))
    return Wrong("Invalid parameter : Port must be specified for a TCP health check.");
  if (config.Has("ResourcePath"))
    return Wrong("Invalid parameter : ResourcePath cannot be specified for a TCP health check.");
  if (config.Has("IPAddress") && config.Has("FullyQualifiedDomainName")) {
    return Wrong(
        "TCP health checks that have IP address must not have a fully qualified domain name "
        "specified.");
  }
  return std::nullopt;
}

std::optional<ApiError> RefuseEndpoint(const Value& config, std::string_view type) {
  if (auto refusal = RefuseAddress(config)) return refusal;
  if (config.Has("AlarmIdentifier"))
    return Wrong(
        "Invalid parameter : Basic health checks must not have an metric region specified.");
  if (!config.Has("IPAddress") && config.String("FullyQualifiedDomainName").empty()) {
    return Wrong(
        "Invalid parameter : Either IPAddress or FullyQualifiedDomainName must be specified.");
  }
  const std::int64_t interval = config.Int("RequestInterval", kDefaultInterval);
  if (interval != 10 && interval != 30) {
    return Wrong(
        fmt::format("Invalid parameter : RequestInterval must be 10 or 30, not {}.", interval));
  }
  if (type == "TCP") {
    if (auto refusal = RefuseTcp(config)) return refusal;
  }
  const bool searches = type.ends_with("_STR_MATCH");
  if (searches != config.Has("SearchString")) {
    return Wrong(fmt::format("Invalid parameter : SearchString {} for a health check of type {}.",
                             searches ? "must be specified" : "cannot be specified", type));
  }
  if (config.Flag("EnableSNI", false) && type.starts_with("HTTPS") &&
      config.String("FullyQualifiedDomainName").empty()) {
    return Wrong(
        "Invalid parameter : FullyQualifiedDomainName must be specified when EnableSNI is true.");
  }
  if (config.Flag("EnableSNI", false) && !type.starts_with("HTTPS")) {
    return Wrong(fmt::format("Invalid parameter : EnableSNI cannot be true for type {}.", type));
  }
  const std::size_t regions = config.Items("Regions").size();
  if (config.Has("Regions") && regions < kMinRegions) {
    return Wrong(
        fmt::format("Invalid parameter : at least {} Regions must be specified.", kMinRegions));
  }
  return std::nullopt;
}

std::optional<ApiError> RefuseCalculated(const Value& config) {
  const auto children = static_cast<std::int64_t>(config.Items("ChildHealthChecks").size());
  if (!config.Has("ChildHealthChecks") || !config.Has("HealthThreshold")) {
    return Wrong(
        "Invalid parameter : ChildHealthChecks and HealthThreshold must be specified for a "
        "CALCULATED health check.");
  }
  if (children > static_cast<std::int64_t>(kMaxChildren)) {
    return Wrong(fmt::format("Invalid parameter : at most {} child health checks.", kMaxChildren));
  }
  return std::nullopt;
}

// Members that say how to look at an endpoint, which the other types do not do.
std::optional<ApiError> RefuseEndpointMembers(const Value& config, std::string_view type) {
  for (const char* member : {"IPAddress", "Port", "ResourcePath", "FullyQualifiedDomainName",
                             "SearchString", "RequestInterval", "FailureThreshold"}) {
    if (config.Has(member)) {
      return Wrong(
          fmt::format("Invalid parameter : {} cannot be specified for a health check of type {}.",
                      member, type));
    }
  }
  return std::nullopt;
}

bool Raw(const CheckTable& checks, const HealthCheck& check, const ControlLookup& is_on, int depth);

bool Effective(const CheckTable& checks, const HealthCheck& check, const ControlLookup& is_on,
               int depth) {
  const bool healthy = check.config.Flag("Disabled", false) || Raw(checks, check, is_on, depth);
  return healthy != check.config.Flag("Inverted", false);
}

bool Calculated(const CheckTable& checks, const HealthCheck& check, const ControlLookup& is_on,
                int depth) {
  if (depth >= kMaxNesting) return false;
  std::int64_t healthy = 0;
  for (const Value& child_id : check.config.Items("ChildHealthChecks")) {
    const auto child = checks.find(child_id.str());
    if (child != checks.end() && Effective(checks, child->second, is_on, depth + 1)) ++healthy;
  }
  return healthy >= check.config.Int("HealthThreshold");
}

// Data or not: an alarm's stream that cannot be seen is what the configuration says it is.
bool FromAlarm(const HealthCheck& check) {
  if (check.alarm != AlarmData::kUnknown) return check.alarm == AlarmData::kOk;
  const std::string_view insufficient =
      check.config.String("InsufficientDataHealthStatus", "LastKnownStatus");
  if (insufficient == "LastKnownStatus") return check.last_known;
  return insufficient == "Healthy";
}

bool Raw(const CheckTable& checks, const HealthCheck& check, const ControlLookup& is_on,
         int depth) {
  const std::string_view type = check.config.String("Type");
  if (type == "CALCULATED") return Calculated(checks, check, is_on, depth);
  if (type == "CLOUDWATCH_METRIC") return FromAlarm(check);
  if (type == "RECOVERY_CONTROL") return is_on(check.config.String("RoutingControlArn"));
  return Quorum(check.checkers);
}

}  // namespace

std::optional<ApiError> RefuseCheckConfig(const Value& config) {
  const std::string_view type = config.String("Type");
  if (IsEndpointType(type)) return RefuseEndpoint(config, type);
  if (auto refusal = RefuseEndpointMembers(config, type)) return refusal;
  if (type == "CALCULATED") return RefuseCalculated(config);
  if (type == "CLOUDWATCH_METRIC" && !config.Has("AlarmIdentifier")) {
    return Wrong(
        "Invalid parameter : AlarmIdentifier must be specified for a CLOUDWATCH_METRIC health "
        "check.");
  }
  if (type == "RECOVERY_CONTROL" && !config.Has("RoutingControlArn")) {
    return Wrong(
        "Invalid parameter : RoutingControlArn must be specified for a RECOVERY_CONTROL health "
        "check.");
  }
  return std::nullopt;
}

Value WithCheckDefaults(Value config) {
  const std::string type(config.String("Type"));
  const auto set_default = [&](std::string_view member, Value value) {
    if (!config.Has(member)) config.Set(member, std::move(value));
  };
  set_default("Inverted", false);
  set_default("Disabled", false);
  if (!IsEndpointType(type)) return config;
  if (IsHttp(type)) set_default("Port", type.starts_with("HTTPS") ? 443 : 80);
  set_default("RequestInterval", kDefaultInterval);
  set_default("FailureThreshold", kDefaultThreshold);
  set_default("MeasureLatency", false);
  set_default("EnableSNI", type.starts_with("HTTPS") && config.Has("FullyQualifiedDomainName"));
  return config;
}

Value UpdatedCheckConfig(Value config, const Value& update) {
  for (const Value& element : update.Items("ResetElements")) config.Erase(element.str());
  for (const auto& [member, value] : update.members()) {
    if (member == "HealthCheckId" || member == "HealthCheckVersion" || member == "ResetElements")
      continue;
    config.Set(member, value);
  }
  return config;
}

bool Checker::Observe(Seen seen, int threshold) {
  const bool success = seen == Seen::kSuccess;
  if (success == healthy) {
    against = 0;
    return false;
  }
  if (++against < threshold) return false;
  healthy = success;
  against = 0;
  return true;
}

bool Quorum(const std::vector<Checker>& checkers) {
  const auto healthy = std::ranges::count(checkers, true, &Checker::healthy);
  return checkers.empty() ||
         static_cast<double>(healthy) > kQuorumShare * static_cast<double>(checkers.size());
}

bool EffectiveHealth(const CheckTable& checks, const HealthCheck& check,
                     const ControlLookup& is_on) {
  return Effective(checks, check, is_on, 0);
}

bool LooksAtEndpoint(const HealthCheck& check) {
  return IsEndpointType(check.config.String("Type"));
}

}  // namespace leeward::lab
