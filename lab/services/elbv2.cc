#include "lab/services/elbv2.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/dns/zone.h"
#include "lab/services/dispatch.h"
#include "lab/services/ec2_vpc.h"
#include "lab/services/elbv2_lists.h"
#include "lab/services/saved_state.h"

namespace leeward::lab {
namespace {

using shapes::Value;
using namespace std::chrono_literals;

constexpr std::int64_t kLowestPort = 1024;  // below, the network would need the machine's root
constexpr std::size_t kMaxBalancers = 50;
constexpr base::Duration kRoute53Deadline = 1s;
constexpr base::Duration kActiveAws = 120s;

std::string EndpointName(std::string_view balancer_name, std::int64_t port) {
  return fmt::format("elbv2:{}:{}", balancer_name, port);
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 32 && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text,
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

}  // namespace

struct Elbv2Operations {
  using Row = OperationRow<Elbv2>;
  static constexpr std::array kTable = {
      Row{"CreateLoadBalancer", &Elbv2::CreateLoadBalancer},
      Row{"DescribeLoadBalancers", &Elbv2::DescribeLoadBalancers},
      Row{"DeleteLoadBalancer", &Elbv2::DeleteLoadBalancer},
      Row{"CreateListener", &Elbv2::CreateListener},
      Row{"ModifyListener", &Elbv2::ModifyListener},
      Row{"DescribeListeners", &Elbv2::DescribeListeners},
      Row{"DeleteListener", &Elbv2::DeleteListener},
      Row{"AddTags", &Elbv2::AddTags},
      Row{"RemoveTags", &Elbv2::RemoveTags},
      Row{"DescribeTags", &Elbv2::DescribeTags},
      Row{"CreateTargetGroup", &Elbv2::CreateTargetGroup},
      Row{"DescribeTargetGroups", &Elbv2::DescribeTargetGroups},
      Row{"ModifyTargetGroup", &Elbv2::ModifyTargetGroup},
      Row{"DeleteTargetGroup", &Elbv2::DeleteTargetGroup},
      Row{"RegisterTargets", &Elbv2::RegisterTargets},
      Row{"DeregisterTargets", &Elbv2::DeregisterTargets},
      Row{"DescribeTargetHealth", &Elbv2::DescribeTargetHealth},
  };
};

Elbv2::~Elbv2() = default;

std::vector<std::string_view> Elbv2::operations() const {
  return OperationNames(Elbv2Operations::kTable);
}

// A new load balancer is in DNS before its creation is answered, as far as the global plane can be
// reached.
void Elbv2::Handle(const Call& call, Reply reply) {
  const bool told = call.operation->name == "CreateLoadBalancer";
  const Reply done = [this, told, reply = std::move(reply)](const Answer& answer) {
    if (!told || IsError(answer)) return reply(answer);
    TellRoute53([reply, answer](const Answer&) { reply(answer); });
  };
  RunOperation(*this, Elbv2Operations::kTable, call, done);
}

base::Status Elbv2::Start() {
  ASSIGN_OR_RETURN(reactor_, Reactor::Start());
  proxy_ = std::make_unique<Proxy>(*reactor_);
  RETURN_IF_ERROR(Load());
  for (const auto& [arn, listener] : listeners_) RETURN_IF_ERROR(Open(listener));
  for (auto& [arn, group] : groups_) {
    TargetsChanged(group);
    for (Target& target : group.targets) {
      target.generation = next_generation_++;
      ProbeLater(arn, target.endpoint, target.generation, 0s);
    }
  }
  TellRoute53EverySecond();
  return base::Ok();
}

// --- load balancers

Value Elbv2::LoadBalancerShape(const LoadBalancer& balancer) const {
  Value zones = Value::EmptyList();
  const std::vector<DefaultSubnet> subnets = DefaultSubnets(host_);
  for (const Value& asked : balancer.asked.Items("Subnets")) {
    const auto known = std::ranges::find(subnets, asked.str(), &DefaultSubnet::id);
    if (known == subnets.end()) continue;
    zones.list().push_back(Value::Struct({{"ZoneName", known->zone}, {"SubnetId", known->id}}));
  }
  return Value::Struct(
      {{"LoadBalancerArn", balancer.arn},
       {"DNSName", balancer.address},
       {"CanonicalHostedZoneId", LoadBalancerZoneId(host_.region(), "application")},
       {"CreatedTime", balancer.created},
       {"LoadBalancerName", balancer.name},
       {"Scheme", balancer.scheme},
       {"VpcId", DefaultVpcId(host_)},
       {"State", Value::Struct({{"Code", balancer.active ? "active" : "provisioning"}})},
       {"Type", "application"},
       {"AvailabilityZones", std::move(zones)},
       {"SecurityGroups", Value(balancer.asked.Items("SecurityGroups"))},
       {"IpAddressType", "ipv4"}});
}

// Where a load balancer is to be, and behind which groups. One without any is open to all, other
// than on AWS, where it gets the default group.
std::optional<ApiError> Elbv2::RefusePlace(const Value& input) const {
  for (const char* member : {"SubnetMappings", "IpamPools", "CustomerOwnedIpv4Pool"}) {
    if (!input.Has(member)) continue;
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("{} is not served by this lab; leave it out", member));
  }
  if (input.String("IpAddressType", "ipv4") != "ipv4") {
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("IP address type '{}' is not served by this lab; use 'ipv4'",
                               input.String("IpAddressType")));
  }
  const std::vector<DefaultSubnet> subnets = DefaultSubnets(host_);
  for (const Value& subnet : input.Items("Subnets")) {
    if (std::ranges::find(subnets, subnet.str(), &DefaultSubnet::id) == subnets.end())
      return Refusal("SubnetNotFound",
                     fmt::format("The subnet ID '{}' does not exist", subnet.str()));
  }
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  for (const Value& group : input.Items("SecurityGroups")) {
    if (groups == nullptr || !groups->Exists(group.str()))
      return Refusal("InvalidSecurityGroup",
                     fmt::format("The security group '{}' does not exist", group.str()));
  }
  return std::nullopt;
}

