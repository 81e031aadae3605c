// Route 53: the watching of endpoints, alarms and load balancers, and the world that DNS answers
// from.
#include "lab/dns/prober.h"
#include "lab/services/route53.h"
#include "lab/services/route53_internal.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

constexpr base::Duration kHttpConnectLimit = 4s;
constexpr base::Duration kTcpConnectLimit = 10s;
constexpr base::Duration kResponseLimit = 2s;
constexpr std::size_t kSearchedBytes = 5120;
constexpr base::Duration kAlarmInterval = 10s;
constexpr base::Duration kAlarmDeadline = 4s;
// Regions tell of their load balancers every second; one that is silent this long is taken as gone.
constexpr base::Duration kLoadBalancerSilence = 4s;
constexpr base::Duration kLoadBalancerLook = 500ms;

ProbeSpec SpecFor(const HealthCheck& check, const std::string& address) {
  const Value& config = check.config;
  const std::string_view type = config.String("Type");
  ProbeSpec spec;
  spec.endpoint = {address, static_cast<std::uint16_t>(config.Int("Port"))};
  spec.connect_limit = type == "TCP" ? kTcpConnectLimit : kHttpConnectLimit;
  spec.response_limit = kResponseLimit;
  if (type == "TCP") return spec;
  spec.kind = type.starts_with("HTTPS") ? ProbeSpec::Kind::kHttps : ProbeSpec::Kind::kHttp;
  spec.host = config.String("FullyQualifiedDomainName", address);
  spec.server_name = config.Flag("EnableSNI", false);
  spec.path = config.String("ResourcePath", "/");
  if (!spec.path.starts_with('/')) spec.path.insert(0, 1, '/');
  spec.search = config.String("SearchString");
  spec.body_limit = kSearchedBytes;
  spec.user_agent = fmt::format(
      "Amazon-Route53-Health-Check-Service (ref {}; report http://amzn.to/1vsZADi)", check.id);
  return spec;
}

struct Judgement {
  Seen seen;
  std::string text;
};

Judgement Judge(const ProbeSpec& spec, const ProbeResult& result) {
  using Outcome = ProbeResult::Outcome;
  switch (result.outcome) {
    case Outcome::kRefused:
      return {Seen::kFailure,
              "Failure: The health checker could not establish a connection: " + result.detail};
    case Outcome::kTimedOut:
      return {Seen::kFailure, "Failure: The health check timed out: " + result.detail};
    case Outcome::kBroken:
      return {Seen::kFailure, "Failure: " + result.detail};
    case Outcome::kAnswered:
      break;
  }
  if (spec.kind == ProbeSpec::Kind::kTcp)
    return {Seen::kSuccess, "Success: TCP connection established"};
  const std::string status = fmt::format("HTTP Status Code {}", result.http_status);
  if (result.http_status < 200 || result.http_status >= 400)
    return {Seen::kFailure, "Failure: " + status};
  if (!spec.search.empty() && !result.found) {
    return {Seen::kFailure,
            fmt::format("Failure: {}, but the search string was not found in the body", status)};
  }
  return {Seen::kSuccess, "Success: " + status};
}

std::vector<Checker> NewCheckers(const Value& config) {
  std::vector<Checker> checkers;
  for (const std::string_view region : kCheckerRegions) {
    const Value::List& chosen = config.Items("Regions");
    const bool wanted = chosen.empty() || std::ranges::any_of(chosen, [&](const Value& one) {
                          return one.str() == region;
                        });
    if (!wanted) continue;
    Checker checker;
    checker.region = region;
    checkers.push_back(std::move(checker));
  }
  return checkers;
}

}  // namespace

std::vector<std::string> Route53::ChecksOf(std::string_view control_arn) const {
  std::vector<std::string> ids;
  for (const auto& [id, check] : checks_) {
    if (check.config.String("RoutingControlArn") == control_arn) ids.push_back(id);
  }
  return ids;
}

bool Route53::IsHealthy(const HealthCheck& check) {
  const auto* arc = dynamic_cast<RoutingControls*>(host_.Find("route53-recovery-control-config"));
  return EffectiveHealth(checks_, check, [arc](std::string_view arn) {
    return arc != nullptr && arc->StateOf(arn) == ControlState::kOn;
  });
}

std::shared_ptr<const HealthView> Route53::CurrentHealth() {
  auto view = std::make_shared<HealthView>();
  for (const auto& [id, check] : checks_) view->checks[id] = IsHealthy(check);
  for (const auto& [target, balancer] : load_balancers_) {
    view->load_balancers[target] = balancer.healthy;
  }
  return view;
}

void Route53::PublishWorld() {
  auto world = std::make_shared<World>();
  for (const auto& [id, zone] : zones_) {
    if (zone.live) world->zones[zone.live->name] = zone.live;
  }
  world->health = CurrentHealth();
  world_ = world;
  if (dns_) dns_->Publish(std::move(world));
}

// Starts over: with fresh, healthy checkers, each at its own phase of the interval.
void Route53::Watch(HealthCheck& check) {
  const std::int64_t generation = next_generation_++;
  generations_[check.id] = generation;
  if (check.config.String("Type") == "CLOUDWATCH_METRIC") return PollAlarm(check.id, generation);
  if (!LooksAtEndpoint(check)) return;
  check.checkers = NewCheckers(check.config);
  const base::Duration interval = std::chrono::seconds(check.config.Int("RequestInterval"));
  const auto count = static_cast<std::int64_t>(check.checkers.size());
  for (std::size_t i = 0; i < check.checkers.size(); ++i) {
    host_.After(interval * static_cast<std::int64_t>(i) / count,
                [this, id = check.id, generation, i] { Probe(id, generation, i); });
  }
}

