// ELBv2: target groups, targets and their health.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "lab/services/ec2_vpc.h"
#include "lab/services/elbv2.h"
#include "lab/services/elbv2_lists.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

constexpr std::size_t kMaxGroups = 100;
constexpr std::size_t kMaxTargets = 1000;
constexpr int kFastFactor = 20;  // probes at the fast pace: so many times as often
constexpr base::Duration kFastTimeout = 1s;
constexpr base::Duration kDrainFast = 1s;
constexpr base::Duration kDrainAws = 300s;  // deregistration_delay's default

ApiError NoGroup() { return Refusal("TargetGroupNotFound", "One or more target groups not found"); }

// Of one that was asked after and is not registered.
Value UnusedShape(const Endpoint& endpoint) {
  return Value::Struct(
      {{"Target", Value::Struct({{"Id", endpoint.address}, {"Port", std::int64_t{endpoint.port}}})},
       {"TargetHealth", Value::Struct({{"State", "unused"},
                                       {"Reason", "Target.NotRegistered"},
                                       {"Description",
                                        "Target is not registered to the target "
                                        "group"}})}});
}

struct StateName {
  std::string_view state, reason, description;
};
StateName NameOf(TargetState state) {
  switch (state) {
    case TargetState::kInitial:
      return {"initial", "Elb.InitialHealthChecking", "Initial health checks in progress"};
    case TargetState::kHealthy:
      return {"healthy", "", ""};
    case TargetState::kUnhealthy:
      return {"unhealthy", "", ""};
    case TargetState::kDraining:
      return {"draining", "Target.DeregistrationInProgress",
              "Target deregistration is in progress"};
  }
  return {};
}

// AWS's defaults for target type ip over HTTP.
Value NewSettings(const Value& input, const std::string& vpc) {
  Value settings = Value::Struct({{"Protocol", "HTTP"},
                                  {"Port", input.Int("Port")},
                                  {"VpcId", vpc},
                                  {"HealthCheckProtocol", "HTTP"},
                                  {"HealthCheckPort", "traffic-port"},
                                  {"HealthCheckEnabled", true},
                                  {"HealthCheckIntervalSeconds", 30},
                                  {"HealthCheckTimeoutSeconds", 5},
                                  {"HealthyThresholdCount", 5},
                                  {"UnhealthyThresholdCount", 2},
                                  {"HealthCheckPath", "/"},
                                  {"Matcher", Value::Struct({{"HttpCode", "200"}})},
                                  {"TargetType", "ip"},
                                  {"ProtocolVersion", "HTTP1"},
                                  {"IpAddressType", "ipv4"}});
  for (const auto& [member, value] : input.members()) {
    if (settings.Has(member)) settings.Set(member, value);
  }
  // A short interval shortens the time-out, which must stay below it.
  if (!input.Has("HealthCheckTimeoutSeconds") && settings.Int("HealthCheckIntervalSeconds") <= 5) {
    settings.Set("HealthCheckTimeoutSeconds",
                 std::max<std::int64_t>(2, settings.Int("HealthCheckIntervalSeconds") - 1));
  }
  return settings;
}

std::optional<ApiError> RefuseSettings(const Value& settings) {
  for (const char* member : {"Protocol", "HealthCheckProtocol"}) {
    if (settings.String(member) != "HTTP") {
      return Refusal("InvalidConfigurationRequest", fmt::format("{} '{}' is not served by this lab",
                                                                member, settings.String(member)));
    }
  }
  if (settings.String("TargetType") != "ip") {
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("Targets of type '{}' are not served by this lab; use 'ip'",
                               settings.String("TargetType")));
  }
  if (settings.String("ProtocolVersion") != "HTTP1") {
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("Protocol version '{}' is not served by this lab; use 'HTTP1'",
                               settings.String("ProtocolVersion")));
  }
  if (settings.String("IpAddressType") != "ipv4") {
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("IP address type '{}' is not served by this lab; use 'ipv4'",
                               settings.String("IpAddressType")));
  }
  if (!settings.Flag("HealthCheckEnabled", true)) {
    return Refusal("ValidationError",
                   "Health checks of a target group with target type 'ip' cannot be disabled");
  }
  if (settings.Int("HealthCheckTimeoutSeconds") >= settings.Int("HealthCheckIntervalSeconds")) {
    return Refusal("ValidationError", "Health check timeout must be smaller than the interval");
  }
  if (!settings.String("HealthCheckPath").starts_with('/'))
    return Refusal("ValidationError", "Health check path must begin with a '/' character");
  return std::nullopt;
}

}  // namespace

