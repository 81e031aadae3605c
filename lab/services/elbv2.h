// ELBv2: application load balancers of one Region, their target groups and listeners.
//
// A load balancer's DNSName is the literal address of its front, so that stock clients reach it
// without any set-up; its CanonicalHostedZoneId is the Region's real one. Targets are IP addresses
// of the Region (loopback ones, which AWS would refuse). Health checks really probe; at the fast
// pace they do so twenty times as often as configured, with a time-out of a second.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/core/service.h"
#include "lab/dns/prober.h"
#include "lab/dns/reactor.h"
#include "lab/services/elbv2_proxy.h"
#include "lab/services/region_links.h"

namespace leeward::lab {

// How ECS reaches the target groups of its Region.
class TargetRegistry {
 public:
  virtual ~TargetRegistry() = default;
  virtual bool HasTargetGroup(std::string_view arn) const = 0;
  virtual void Register(std::string_view group_arn, const Endpoint& target) = 0;
  virtual void Deregister(std::string_view group_arn, const Endpoint& target) = 0;
};

enum class TargetState : std::uint8_t { kInitial, kHealthy, kUnhealthy, kDraining };

struct Target {
  Endpoint endpoint;
  TargetState state = TargetState::kInitial;
  int in_a_row = 0;    // observations against the state
  std::string reason;  // "Target.Timeout", ...
  std::string description;
  std::int64_t generation = 0;  // of its probes; older ones are dropped

  // Takes one observation; true when the state changed. A new target needs one success only.
  bool Observe(bool success, int healthy_threshold, int unhealthy_threshold);
};

// Whether "200", "200,202" or "200-299" has `status`.
bool MatchesCode(std::string_view matcher, int status);

class Elbv2 : public Service, public TargetRegistry, public GuardedByGroups {
 public:
  explicit Elbv2(Host& host) : host_(host) {}
  ~Elbv2() override;

  std::string_view name() const override { return "elbv2"; }
  std::vector<std::string_view> operations() const override;
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;

  void SecurityGroupsChanged() override;
  bool UsesGroup(std::string_view group_id) const override;
  bool HasTargetGroup(std::string_view arn) const override {
    return groups_.contains(std::string(arn));
  }
  void Register(std::string_view group_arn, const Endpoint& target) override;
  void Deregister(std::string_view group_arn, const Endpoint& target) override;

 private:
  friend struct Elbv2Operations;

  struct LoadBalancer {
    std::string arn, name, scheme, address;
    base::WallTime created;
    shapes::Value asked;  // the request that made it
    bool active = false;
  };
  struct TargetGroup {
    std::string arn, name;
    shapes::Value
        settings;  // the members of the TargetGroup shape that do not change by themselves
    std::vector<Target> targets;
  };
  struct Listener {
    std::string arn, load_balancer, group;
    std::int64_t port = 0;
    shapes::Value actions;
  };
  struct Tag {
    std::string arn, key, value;
  };

  // Load balancers and listeners: elbv2.cc.
  Answer CreateLoadBalancer(const shapes::Value& input);
  Answer DescribeLoadBalancers(const shapes::Value& input);
  Answer DeleteLoadBalancer(const shapes::Value& input);
  Answer CreateListener(const shapes::Value& input);
  Answer ModifyListener(const shapes::Value& input);
  Answer DescribeListeners(const shapes::Value& input);
  Answer DeleteListener(const shapes::Value& input);
  Answer AddTags(const shapes::Value& input);
  Answer RemoveTags(const shapes::Value& input);
  Answer DescribeTags(const shapes::Value& input);
  // Target groups: elbv2_targets.cc.
  Answer CreateTargetGroup(const shapes::Value& input);
  Answer DescribeTargetGroups(const shapes::Value& input);
  Answer ModifyTargetGroup(const shapes::Value& input);
  Answer DeleteTargetGroup(const shapes::Value& input);
  Answer RegisterTargets(const shapes::Value& input);
  Answer DeregisterTargets(const shapes::Value& input);
  Answer DescribeTargetHealth(const shapes::Value& input);

  shapes::Value LoadBalancerShape(const LoadBalancer& balancer) const;
  shapes::Value ListenerShape(const Listener& listener) const;
  shapes::Value GroupShape(const TargetGroup& group) const;
  shapes::Value HealthShape(const TargetGroup& group, const Target& target) const;
  std::optional<ApiError> ReadForward(const shapes::Value& actions, std::string& group) const;
  base::Status Open(const Listener& listener);
  void SetIngress(const Listener& listener);
  std::optional<ApiError> RefusePlace(const shapes::Value& input) const;
  void Shut(const Listener& listener);
  bool InUse(const TargetGroup& group) const;
  bool Exists(std::string_view arn) const;
  void TakeTags(const std::string& arn, const shapes::Value& tags);

  std::optional<ApiError> ReadTargets(const TargetGroup& group, const shapes::Value& targets,
                                      std::vector<Endpoint>& endpoints) const;
  Target* FindTarget(std::string_view group_arn, const Endpoint& endpoint);
  void ProbeLater(const std::string& group_arn, const Endpoint& endpoint, std::int64_t generation,
                  base::Duration delay);
  void Probe(const std::string& group_arn, const Endpoint& endpoint, std::int64_t generation);
  void OnProbe(const std::string& group_arn, const Endpoint& endpoint, std::int64_t generation,
               const ProbeResult& result);
  // The proxy and Route 53 learn how the targets are.
  void TargetsChanged(const TargetGroup& group);
  bool IsHealthy(const LoadBalancer& balancer) const;
  void TellRoute53(Reply told);
  void TellRoute53EverySecond();

  void Save();
  base::Status Load();

  Host& host_;
  std::map<std::string, LoadBalancer> balancers_;  // by ARN
  std::map<std::string, TargetGroup> groups_;
  std::map<std::string, Listener> listeners_;
  std::vector<Tag> tags_;
  std::int64_t next_generation_ = 1;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Proxy> proxy_;
};

std::unique_ptr<Service> MakeElbv2(Host& host);

}  // namespace leeward::lab