// Where to probe: the address, or what the lab's own zones say of the name. Empty when nothing
// does.
std::string Route53::ProbeAddress(const Value& config) const {
  std::string address(config.String("IPAddress", config.String("FullyQualifiedDomainName")));
  if (IsIpLiteral(address)) return address;
  const Draw draw = [this](std::uint64_t bound) { return host_.random().Below(bound); };
  const DnsAnswer answer = Resolve(*world_, {CanonicalName(address), RrType::kA}, draw);
  for (const Rr& record : answer.answer) {
    if (record.type == RrType::kA) return record.value;
  }
  return {};
}

void Route53::Probe(const std::string& id, std::int64_t generation, std::size_t checker) {
  const auto found = checks_.find(id);
  if (found == checks_.end() || generations_[id] != generation) return;
  const HealthCheck& check = found->second;
  host_.After(std::chrono::seconds(check.config.Int("RequestInterval")),
              [this, id, generation, checker] { Probe(id, generation, checker); });
  const std::string address = ProbeAddress(check.config);
  if (address.empty()) {
    return Observe(id, generation, checker, "Failure: DNS resolution failed", Seen::kFailure);
  }
  const ProbeSpec spec = SpecFor(check, address);
  // `this` outlives the probes: the destructor ends their thread first.
  probes_->Post([this, reactor = probes_.get(), spec, id, generation, checker] {
    StartProbe(*reactor, spec, [this, spec, id, generation, checker](const ProbeResult& result) {
      const Judgement judged = Judge(spec, result);
      host_.Post([this, id, generation, checker, judged] {
        Observe(id, generation, checker, judged.text, judged.seen);
      });
    });
  });
}

void Route53::Observe(const std::string& id, std::int64_t generation, std::size_t checker,
                      const std::string& text, Seen seen) {
  const auto found = checks_.find(id);
  if (found == checks_.end() || generations_[id] != generation) return;
  HealthCheck& check = found->second;
  Checker& one = check.checkers.at(checker);
  one.status = text;
  one.checked = host_.clock().Now();
  if (seen == Seen::kFailure) {
    one.last_failure = text;
    one.failed = one.checked;
  }
  if (one.Observe(seen, static_cast<int>(check.config.Int("FailureThreshold")))) PublishWorld();
}

void Route53::PollAlarm(const std::string& id, std::int64_t generation) {
  const auto found = checks_.find(id);
  if (found == checks_.end() || generations_[id] != generation) return;
  host_.After(kAlarmInterval, [this, id, generation] { PollAlarm(id, generation); });
  const Value& alarm = found->second.config.Sub("AlarmIdentifier");
  host_.CallRegion(alarm.String("Region"), "cloudwatch", "EvaluateAlarm",
                   Value::Struct({{"AlarmName", alarm.String("Name")}}), kAlarmDeadline,
                   [this, id, generation](const Answer& answer) {
                     const auto still = checks_.find(id);
                     if (still == checks_.end() || generations_[id] != generation) return;
                     OnAlarm(still->second, answer);
                   });
}

// The stream of data, not the alarm's state: SetAlarmState does not move it.
void Route53::OnAlarm(HealthCheck& check, const Answer& answer) {
  AlarmData seen = AlarmData::kUnknown;
  if (const auto* value = std::get_if<Value>(&answer)) {
    const std::string_view state = value->String("State");
    if (state == "OK") seen = AlarmData::kOk;
    if (state == "ALARM") seen = AlarmData::kAlarm;
  }
  if (seen != AlarmData::kUnknown) check.last_known = seen == AlarmData::kOk;
  if (seen == check.alarm) return;
  check.alarm = seen;
  PublishWorld();
}

void Route53::HandleInternal(std::string_view operation, const Value& input, Reply reply) {
  if (operation != "LoadBalancers")
    return Service::HandleInternal(operation, input, std::move(reply));
  TakeLoadBalancers(input);
  reply(Value::Struct());
}

void Route53::TakeLoadBalancers(const Value& input) {
  const std::string region(input.String("Region"));
  const auto before = CurrentHealth()->load_balancers;
  std::erase_if(load_balancers_, [&](const auto& entry) { return entry.second.region == region; });
  for (const Value& one : input.Items("LoadBalancers")) {
    load_balancers_[CanonicalName(one.String("DNSName"))] =
        LoadBalancer{{std::string(one.String("CanonicalHostedZoneId"))},
                     region,
                     one.Flag("Healthy", false),
                     host_.clock().Monotonic()};
  }
  if (CurrentHealth()->load_balancers != before) PublishWorld();
}

void Route53::AgeLoadBalancers() {
  host_.After(kLoadBalancerLook, [this] { AgeLoadBalancers(); });
  bool changed = false;
  const base::MonotonicTime now = host_.clock().Monotonic();
  for (auto& [target, balancer] : load_balancers_) {
    if (!balancer.healthy || now - balancer.heard < kLoadBalancerSilence) continue;
    balancer.healthy = false;
    changed = true;
  }
  if (changed) PublishWorld();
}

}  // namespace leeward::lab