bool MatchesCode(std::string_view matcher, int status) {
  while (!matcher.empty()) {
    const std::size_t comma = std::min(matcher.find(','), matcher.size());
    const std::string_view part = matcher.substr(0, comma);
    int low = 0;
    const auto [dash, error] = std::from_chars(part.data(), part.data() + part.size(), low);
    int high = low;
    if (error == std::errc() && dash != part.data() + part.size() && *dash == '-') {
      std::from_chars(dash + 1, part.data() + part.size(), high);
    }
    if (error == std::errc() && status >= low && status <= high) return true;
    matcher.remove_prefix(std::min(comma + 1, matcher.size()));
  }
  return false;
}

bool Target::Observe(bool success, int healthy_threshold, int unhealthy_threshold) {
  const bool healthy_now = state == TargetState::kHealthy;
  if (state != TargetState::kInitial && success == healthy_now) {
    in_a_row = 0;
    return false;
  }
  const int needed = state == TargetState::kInitial && success
                         ? 1
                         : (success ? healthy_threshold : unhealthy_threshold);
  if (++in_a_row < needed) return false;
  state = success ? TargetState::kHealthy : TargetState::kUnhealthy;
  in_a_row = 0;
  return true;
}

Value Elbv2::GroupShape(const TargetGroup& group) const {
  Value shape = group.settings;
  shape.Set("TargetGroupArn", group.arn).Set("TargetGroupName", group.name);
  Value::List balancers;
  for (const auto& [arn, listener] : listeners_) {
    const Value balancer(listener.load_balancer);
    if (listener.group == group.arn && std::ranges::find(balancers, balancer) == balancers.end())
      balancers.push_back(balancer);
  }
  shape.Set("LoadBalancerArns", std::move(balancers));
  return shape;
}

bool Elbv2::InUse(const TargetGroup& group) const {
  return std::ranges::any_of(listeners_,
                             [&](const auto& entry) { return entry.second.group == group.arn; });
}

Answer Elbv2::CreateTargetGroup(const Value& input) {
  const std::string group_name(input.String("Name"));
  if (!input.Has("Protocol") || !input.Has("Port"))
    return Refusal("ValidationError", "A target group protocol and port must be specified");
  Value asked = input;
  if (!asked.Has("TargetType")) asked.Set("TargetType", "instance");  // AWS's default
  const Value settings = NewSettings(asked, DefaultVpcId(host_));
  if (auto refusal = RefuseSettings(settings)) return *refusal;
  for (const auto& [arn, group] : groups_) {
    if (group.name != group_name) continue;
    if (group.settings == settings)
      return Value::Struct({{"TargetGroups", Value::List{GroupShape(group)}}});
    return Refusal(
        "DuplicateTargetGroupName",
        fmt::format("A target group with the same name '{}' exists, but with different settings",
                    group_name));
  }
  if (groups_.size() >= kMaxGroups)
    return Refusal("TooManyTargetGroups", "The maximum number of target groups has been reached");
  TargetGroup group;
  group.arn = Arn(host_, "elasticloadbalancing",
                  fmt::format("targetgroup/{}/{}", group_name, host_.random().Hex(16)));
  group.name = group_name;
  group.settings = settings;
  TakeTags(group.arn, Value(input.Items("Tags")));
  const TargetGroup& added = groups_[group.arn] = group;
  Save();
  return Value::Struct({{"TargetGroups", Value::List{GroupShape(added)}}});
}

Answer Elbv2::DescribeTargetGroups(const Value& input) {
  const Value::List& arns = input.Items("TargetGroupArns");
  const Value::List& names = input.Items("Names");
  const std::string_view balancer = input.String("LoadBalancerArn");
  if (!balancer.empty() && !balancers_.contains(std::string(balancer)))
    return Refusal("LoadBalancerNotFound", "One or more load balancers not found");
  Value::List found;
  for (const auto& [arn, group] : groups_) {
    if (!Wanted(arns, arn) || !Wanted(names, group.name)) continue;
    Value shape = GroupShape(group);
    const Value::List& of = shape.Items("LoadBalancerArns");
    if (balancer.empty() || std::ranges::find(of, Value(balancer)) != of.end())
      found.push_back(std::move(shape));
  }
  if (found.size() < std::max(arns.size(), names.size())) return NoGroup();
  return OnePage(input, "TargetGroups", found);
}

Answer Elbv2::ModifyTargetGroup(const Value& input) {
  const auto found = groups_.find(std::string(input.String("TargetGroupArn")));
  if (found == groups_.end()) return NoGroup();
  Value settings = found->second.settings;
  for (const auto& [member, value] : input.members()) {
    if (settings.Has(member)) settings.Set(member, value);
  }
  if (auto refusal = RefuseSettings(settings)) return *refusal;
  found->second.settings = settings;
  Save();
  return Value::Struct({{"TargetGroups", Value::List{GroupShape(found->second)}}});
}