Answer Elbv2::CreateLoadBalancer(const Value& input) {
  const std::string balancer_name(input.String("Name"));
  if (!IsName(balancer_name)) {
    return Refusal("ValidationError",
                   fmt::format("Load balancer name '{}' can only contain up to 32 alphanumerics "
                               "and hyphens, and must not begin or end with a hyphen",
                               balancer_name));
  }
  const std::string_view type = input.String("Type", "application");
  if (type != "application") {
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("Load balancers of type '{}' are not served by this lab", type));
  }
  if (auto refusal = RefusePlace(input)) return *refusal;
  for (const auto& [arn, balancer] : balancers_) {
    if (balancer.name != balancer_name) continue;
    if (balancer.asked == input)
      return Value::Struct({{"LoadBalancers", Value::List{LoadBalancerShape(balancer)}}});
    return Refusal(
        "DuplicateLoadBalancerName",
        fmt::format("A load balancer with the same name '{}' exists, but with different settings",
                    balancer_name));
  }
  if (balancers_.size() >= kMaxBalancers)
    return Refusal("TooManyLoadBalancers", "The maximum number of load balancers has been reached");
  LoadBalancer balancer;
  balancer.arn = Arn(host_, "elasticloadbalancing",
                     fmt::format("loadbalancer/app/{}/{}", balancer_name, host_.random().Hex(16)));
  balancer.name = balancer_name;
  balancer.scheme = input.String("Scheme", "internet-facing");
  balancer.address = host_.network().AddressFor("elbv2:" + balancer_name);
  balancer.created = host_.clock().Now();
  balancer.asked = input;
  TakeTags(balancer.arn, Value(input.Items("Tags")));
  const Value shape = LoadBalancerShape(balancer);  // "provisioning"
  const std::string arn = balancer.arn;
  balancers_[arn] = std::move(balancer);
  host_.After(host_.pace() == Pace::kFast ? 0s : kActiveAws, [this, arn] {
    const auto found = balancers_.find(arn);
    if (found == balancers_.end()) return;
    found->second.active = true;
    Save();
  });
  Save();
  return Value::Struct({{"LoadBalancers", Value::List{shape}}});
}

