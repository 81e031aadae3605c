// Route 53: the operations on health checks.
#include "lab/services/route53.h"
#include "lab/services/route53_internal.h"

namespace leeward::lab {
namespace {

using shapes::Value;

constexpr std::size_t kMaxChecks = 200;
constexpr std::size_t kMaxListed = 100;

Value CheckShape(const HealthCheck& check) {
  return Value::Struct({{"Id", check.id},
                        {"CallerReference", check.caller_reference},
                        {"HealthCheckConfig", check.config},
                        {"HealthCheckVersion", check.version}});
}

std::string CheckerAddress(std::size_t checker) { return fmt::format("127.0.0.{}", checker + 1); }

Value Observation(std::size_t checker, std::string_view region, std::string_view status,
                  base::WallTime checked) {
  return Value::Struct(
      {{"Region", region},
       {"IPAddress", CheckerAddress(checker)},
       {"StatusReport", Value::Struct({{"Status", status}, {"CheckedTime", checked}})}});
}

// The same request again is the same check; the reference alone is not.
bool SameRequest(const HealthCheck& check, const Value& config) { return check.config == config; }

}  // namespace

std::optional<ApiError> Route53::RefuseChildren(const Value& config) const {
  for (const Value& child : config.Items("ChildHealthChecks")) {
    if (checks_.find(child.str()) == checks_.end()) {
      return Route53Invalid(
          fmt::format("Invalid parameter : child health check {} does not exist.", child.str()));
    }
  }
  const std::string_view control = config.String("RoutingControlArn");
  if (control.empty()) return std::nullopt;
  const auto* arc = dynamic_cast<RoutingControls*>(host_.Find("route53-recovery-control-config"));
  if (arc == nullptr || !arc->StateOf(control)) {
    return Route53Invalid(
        fmt::format("Invalid parameter : routing control {} does not exist.", control));
  }
  return std::nullopt;
}

Answer Route53::CreateHealthCheck(const Value& input) {
  const std::string reference(input.String("CallerReference"));
  const Value& asked = input.Sub("HealthCheckConfig");
  if (auto refusal = RefuseCheckConfig(asked)) return *refusal;
  if (auto refusal = RefuseChildren(asked)) return *refusal;
  const Value config = WithCheckDefaults(asked);
  for (const auto& [id, check] : checks_) {
    if (check.caller_reference != reference) continue;
    if (SameRequest(check, config)) {
      return Value::Struct(
          {{"HealthCheck", CheckShape(check)},
           {"Location", "https://route53.amazonaws.com/2013-04-01/healthcheck/" + id}});
    }
    return ApiError{"HealthCheckAlreadyExists",
                    fmt::format("A health check with the caller reference {} already exists and "
                                "has different settings.",
                                reference),
                    409,
                    {}};
  }
  if (checks_.size() >= kMaxChecks) {
    return ApiError{"TooManyHealthChecks",
                    fmt::format("Limits Exceeded: at most {} health checks.", kMaxChecks),
                    400,
                    {}};
  }
  ports::Random& random = host_.random();
  HealthCheck check;
  check.id = fmt::format("{}-{}-{}-{}-{}", random.Hex(8), random.Hex(4), random.Hex(4),
                         random.Hex(4), random.Hex(12));
  check.caller_reference = reference;
  check.config = config;
  check.tags = Value::EmptyList();
  HealthCheck& added = checks_.emplace(check.id, std::move(check)).first->second;
  Watch(added);
  PublishWorld();
  Save();
  return Value::Struct(
      {{"HealthCheck", CheckShape(added)},
       {"Location", "https://route53.amazonaws.com/2013-04-01/healthcheck/" + added.id}});
}

Answer Route53::GetHealthCheck(const Value& input) {
  const auto check = checks_.find(input.String("HealthCheckId"));
  if (check == checks_.end()) return NoSuchCheck(input.String("HealthCheckId"));
  return Value::Struct({{"HealthCheck", CheckShape(check->second)}});
}

Answer Route53::ListHealthChecks(const Value& input) {
  const std::size_t most = MaxItems(input, kMaxListed);
  Value::List listed;
  std::string next;
  for (auto it = checks_.lower_bound(input.String("Marker")); it != checks_.end(); ++it) {
    if (listed.size() == most) {
      next = it->first;
      break;
    }
    listed.push_back(CheckShape(it->second));
  }
  Value output = Value::Struct({{"HealthChecks", std::move(listed)},
                                {"Marker", input.String("Marker")},
                                {"IsTruncated", !next.empty()},
                                {"MaxItems", std::to_string(most)}});
  if (!next.empty()) output.Set("NextMarker", next);
  return output;
}

Answer Route53::GetHealthCheckCount(const Value& /*input*/) {
  return Value::Struct({{"HealthCheckCount", static_cast<std::int64_t>(checks_.size())}});
}

Answer Route53::UpdateHealthCheck(const Value& input) {
  const auto found = checks_.find(input.String("HealthCheckId"));
  if (found == checks_.end()) return NoSuchCheck(input.String("HealthCheckId"));
  HealthCheck& check = found->second;
  if (input.Has("HealthCheckVersion") && input.Int("HealthCheckVersion") != check.version) {
    return ApiError{"HealthCheckVersionMismatch",
                    fmt::format("The health check is at version {}.", check.version),
                    409,
                    {}};
  }
  if (input.Has("IPAddress") && !check.config.Has("IPAddress")) {
    return Route53Invalid(
        "An IPAddress cannot be added to a health check that was created without one; create a new "
        "health check.");
  }
  const Value config = UpdatedCheckConfig(check.config, input);
  if (auto refusal = RefuseCheckConfig(config)) return *refusal;
  if (auto refusal = RefuseChildren(config)) return *refusal;
  check.config = config;
  ++check.version;
  Watch(check);
  PublishWorld();
  Save();
  return Value::Struct({{"HealthCheck", CheckShape(check)}});
}

Answer Route53::DeleteHealthCheck(const Value& input) {
  const auto found = checks_.find(input.String("HealthCheckId"));
  if (found == checks_.end()) return NoSuchCheck(input.String("HealthCheckId"));
  generations_.erase(found->first);
  checks_.erase(found);
  PublishWorld();
  Save();
  return Value::Struct();
}

// For checks without checkers: one observation, which says what the check follows.
Answer Route53::GetHealthCheckStatus(const Value& input) {
  const auto found = checks_.find(input.String("HealthCheckId"));
  if (found == checks_.end()) return NoSuchCheck(input.String("HealthCheckId"));
  const HealthCheck& check = found->second;
  Value::List seen;
  for (std::size_t i = 0; i < check.checkers.size(); ++i) {
    const Checker& checker = check.checkers[i];
    if (!checker.status.empty()) {
      seen.push_back(Observation(i, checker.region, checker.status, checker.checked));
    }
  }
  if (!LooksAtEndpoint(check)) {
    const std::string status =
        fmt::format("{}: {} health check", IsHealthy(check) ? "Success" : "Failure",
                    check.config.String("Type"));
    seen.push_back(Observation(0, kCheckerRegions[0], status, host_.clock().Now()));
  }
  return Value::Struct({{"HealthCheckObservations", std::move(seen)}});
}

Answer Route53::GetHealthCheckLastFailureReason(const Value& input) {
  const auto found = checks_.find(input.String("HealthCheckId"));
  if (found == checks_.end()) return NoSuchCheck(input.String("HealthCheckId"));
  const HealthCheck& check = found->second;
  if (!LooksAtEndpoint(check)) {
    return Route53Invalid(
        "The last failure reason is kept for health checks that monitor an endpoint.");
  }
  Value::List seen;
  for (std::size_t i = 0; i < check.checkers.size(); ++i) {
    const Checker& checker = check.checkers[i];
    if (!checker.last_failure.empty()) {
      seen.push_back(Observation(i, checker.region, checker.last_failure, checker.failed));
    }
  }
  return Value::Struct({{"HealthCheckObservations", std::move(seen)}});
}

// The lab's checkers really come from here.
Answer Route53::GetCheckerIpRanges(const Value& /*input*/) {
  return Value::Struct({{"CheckerIpRanges", Value::List{"127.0.0.0/8"}}});
}

}  // namespace leeward::lab