Answer Elbv2::DeleteTargetGroup(const Value& input) {
  const auto found = groups_.find(std::string(input.String("TargetGroupArn")));
  if (found == groups_.end()) return Value::Struct();
  if (InUse(found->second)) {
    return Refusal(
        "ResourceInUse",
        fmt::format("Target group '{}' is currently in use by a listener or a rule", found->first));
  }
  groups_.erase(found);
  Save();
  return Value::Struct();
}

std::optional<ApiError> Elbv2::ReadTargets(const TargetGroup& group, const Value& targets,
                                           std::vector<Endpoint>& endpoints) const {
  for (const Value& target : targets.list()) {
    const std::string id(target.String("Id"));
    if (!IsIpv4Literal(id))
      return Refusal("ValidationError",
                     fmt::format("The IP address '{}' is not a valid IPv4 address", id));
    endpoints.push_back(
        {id, static_cast<std::uint16_t>(target.Int("Port", group.settings.Int("Port")))});
  }
  return std::nullopt;
}

Target* Elbv2::FindTarget(std::string_view group_arn, const Endpoint& endpoint) {
  const auto group = groups_.find(std::string(group_arn));
  if (group == groups_.end()) return nullptr;
  for (Target& target : group->second.targets) {
    if (target.endpoint.address == endpoint.address && target.endpoint.port == endpoint.port)
      return &target;
  }
  return nullptr;
}

Answer Elbv2::RegisterTargets(const Value& input) {
  const auto found = groups_.find(std::string(input.String("TargetGroupArn")));
  if (found == groups_.end()) return NoGroup();
  std::vector<Endpoint> endpoints;
  if (auto refusal = ReadTargets(found->second, Value(input.Items("Targets")), endpoints))
    return *refusal;
  if (found->second.targets.size() + endpoints.size() > kMaxTargets)
    return Refusal("TooManyTargets", "The maximum number of targets has been reached");
  for (const Endpoint& endpoint : endpoints) Register(found->first, endpoint);
  return Value::Struct();
}

void Elbv2::Register(std::string_view group_arn, const Endpoint& endpoint) {
  const auto group = groups_.find(std::string(group_arn));
  if (group == groups_.end()) return;
  Target* target = FindTarget(group_arn, endpoint);
  if (target != nullptr && target->state != TargetState::kDraining) return;
  if (target == nullptr) {
    group->second.targets.push_back({});
    target = &group->second.targets.back();
    target->endpoint = endpoint;
  }
  target->state = TargetState::kInitial;
  target->in_a_row = 0;
  target->generation = next_generation_++;
  ProbeLater(group->first, endpoint, target->generation, 0s);
  TargetsChanged(group->second);
  Save();
}

Answer Elbv2::DeregisterTargets(const Value& input) {
  const auto found = groups_.find(std::string(input.String("TargetGroupArn")));
  if (found == groups_.end()) return NoGroup();
  std::vector<Endpoint> endpoints;
  if (auto refusal = ReadTargets(found->second, Value(input.Items("Targets")), endpoints))
    return *refusal;
  for (const Endpoint& endpoint : endpoints) Deregister(found->first, endpoint);
  return Value::Struct();
}

// No new requests from now on; what is under way may end. Then the target is gone.
void Elbv2::Deregister(std::string_view group_arn, const Endpoint& endpoint) {
  Target* target = FindTarget(group_arn, endpoint);
  if (target == nullptr || target->state == TargetState::kDraining) return;
  target->state = TargetState::kDraining;
  const std::int64_t generation = target->generation = next_generation_++;
  const std::string arn(group_arn);
  host_.After(host_.pace() == Pace::kFast ? kDrainFast : kDrainAws, [this, arn, generation] {
    const auto group = groups_.find(arn);
    if (group == groups_.end()) return;
    std::erase_if(group->second.targets,
                  [&](const Target& t) { return t.generation == generation; });
  });
  TargetsChanged(groups_.at(arn));
  Save();
}

Value Elbv2::HealthShape(const TargetGroup& group, const Target& target) const {
  const StateName named = NameOf(target.state);
  Value health = Value::Struct({{"State", named.state}});
  std::string_view reason = named.reason;
  std::string_view description = named.description;
  if (target.state == TargetState::kUnhealthy) {
    reason = target.reason;
    description = target.description;
  }
  if (!InUse(group) && target.state != TargetState::kDraining) {
    health.Set("State", "unused");
    reason = "Target.NotInUse";
    description = "Target group is not configured to receive traffic from the load balancer";
  }
  if (!reason.empty()) health.Set("Reason", reason).Set("Description", description);
  return Value::Struct({{"Target", Value::Struct({{"Id", target.endpoint.address},
                                                  {"Port", std::int64_t{target.endpoint.port}},
                                                  {"AvailabilityZone", host_.region() + "a"}})},
                        {"HealthCheckPort", std::to_string(target.endpoint.port)},
                        {"TargetHealth", std::move(health)}});
}