Answer Elbv2::DescribeLoadBalancers(const Value& input) {
  const Value::List& arns = input.Items("LoadBalancerArns");
  const Value::List& names = input.Items("Names");
  Value::List found;
  for (const auto& [arn, balancer] : balancers_) {
    if (Wanted(arns, arn) && Wanted(names, balancer.name))
      found.push_back(LoadBalancerShape(balancer));
  }
  if (found.size() < std::max(arns.size(), names.size())) {
    return Refusal("LoadBalancerNotFound", "One or more load balancers not found");
  }
  return OnePage(input, "LoadBalancers", found);
}

// Deleting what is not there succeeds, as on AWS.
Answer Elbv2::DeleteLoadBalancer(const Value& input) {
  const std::string arn(input.String("LoadBalancerArn"));
  if (!balancers_.contains(arn)) return Value::Struct();
  std::vector<Listener> gone;
  for (const auto& [listener_arn, listener] : listeners_) {
    if (listener.load_balancer == arn) gone.push_back(listener);
  }
  for (const Listener& listener : gone) {
    Shut(listener);
    listeners_.erase(listener.arn);
  }
  balancers_.erase(arn);
  std::erase_if(tags_, [&](const Tag& tag) { return tag.arn == arn; });
  Save();
  TellRoute53([](const Answer&) {});
  return Value::Struct();
}

// --- listeners

Value Elbv2::ListenerShape(const Listener& listener) const {
  return Value::Struct({{"ListenerArn", listener.arn},
                        {"LoadBalancerArn", listener.load_balancer},
                        {"Port", listener.port},
                        {"Protocol", "HTTP"},
                        {"DefaultActions", listener.actions}});
}

// The one target group that the default action forwards to.
std::optional<ApiError> Elbv2::ReadForward(const Value& actions, std::string& group) const {
  if (actions.list().size() != 1)
    return Refusal("InvalidLoadBalancerAction",
                   "This lab serves listeners with exactly one default action");
  const Value& action = actions.list().front();
  if (action.String("Type") != "forward") {
    return Refusal(
        "InvalidLoadBalancerAction",
        fmt::format("Actions of type '{}' are not served by this lab", action.String("Type")));
  }
  group = action.String("TargetGroupArn");
  const Value::List& weighted = action.Sub("ForwardConfig").Items("TargetGroups");
  if (weighted.size() > 1)
    return Refusal("InvalidLoadBalancerAction",
                   "Weighted target groups are not served by this lab");
  if (group.empty() && weighted.size() == 1) group = weighted.front().String("TargetGroupArn");
  if (!groups_.contains(group))
    return Refusal("TargetGroupNotFound", "One or more target groups not found");
  return std::nullopt;
}

base::Status Elbv2::Open(const Listener& listener) {
  const LoadBalancer& balancer = balancers_.at(listener.load_balancer);
  const std::filesystem::path socket =
      host_.StateDirectory(name()) / ("l" + listener.arn.substr(listener.arn.size() - 8) + ".sock");
  RETURN_IF_ERROR(proxy_->Listen(listener.arn, socket, listener.group));
  host_.network().Publish({EndpointName(balancer.name, listener.port), balancer.address,
                           static_cast<std::uint16_t>(listener.port), socket, ""});
  SetIngress(listener);
  return base::Ok();
}

void Elbv2::SetIngress(const Listener& listener) {
  const LoadBalancer& balancer = balancers_.at(listener.load_balancer);
  const auto* groups = FindSibling<SecurityGroups>(host_, "ec2");
  std::vector<std::string> theirs;
  for (const Value& group : balancer.asked.Items("SecurityGroups")) theirs.push_back(group.str());
  if (groups == nullptr || theirs.empty()) return;
  host_.network().SetIngress(EndpointName(balancer.name, listener.port),
                             groups->Ingress(theirs, static_cast<std::uint16_t>(listener.port)));
}

void Elbv2::SecurityGroupsChanged() {
  for (const auto& [arn, listener] : listeners_) SetIngress(listener);
}

bool Elbv2::UsesGroup(std::string_view group_id) const {
  return std::ranges::any_of(balancers_, [&](const auto& entry) {
    const Value::List& groups = entry.second.asked.Items("SecurityGroups");
    return !groups.empty() && Wanted(groups, group_id);
  });
}

void Elbv2::Shut(const Listener& listener) {
  host_.network().Withdraw(EndpointName(balancers_.at(listener.load_balancer).name, listener.port));
  proxy_->Close(listener.arn);
}

Answer Elbv2::CreateListener(const Value& input) {
  const auto balancer = balancers_.find(std::string(input.String("LoadBalancerArn")));
  if (balancer == balancers_.end())
    return Refusal("LoadBalancerNotFound", "One or more load balancers not found");
  if (!input.Has("Protocol") || !input.Has("Port"))
    return Refusal("ValidationError", "A listener protocol and port must be specified");
  if (input.String("Protocol") != "HTTP") {
    return Refusal("UnsupportedProtocol",
                   fmt::format("Listeners of protocol '{}' are not served by this lab",
                               input.String("Protocol")));
  }
  Listener listener;
  listener.port = input.Int("Port");
  if (listener.port < kLowestPort) {
    return Refusal("InvalidConfigurationRequest",
                   fmt::format("This lab publishes ports from {} upwards; {} is below", kLowestPort,
                               listener.port));
  }
  listener.load_balancer = balancer->first;
  listener.actions = Value(input.Items("DefaultActions"));
  if (auto refusal = ReadForward(listener.actions, listener.group)) return *refusal;
  for (const auto& [arn, other] : listeners_) {
    if (other.load_balancer != listener.load_balancer || other.port != listener.port) continue;
    if (other.actions == listener.actions)
      return Value::Struct({{"Listeners", Value::List{ListenerShape(other)}}});
    return Refusal("DuplicateListener",
                   fmt::format("A listener already exists on this port for this load balancer '{}'",
                               balancer->first));
  }
  const std::string path = balancer->first.substr(balancer->first.find("app/"));
  listener.arn = Arn(host_, "elasticloadbalancing",
                     fmt::format("listener/{}/{}", path, host_.random().Hex(16)));
  const base::Status opened = Open(listener);
  if (!opened.ok()) return ApiError{"InternalFailure", opened.error().message(), 500, {}};
  TakeTags(listener.arn, Value(input.Items("Tags")));
  const Listener& added = listeners_[listener.arn] = listener;
  TargetsChanged(groups_.at(added.group));
  Save();
  return Value::Struct({{"Listeners", Value::List{ListenerShape(added)}}});
}

Answer Elbv2::ModifyListener(const Value& input) {
  const auto found = listeners_.find(std::string(input.String("ListenerArn")));
  if (found == listeners_.end())
    return Refusal("ListenerNotFound", "One or more listeners not found");
  Listener& listener = found->second;
  if (input.Int("Port", listener.port) != listener.port ||
      input.String("Protocol", "HTTP") != "HTTP") {
    return Refusal("InvalidConfigurationRequest",
                   "Changing a listener's port or protocol is not served by this lab");
  }
  if (const Value* actions = input.Find("DefaultActions")) {
    std::string group;
    if (auto refusal = ReadForward(*actions, group)) return *refusal;
    listener.actions = *actions;
    listener.group = group;
    proxy_->Forward(listener.arn, group);
    TargetsChanged(groups_.at(group));
    Save();
  }
  return Value::Struct({{"Listeners", Value::List{ListenerShape(listener)}}});
}