Answer Elbv2::DescribeTargetHealth(const Value& input) {
  const auto found = groups_.find(std::string(input.String("TargetGroupArn")));
  if (found == groups_.end()) return NoGroup();
  std::vector<Endpoint> asked;
  if (auto refusal = ReadTargets(found->second, Value(input.Items("Targets")), asked))
    return *refusal;
  Value::List list;
  for (const Target& target : found->second.targets) {
    const bool wanted =
        asked.empty() || std::ranges::any_of(asked, [&](const Endpoint& e) {
          return e.address == target.endpoint.address && e.port == target.endpoint.port;
        });
    if (wanted) list.push_back(HealthShape(found->second, target));
  }
  for (const Endpoint& endpoint : asked) {
    if (FindTarget(found->first, endpoint) == nullptr) list.push_back(UnusedShape(endpoint));
  }
  return Value::Struct({{"TargetHealthDescriptions", std::move(list)}});
}

void Elbv2::ProbeLater(const std::string& group_arn, const Endpoint& endpoint,
                       std::int64_t generation, base::Duration delay) {
  host_.After(delay,
              [this, group_arn, endpoint, generation] { Probe(group_arn, endpoint, generation); });
}

void Elbv2::Probe(const std::string& group_arn, const Endpoint& endpoint, std::int64_t generation) {
  const Target* target = FindTarget(group_arn, endpoint);
  if (target == nullptr || target->generation != generation) return;
  const Value& settings = groups_.at(group_arn).settings;
  const bool fast = host_.pace() == Pace::kFast;
  const base::Duration interval = std::chrono::seconds(settings.Int("HealthCheckIntervalSeconds"));
  ProbeLater(group_arn, endpoint, generation, fast ? interval / kFastFactor : interval);
  ProbeSpec spec;
  spec.kind = ProbeSpec::Kind::kHttp;
  spec.endpoint = endpoint;
  const std::string_view port = settings.String("HealthCheckPort");
  if (port != "traffic-port")
    std::from_chars(port.data(), port.data() + port.size(), spec.endpoint.port);
  spec.host = fmt::format("{}:{}", endpoint.address, spec.endpoint.port);
  spec.path = settings.String("HealthCheckPath");
  spec.response_limit =
      fast ? kFastTimeout : std::chrono::seconds(settings.Int("HealthCheckTimeoutSeconds"));
  spec.connect_limit = spec.response_limit;
  reactor_->Post([this, spec, group_arn, endpoint, generation] {
    StartProbe(*reactor_, spec, [this, group_arn, endpoint, generation](const ProbeResult& result) {
      host_.Post([this, group_arn, endpoint, generation, result] {
        OnProbe(group_arn, endpoint, generation, result);
      });
    });
  });
}

void Elbv2::OnProbe(const std::string& group_arn, const Endpoint& endpoint, std::int64_t generation,
                    const ProbeResult& result) {
  Target* target = FindTarget(group_arn, endpoint);
  if (target == nullptr || target->generation != generation) return;
  TargetGroup& group = groups_.at(group_arn);
  using Outcome = ProbeResult::Outcome;
  const bool answered = result.outcome == Outcome::kAnswered;
  const bool success =
      answered &&
      MatchesCode(group.settings.Sub("Matcher").String("HttpCode", "200"), result.http_status);
  if (!success) {
    target->reason = answered                               ? "Target.ResponseCodeMismatch"
                     : result.outcome == Outcome::kTimedOut ? "Target.Timeout"
                                                            : "Target.FailedHealthChecks";
    target->description =
        answered ? fmt::format("Health checks failed with these codes: [{}]", result.http_status)
        : result.outcome == Outcome::kTimedOut ? "Request timed out"
                                               : "Health checks failed";
  }
  const bool changed =
      target->Observe(success, static_cast<int>(group.settings.Int("HealthyThresholdCount")),
                      static_cast<int>(group.settings.Int("UnhealthyThresholdCount")));
  if (changed) TargetsChanged(group);
}

void Elbv2::TargetsChanged(const TargetGroup& group) {
  std::vector<ProxyTarget> targets;
  for (const Target& target : group.targets) {
    if (target.state != TargetState::kDraining)
      targets.push_back({target.endpoint, target.state == TargetState::kHealthy});
  }
  proxy_->SetTargets(group.arn, std::move(targets));
  TellRoute53([](const Answer&) {});
}

}  // namespace leeward::lab