Answer Elbv2::DescribeListeners(const Value& input) {
  const Value::List& arns = input.Items("ListenerArns");
  const std::string balancer(input.String("LoadBalancerArn"));
  if (balancer.empty() && arns.empty())
    return Refusal("ValidationError",
                   "You must specify either listener ARNs or a load balancer ARN");
  if (!balancer.empty() && !balancers_.contains(balancer))
    return Refusal("LoadBalancerNotFound", "One or more load balancers not found");
  Value::List found;
  for (const auto& [arn, listener] : listeners_) {
    if (Wanted(arns, arn) && (balancer.empty() || listener.load_balancer == balancer))
      found.push_back(ListenerShape(listener));
  }
  if (found.size() < arns.size())
    return Refusal("ListenerNotFound", "One or more listeners not found");
  return OnePage(input, "Listeners", found);
}

Answer Elbv2::DeleteListener(const Value& input) {
  const auto found = listeners_.find(std::string(input.String("ListenerArn")));
  if (found == listeners_.end())
    return Refusal("ListenerNotFound", "One or more listeners not found");
  Shut(found->second);
  const std::string group = found->second.group;
  listeners_.erase(found);
  TargetsChanged(groups_.at(group));
  Save();
  return Value::Struct();
}

// --- tags

bool Elbv2::Exists(std::string_view arn) const {
  const std::string key(arn);
  return balancers_.contains(key) || groups_.contains(key) || listeners_.contains(key);
}

void Elbv2::TakeTags(const std::string& arn, const Value& tags) {
  for (const Value& tag : tags.list()) {
    const std::string key(tag.String("Key"));
    std::erase_if(tags_, [&](const Tag& t) { return t.arn == arn && t.key == key; });
    tags_.push_back({arn, key, std::string(tag.String("Value"))});
  }
}

Answer Elbv2::AddTags(const Value& input) {
  for (const Value& arn : input.Items("ResourceArns")) {
    if (!Exists(arn.str()))
      return Refusal("LoadBalancerNotFound", fmt::format("'{}' not found", arn.str()));
  }
  for (const Value& arn : input.Items("ResourceArns"))
    TakeTags(arn.str(), Value(input.Items("Tags")));
  Save();
  return Value::Struct();
}

Answer Elbv2::RemoveTags(const Value& input) {
  for (const Value& arn : input.Items("ResourceArns")) {
    if (!Exists(arn.str()))
      return Refusal("LoadBalancerNotFound", fmt::format("'{}' not found", arn.str()));
    std::erase_if(tags_, [&](const Tag& t) {
      return t.arn == arn.str() && Wanted(input.Items("TagKeys"), t.key);
    });
  }
  Save();
  return Value::Struct();
}

Answer Elbv2::DescribeTags(const Value& input) {
  Value::List descriptions;
  for (const Value& arn : input.Items("ResourceArns")) {
    if (!Exists(arn.str()))
      return Refusal("LoadBalancerNotFound", fmt::format("'{}' not found", arn.str()));
    Value::List tags;
    for (const Tag& tag : tags_) {
      if (tag.arn == arn.str())
        tags.push_back(Value::Struct({{"Key", tag.key}, {"Value", tag.value}}));
    }
    descriptions.push_back(Value::Struct({{"ResourceArn", arn}, {"Tags", std::move(tags)}}));
  }
  return Value::Struct({{"TagDescriptions", std::move(descriptions)}});
}

// --- Route 53

void Elbv2::TellRoute53(Reply told) {
  Value::List list;
  for (const auto& [arn, balancer] : balancers_) {
    list.push_back(
        Value::Struct({{"DNSName", balancer.address},
                       {"CanonicalHostedZoneId", LoadBalancerZoneId(host_.region(), "application")},
                       {"Healthy", IsHealthy(balancer)}}));
  }
  host_.CallRegion("global", "route53", "LoadBalancers",
                   Value::Struct({{"Region", host_.region()}, {"LoadBalancers", std::move(list)}}),
                   kRoute53Deadline, std::move(told));
}

void Elbv2::TellRoute53EverySecond() {
  host_.After(1s, [this] { TellRoute53EverySecond(); });
  TellRoute53([](const Answer&) {});
}

// Every group that it forwards to has a healthy target.
bool Elbv2::IsHealthy(const LoadBalancer& balancer) const {
  bool any = false;
  for (const auto& [arn, listener] : listeners_) {
    if (listener.load_balancer != balancer.arn) continue;
    any = true;
    const auto& targets = groups_.at(listener.group).targets;
    if (std::ranges::find(targets, TargetState::kHealthy, &Target::state) == targets.end())
      return false;
  }
  return any;
}

// --- state

void Elbv2::Save() {
  Value::List balancers;
  for (const auto& [arn, b] : balancers_) {
    balancers.push_back(Value::Struct({{"arn", arn},
                                       {"name", b.name},
                                       {"scheme", b.scheme},
                                       {"address", b.address},
                                       {"created", b.created},
                                       {"asked", b.asked},
                                       {"active", b.active}}));
  }
  Value::List groups;
  for (const auto& [arn, group] : groups_) {
    Value::List targets;
    for (const Target& t : group.targets) {
      if (t.state == TargetState::kDraining) continue;
      targets.push_back(Value::Struct(
          {{"address", t.endpoint.address}, {"port", std::int64_t{t.endpoint.port}}}));
    }
    groups.push_back(Value::Struct({{"arn", arn},
                                    {"name", group.name},
                                    {"settings", group.settings},
                                    {"targets", std::move(targets)}}));
  }
  Value::List listeners;
  for (const auto& [arn, l] : listeners_) {
    listeners.push_back(Value::Struct({{"arn", arn},
                                       {"balancer", l.load_balancer},
                                       {"group", l.group},
                                       {"port", l.port},
                                       {"actions", l.actions}}));
  }
  Value::List tags;
  for (const Tag& tag : tags_)
    tags.push_back(Value::Struct({{"arn", tag.arn}, {"key", tag.key}, {"value", tag.value}}));
  SaveState(host_, name(),
            Value::Struct({{"balancers", std::move(balancers)},
                           {"groups", std::move(groups)},
                           {"listeners", std::move(listeners)},
                           {"tags", std::move(tags)}}));
}

base::Status Elbv2::Load() {
  ASSIGN_OR_RETURN(const Value saved, LoadState(host_, name()));
  for (const Value& v : saved.Items("balancers")) {
    LoadBalancer b{std::string(v.String("arn")),
                   std::string(v.String("name")),
                   std::string(v.String("scheme")),
                   std::string(v.String("address")),
                   {},
                   v.Sub("asked"),
                   true};
    if (const Value* created = v.Find("created")) b.created = created->time();
    balancers_[b.arn] = b;
  }
  for (const Value& v : saved.Items("groups")) {
    TargetGroup group{
        std::string(v.String("arn")), std::string(v.String("name")), v.Sub("settings"), {}};
    for (const Value& t : v.Items("targets")) {
      Target target;
      target.endpoint = {std::string(t.String("address")),
                         static_cast<std::uint16_t>(t.Int("port"))};
      group.targets.push_back(std::move(target));
    }
    groups_[group.arn] = std::move(group);
  }
  for (const Value& v : saved.Items("listeners")) {
    const Listener l{std::string(v.String("arn")), std::string(v.String("balancer")),
                     std::string(v.String("group")), v.Int("port"), Value(v.Items("actions"))};
    listeners_[l.arn] = l;
  }
  for (const Value& v : saved.Items("tags"))
    tags_.push_back({std::string(v.String("arn")), std::string(v.String("key")),
                     std::string(v.String("value"))});
  return base::Ok();
}

std::unique_ptr<Service> MakeElbv2(Host& host) { return std::make_unique<Elbv2>(host); }

}  // namespace leeward::lab
